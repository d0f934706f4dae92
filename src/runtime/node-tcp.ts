/**
 * Raw TCP through `node:net`: for Deno, and the same on any runtime that has it.
 *
 * - The socket queues what is written without a bound; `unsentBytes` is what it holds.
 * - A client that ends its side is closed: no half-open connections.
 */
import { createServer, type Socket } from "node:net";
import type { ListenTcpOptions, TcpServer, Wire, WireHandlers } from "../lib/platform.ts";
import { processDescriptors } from "./descriptors.ts";
import { countedAddress, Gate } from "./gate.ts";
import { inFewer } from "./outbox.ts";
import { plainBytes } from "./plain-bytes.ts";

export async function listenTcp(options: ListenTcpOptions): Promise<TcpServer> {
  const gate = new Gate(options.limits, processDescriptors);
  const server = createServer((socket) => {
    const address = countedAddress(socket.remoteAddress ?? "");
    if (!gate.enter(address)) {
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    void new NodeWire(socket, options.open, () => gate.leave(address));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", () => {}); // Of one accept: the next may work.
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound ? bound.port : options.port,
    open: () => gate.open,
    stop() {
      server.close();
      return Promise.resolve();
    },
  };
}

class NodeWire implements Wire {
  readonly address: string;
  readonly #socket: Socket;
  #over = false;

  constructor(socket: Socket, open: (wire: Wire) => WireHandlers, leave: () => void) {
    this.#socket = socket;
    this.address = socket.remoteAddress ?? "";
    socket.setNoDelay(true);
    const handlers = open(this);
    socket.on("data", (bytes: Uint8Array) => handlers.data(plainBytes(bytes)));
    socket.on("drain", () => handlers.drained());
    socket.on("error", () => {}); // "close" follows.
    socket.on("end", () => this.drop());
    socket.on("close", () => {
      if (this.#over) return;
      this.#over = true;
      leave();
      handlers.closed();
    });
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.#over || this.#socket.writableEnded) return;
    for (const piece of inFewer(pieces)) this.#socket.write(piece);
  }

  unsentBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (!this.#over) this.#socket.end();
  }

  drop(): void {
    this.#socket.destroy();
  }
}

/**
 * Opens TCP connections through `node:net`, which every runtime has: for the command line, which speaks to brokers.
 */
import { connect } from "node:net";
import type { Wire, WireHandlers } from "../lib/platform.ts";
import { inFewer } from "./outbox.ts";
import { plainBytes } from "./plain-bytes.ts";

/** Rejects with the system's error (ECONNREFUSED, ENOTFOUND, …). */
export function dialTcp(host: string, port: number, handlers: WireHandlers): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const wire: Wire = {
      address: host,
      write(pieces) {
        for (const piece of inFewer(pieces)) if (!socket.destroyed) socket.write(piece);
      },
      unsentBytes: () => socket.writableLength,
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      end: () => void socket.end(),
      drop: () => void socket.destroy(),
    };
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => {}); // "close" follows.
      socket.on("data", (bytes: Uint8Array) => handlers.data(plainBytes(bytes)));
      socket.on("drain", () => handlers.drained());
      socket.on("close", () => handlers.closed());
      resolve(wire);
    });
  });
}

/**
 * A whole node behind its HTTP app, on a memory disk and the machine's own clock, without a socket: what the client and
 * the command line are tested against in process.
 */
import { type Fetch, Kedge } from "../../src/client/client.ts";
import type { HttpAppOptions } from "../../src/http/app.ts";
import { openApp } from "./http-door.ts";

/** The node's own address, for URLs; nothing listens there. */
export const nodeUrl = "http://127.0.0.1:8080";

/** A `fetch` that goes to a new node. */
export async function openMemoryNode(options: Partial<HttpAppOptions> = {}): Promise<Fetch> {
  const { app } = await openApp(options);
  return async (url, init) => {
    init.signal?.throwIfAborted();
    const answer = Promise.resolve(app.fetch(new Request(url, init)));
    return init.signal ? raced(answer, init.signal) : answer;
  };
}

/** A client that loses the answer of every nth POST, after the node has carried it out, and asks again at once. */
export function losing(every: number, fetch: Fetch): Kedge {
  let posts = 0;
  return new Kedge({
    url: nodeUrl,
    retry: { delayMs: 1, delayMaxMs: 2 },
    fetch: async (url, init) => {
      const answer = await fetch(url, init);
      if (init.method === "POST" && ++posts % every === 0) throw new TypeError("socket closed");
      return answer;
    },
  });
}

/** A socket would be closed by an abort; an app called in process must be left behind. */
function raced(answer: Promise<Response>, signal: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    answer.then(resolve, reject);
  });
}

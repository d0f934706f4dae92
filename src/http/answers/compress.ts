/**
 * Compresses whole text answers for clients that ask, off the event loop, a few at a time; when all are busy an answer
 * goes out plain. Streams and raw batches (which carry their own compression) are left alone.
 */
import type { HttpLimits } from "../limits.ts";
import { lazy, nodeUtil, nodeZlib } from "../../lib/builtins.ts";
import { joined, letGo } from "../../lib/bytes.ts";
import { isRuns, type Reply, type Runs } from "./reply.ts";

/** Cheap settings: the aim is fewer bytes, not the fewest. */
const GZIP_LEVEL = 1;
const ZSTD_LEVEL = 1;

const compressors = lazy(() => {
  const { promisify } = nodeUtil();
  const { constants, gzip, zstdCompress } = nodeZlib();
  const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } };
  const [gzipBeside, zstdBeside] = [promisify(gzip), promisify(zstdCompress)];
  return {
    gzip: (bytes: string | Uint8Array) => gzipBeside(bytes, { level: GZIP_LEVEL }),
    zstd: (bytes: string | Uint8Array) => zstdBeside(bytes, zstdOptions),
  };
});

const compressible = /^(?:text\/|application\/(?:.*\+)?json|application\/x-ndjson)/;

export class Compressor {
  readonly #limits: HttpLimits;
  #running = 0;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** The encoding that the client likes and this answer is worth, or null. */
  choose(request: Request, reply: Reply): "gzip" | "zstd" | null {
    const { body, type } = reply;
    if (body === null || body instanceof ReadableStream || type === null) return null;
    if (body.length < this.#limits.compressBytesMin) return null;
    if (this.#running >= this.#limits.compressionsMax || !compressible.test(type)) return null;
    const accepted = request.headers.get("accept-encoding");
    if (accepted === null) return null;
    const names = accepted
      .toLowerCase()
      .split(",")
      .filter((part) => !/;\s*q=0(?:\.0*)?\s*$/.test(part))
      .map((part) => part.split(";", 1)[0]?.trim());
    if (names.includes("zstd")) return "zstd";
    return names.includes("gzip") ? "gzip" : null;
  }

  async compress(encoding: "gzip" | "zstd", reply: Reply): Promise<Reply> {
    if (reply.body === null || reply.body instanceof ReadableStream) return reply;
    const body = isRuns(reply.body) ? whole(reply.body) : reply.body;
    const vary = reply.headers?.["vary"];
    this.#running++;
    try {
      const bytes = await compressors()[encoding](body);
      return {
        ...reply,
        body: new Uint8Array(bytes),
        headers: {
          ...reply.headers,
          "content-encoding": encoding,
          vary: vary ? `${vary}, Accept-Encoding` : "Accept-Encoding",
        },
      };
    } finally {
      this.#running--;
    }
  }
}

/** In one buffer, for the compressor; runs of its own are let go. */
function whole({ runs, isOwn }: Runs): Uint8Array {
  const bytes = joined(runs);
  if (isOwn) for (const { buffer } of runs) if (buffer !== bytes.buffer) letGo(buffer);
  return bytes;
}

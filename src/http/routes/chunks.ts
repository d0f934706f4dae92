/**
 * Chunks: raw batches cut at every 4 MiB of log bytes, equal on all replicas, so that a CDN can keep the past.
 *
 * - A chunk is what lies from the batch that holds `base` up to the first batch past the next boundary. Any base will do;
 *   whoever goes on at `Kafka-Next` asks for the same chunks as everybody else.
 * - Control batches are in it: an aborted transaction is told by its marker, which follows its records.
 * - Sealed (its boundary is passed) in a topic that only deletes, it never changes: `immutable`. Else `no-cache`. The ETag
 *   is strong either way: topic id, partition, base, end and checksum.
 */
import type { Isolation, ReadAnswer } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import { walkBatches } from "../../records/batch.ts";
import { crc32c } from "../../records/crc32c.ts";
import { endsHeaders, nextOffset, upToDate } from "../reading/page.ts";
import type { PartitionName } from "../reading/places.ts";
import { BATCH_TYPE } from "../producing/produce-bytes.ts";
import { defineRoute, type Call } from "../route.ts";
import { joined } from "../reading/runs.ts";
import { chunkParams } from "../schema/fetch.ts";
import { noQuery } from "../schema/shapes.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;
/** A chunk's reads stand at the high watermark: what a transaction does to visibility is the reader's affair. */
const ISOLATION: Isolation = "read_uncommitted";

export const getChunk = defineRoute({
  method: "GET",
  path: "/v1/topics/{topic}/partitions/{partition}/chunks/{base}",
  tag: "fetch",
  summary: "Read a chunk that caches may keep",
  description:
    "Raw v2 batches from the one that holds offset `base` up to the next 4 MiB of log bytes; go on at `Kafka-Next`. Sealed " +
    "chunks of topics with `cleanup.policy=delete` are immutable.",
  params: chunkParams,
  query: noQuery,
  headers: { "If-None-Match": "The ETag of an earlier answer." },
  responses: {
    200: {
      description: "The batches.",
      content: { [BATCH_TYPE]: "binary" },
      headers: {
        ETag: "Names these very bytes.",
        "Kafka-Next": "The base of the next chunk.",
        "Kafka-Sealed": "true: more will not come here.",
      },
    },
    304: { description: "The same as before." },
  },
  async handle(call) {
    const { params, door, context, request } = call;
    return door.untaken.make(CHUNK_BYTES, CHUNK_BYTES, call, async (_granted, firstBytesMax) => {
      const chunk = await readChunk(call, params, params.base, firstBytesMax);
      if (typeof chunk === "number") return chunk;
      const { last, next, runs, size, sealed, done } = chunk;
      const body = joined(runs, size);
      const checksum = runs.reduce((sum, run) => crc32c(run, sum), 0);
      const etag = `"${last.topicId}.${params.partition}.${params.base}.${next}.${checksum.toString(16)}"`;
      const scope = door.authenticated ? "private" : "public";
      const forever =
        sealed && deletesOnly(door.broker.describeTopic(context, params.topic).configs);
      const headers = {
        ...endsHeaders(last, next, upToDate(last, next, ISOLATION)),
        etag,
        "kafka-sealed": String(sealed),
        "cache-control": forever ? `${scope}, max-age=31536000, immutable` : "no-cache",
      };
      if (matches(request.headers.get("if-none-match"), etag))
        return { status: 304, type: null, body: null, headers };
      door.broker.traffic.fetched(params.topic, size);
      return { status: 200, type: BATCH_TYPE, body, headers, done };
    });
  },
});

interface Chunk {
  readonly runs: readonly Uint8Array[];
  readonly size: number;
  readonly next: number;
  readonly sealed: boolean;
  readonly last: ReadAnswer;
  /** As that of a read. */
  readonly done: () => void;
}

/** What it takes where that is more than `bytesMax`. Reads until the boundary after the batch that holds `base`, or the end of the log. */
async function readChunk(
  call: Call,
  name: PartitionName,
  base: number,
  bytesMax: number,
): Promise<Chunk | number> {
  const { broker } = call.door;
  const runs: Uint8Array[] = [];
  const reads: ReadAnswer[] = [];
  const done = (): void => reads.forEach((read) => read.done?.());
  let size = 0;
  let next = base;
  let boundary = -1;
  for (;;) {
    const ask = { topic: name.topic, partition: name.partition, from: next, bytesMax: CHUNK_BYTES };
    const firstBytesMax = Math.max(bytesMax - size, CHUNK_BYTES);
    const options = {
      bytesMin: 0,
      bytesMax: CHUNK_BYTES,
      firstBytesMax,
      waitMs: 0,
      isolation: ISOLATION,
    };
    const [answer] = await broker.read(call.context, [ask], options);
    if (!answer) throw new Refusal("unknown_topic_or_partition", "The partition gave no answer.");
    if (answer.refusal) throw answer.refusal;
    reads.push(answer);
    if (answer.refusedBytes !== undefined) {
      done();
      return size + answer.refusedBytes;
    }
    let { position } = answer;
    let sealed = false;
    if (boundary < 0) boundary = (Math.floor(position / CHUNK_BYTES) + 1) * CHUNK_BYTES;
    for (const run of answer.batches) {
      let end = 0;
      for (const { at, header } of walkBatches(run)) {
        sealed = position >= boundary;
        if (sealed) break;
        position += header.sizeBytes;
        end = at + header.sizeBytes;
        next = nextOffset(header);
      }
      if (end > 0) runs.push(run.subarray(0, end));
      size += end;
      if (sealed) break;
    }
    sealed ||= position >= boundary;
    next = Math.max(next, answer.from);
    if (sealed || answer.batches.length === 0)
      return { runs, size, next, sealed, last: answer, done };
  }
}

function deletesOnly(
  configs: readonly { readonly name: string; readonly value: string }[],
): boolean {
  return configs.find(({ name }) => name === "cleanup.policy")?.value === "delete";
}

function matches(header: string | null, etag: string): boolean {
  if (header === null) return false;
  if (header.trim() === "*") return true;
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

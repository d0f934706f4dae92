/**
 * A compacted log with producers: short ways to send `key=value`, to compact, and to see what is left.
 */
import { hiddenBy } from "../../../../src/broker/visibility.ts";
import { Cleaner } from "../../../../src/log/compaction/cleaner.ts";
import { encodeBatch } from "../../../../src/records/batch-encode.ts";
import { readRecords } from "../../../../src/records/batch-read.ts";
import { type BatchHeader, walkBatches } from "../../../../src/records/batch.ts";
import type { codecNames } from "../../../../src/records/compression.ts";
import { somebody, type TestNode } from "../../../simulation/test-node.ts";
import { logOf, send, settled } from "../transaction-world.ts";

export const RETENTION_MS = 1000;
export const configs = {
  "cleanup.policy": "compact",
  "min.cleanable.dirty.ratio": "0",
  "segment.ms": "1",
  "delete.retention.ms": String(RETENTION_MS),
};
const utf8 = new TextEncoder();

interface Produced {
  readonly id?: bigint;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly transactional?: boolean;
  readonly codec?: (typeof codecNames)[number];
}

/** Sends `key=value` and `key` (a tombstone) as one batch, and lets time pass. */
export async function put(
  node: TestNode,
  texts: readonly string[],
  { id = -1n, epoch = 0, sequence = 0, transactional = false, codec = "none" }: Produced = {},
): Promise<string> {
  const records = texts.map((text) => {
    const [key = "", value] = text.split("=");
    const bytes = value === undefined ? null : utf8.encode(value);
    return { key: utf8.encode(key), value: bytes, headers: [], timestampMs: node.clock.nowMs() };
  });
  const own = id < 0n ? {} : { producerId: id, producerEpoch: epoch, baseSequence: sequence };
  const bytes = encodeBatch(records, { ...own, transactional, codec });
  const [result = ""] = await send(node, {
    topic: "t",
    partition: 0,
    acks: -1,
    payload: { type: "batch", bytes },
    ...(transactional ? { transactional: { transactionalId: `x${id}`, support: "joins" } } : {}),
  });
  await node.clock.advance(5);
  return result;
}

export async function clean(node: TestNode): Promise<void> {
  await settled(node, new Cleaner(node.node, () => node.logs.all()).run());
}

/** Every batch that is left, as `offset` with a letter of its kind: data, empty, commit or abort marker. */
export async function batches(
  node: TestNode,
): Promise<{ kinds: string[]; headers: BatchHeader[] }> {
  const { rows } = await settled(node, node.storage.read(logOf(node).id, 0, Infinity));
  const kinds: string[] = [];
  const headers: BatchHeader[] = [];
  for (const { data } of rows)
    for (const { header } of walkBatches(data)) {
      headers.push(header);
      const kind = header.control ? "marker" : header.count === 0 ? "empty" : "data";
      kinds.push(`${header.baseOffset} ${kind}`);
    }
  return { kinds, headers };
}

export async function committedMap(node: TestNode): Promise<Map<string, string>> {
  const map = new Map<string, string>();
  const options = { bytesMin: 0, bytesMax: 500, waitMs: 0, isolation: "read_committed" as const };
  for (let from = 0; ;) {
    const ask = { topic: "t", partition: 0, from, bytesMax: 500 };
    const [answer] = await settled(node, node.broker.read(somebody, [ask], options));
    if (!answer || answer.refusal) throw answer?.refusal ?? new Error("no answer");
    const isHidden = hiddenBy(answer.aborted);
    const before = from;
    from = Math.max(from, answer.from);
    for (const run of answer.batches)
      for (const { at, header } of walkBatches(run)) {
        from = header.baseOffset + header.lastOffsetDelta + 1;
        if (isHidden(header)) continue;
        for (const { key, value } of readRecords(run, at, { decompressedBytesMax: 1e6 })) {
          const name = new TextDecoder().decode(key ?? undefined);
          if (value === null) map.delete(name);
          else map.set(name, new TextDecoder().decode(value));
        }
      }
    if (from === before) return map;
  }
}

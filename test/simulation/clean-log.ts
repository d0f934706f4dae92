/**
 * A compacted log as storage holds it, and what must be so at any time, whatever a pass was cut off by:
 *
 * 1. In the clean part no key is twice, and nothing is left of what was aborted.
 * 2. Once a batch has its delete horizon, nothing of its tombstones' keys is older than they are: from then on they may go.
 * 3. The last batch of a producer that is known is there, be it as a header alone; or else its marker.
 */
import { hiddenBy } from "../../src/broker/visibility.ts";
import type { ProducerState } from "../../src/log/producers/producers.ts";
import { deleteHorizonOf } from "../../src/records/batch-filter.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { type BatchHeader, walkBatches } from "../../src/records/batch.ts";
import { keyTextOf } from "./keyed.ts";
import { Violation } from "./ledger.ts";
import type { Place, World } from "./world.ts";

export async function checkCleanLog(world: World, { topic, index }: Place): Promise<void> {
  const { life } = world;
  const { storage } = life.test;
  const log = world.logOf(topic, index);
  const { cleanedTo } = log;
  const { memory } = log.producers;
  const known = [...memory.states()];
  const isHidden = hiddenBy(await storage.aborted(log.id, 0));
  const { rows, logStart } = await storage.read(log.id, 0, Infinity);
  if (life.over) return;
  const keys = new Keys(`${topic}/${index}`, logStart, cleanedTo);
  const headers: BatchHeader[] = [];
  for (const { data } of rows) {
    for (const { at, header } of walkBatches(data)) {
      headers.push(header);
      if (!header.control && header.count > 0) keys.pass(data, at, header, isHidden(header));
    }
  }
  for (const [id, state] of known) {
    // Of those that went on meanwhile another batch is the last.
    if (memory.state(id) === state && !isThere(id, state, headers, logStart))
      throw new Violation(`${topic}/${index}: the last batch of producer ${id} is gone`);
  }
}

/** Keys of the records so far, in order. */
class Keys {
  readonly #name: string;
  readonly #logStart: number;
  readonly #cleanedTo: number;
  readonly #passed = new Set<string>();

  constructor(name: string, logStart: number, cleanedTo: number) {
    this.#name = name;
    this.#logStart = logStart;
    this.#cleanedTo = cleanedTo;
  }

  pass(data: Uint8Array, at: number, header: BatchHeader, isAborted: boolean): void {
    const isSettled = deleteHorizonOf(header) !== null;
    for (const record of readRecords(data, at, { decompressedBytesMax: 1e7 })) {
      const { offset, value } = record;
      if (offset < this.#logStart) continue;
      const isClean = offset < this.#cleanedTo;
      if (isAborted && isClean) this.#broken(`what was aborted at ${offset} was not removed`);
      if (isAborted) continue;
      const key = keyTextOf(record);
      const isOlderThere = this.#passed.has(key);
      if (isOlderThere && isClean) this.#broken(`${key} of ${offset} is in the clean part twice`);
      if (isOlderThere && isSettled && value === null)
        this.#broken(`the tombstone at ${offset} may go, and older ones of ${key} are there`);
      this.#passed.add(key);
    }
  }

  #broken(what: string): never {
    throw new Violation(`${this.#name}: ${what}`);
  }
}

function isThere(
  id: bigint,
  { epoch, batches }: ProducerState,
  headers: readonly BatchHeader[],
  logStart: number,
): boolean {
  const own = headers.filter(
    ({ producerId, producerEpoch }) => producerId === id && producerEpoch === epoch,
  );
  const last = batches.at(-1);
  // Of a marker it is not known whether it was trimmed.
  if (!last) return logStart > 0 || own.some(({ control }) => control);
  const lastOffset = last.baseOffset + last.count - 1;
  return (
    lastOffset < logStart ||
    own.some(({ baseOffset, lastOffsetDelta }) => baseOffset + lastOffsetDelta === lastOffset)
  );
}

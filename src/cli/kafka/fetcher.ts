/**
 * Reads partitions along, one Fetch a leader at a time: records in order within each partition.
 *
 * - What a transaction wrote and took back is left out for readers of committed data, and control records for everybody.
 * - An offset that is gone is set to the log's start or end, as `reset` says.
 */
import { fetch } from "../../kafka/apis/01-fetch.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { KafkaError } from "../../kafka/client-error.ts";
import { readRecords } from "../../records/batch-read.ts";
import { type BatchHeader, walkBatches } from "../../records/batch.ts";
import type { LogRecord } from "../../records/record.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import { ToolError } from "./connect.ts";
import { byPlace, keyOf } from "./group-queries.ts";
import { EARLIEST, LATEST, offsetsAt, type Place } from "./offsets.ts";

export interface FetchedRecord extends Place {
  readonly record: LogRecord;
  readonly timestampType: "create" | "append";
}

export interface FetcherOptions {
  readonly committedOnly: boolean;
  readonly reset: PlaceReset;
}

/** Where to begin without an offset: at an end, at what is no older than so much, or nowhere. */
export type PlaceReset = "earliest" | "latest" | "none" | { readonly ageMs: number };

const FETCH_BYTES = 4 * 1024 * 1024;
const PARTITION_BYTES = 1024 * 1024;
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;
/** The last version of Fetch that names topics. */
const NAMES_VERSION = 12;
const OUT_OF_RANGE = 1;

interface Position extends Place {
  /** The next offset to be read. */
  next: number;
}

interface Aborted {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export class Fetcher {
  readonly #client: KafkaClient;
  readonly #options: FetcherOptions;
  #positions: Position[] = [];

  constructor(client: KafkaClient, options: FetcherOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Where each partition is read next. */
  get positions(): readonly Readonly<Position>[] {
    return this.#positions;
  }

  /** Reads these from now on; those without an offset begin where `reset` says. */
  async assign(places: readonly (Place & { readonly offset: number | null })[]): Promise<void> {
    const fresh = places.filter(({ offset }) => offset === null);
    const starts = await this.#starts(fresh);
    this.#positions = places
      .map(({ topic, partition, offset }) => {
        const next = offset ?? starts.get(keyOf({ topic, partition })) ?? 0;
        return { topic, partition, next };
      })
      .toSorted(byPlace);
  }

  /** What came within `waitMs`; nothing where nothing did. Records count as read once `took` is called. */
  async poll(waitMs: number): Promise<readonly FetchedRecord[]> {
    if (this.#positions.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      return [];
    }
    const byLeader = new Map<number, Position[]>();
    for (const position of this.#positions) {
      const leader = await this.#client.leaderOf(position.topic, position.partition);
      const others = byLeader.get(leader);
      if (others) others.push(position);
      else byLeader.set(leader, [position]);
    }
    // With several leaders none of them may keep the others waiting.
    const waitEachMs = byLeader.size > 1 ? Math.min(waitMs, 100) : waitMs;
    const found: FetchedRecord[] = [];
    for (const [id, positions] of byLeader)
      found.push(...(await this.#fetch(id, positions, waitEachMs)));
    return found;
  }

  /** The record has been handed on. */
  took({ topic, partition, record }: FetchedRecord): void {
    const at = this.#positions.find((each) => each.topic === topic && each.partition === partition);
    if (at) at.next = record.offset + 1;
  }

  /** Where those without an offset begin, by place. Throws ToolError where they may not. */
  async #starts(places: readonly Place[]): Promise<ReadonlyMap<string, number>> {
    const { reset } = this.#options;
    if (places.length === 0) return new Map();
    if (reset === "none")
      throw new ToolError(
        `Undefined offset with no reset policy for partitions: [${places.map(keyOf).join(", ")}]`,
      );
    const time =
      typeof reset === "object"
        ? Date.now() - reset.ageMs
        : reset === "earliest"
          ? EARLIEST
          : LATEST;
    const found = await offsetsAt(this.#client, places, time);
    // Nothing is that young: what comes next is.
    const late = found.filter(({ offset }) => offset === null);
    const ends = late.length === 0 ? [] : await offsetsAt(this.#client, late, LATEST);
    return new Map([...found, ...ends].map((each) => [keyOf(each), each.offset ?? 0]));
  }

  async #fetch(
    id: number,
    positions: readonly Position[],
    waitMs: number,
  ): Promise<readonly FetchedRecord[]> {
    const topics = [...Map.groupBy(positions, ({ topic }) => topic)].map(([topic, each]) => ({
      topic,
      topicId: zeroUuid,
      partitions: each.map(({ partition, next }) => ({
        partition,
        fetchOffset: next,
        partitionMaxBytes: PARTITION_BYTES,
        lastFetchedEpoch: -1,
      })),
    }));
    const request = {
      replicaId: -1,
      maxWaitMs: waitMs,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolationLevel: this.#options.committedOnly ? 1 : 0,
      topics,
      forgottenTopicsData: [],
    };
    const answer = await this.#client.ask({ to: "broker", id }, fetch, request, () => {}, {
      waitMs,
      versionMax: NAMES_VERSION,
    });
    const found: FetchedRecord[] = [];
    for (const { topic, partitions } of answer.responses)
      for (const data of partitions) {
        const position = positions.find(
          (each) => each.topic === topic && each.partition === data.partitionIndex,
        );
        if (!position) continue;
        if (data.errorCode !== 0) await this.#failed(position, data.errorCode);
        else if (data.records)
          found.push(...this.#records(position, data.records, data.abortedTransactions ?? []));
      }
    return found;
  }

  async #failed(position: Position, code: number): Promise<void> {
    const error = new KafkaError(code);
    if (code === OUT_OF_RANGE) {
      position.next = (await this.#starts([position])).get(keyOf(position)) ?? 0;
    } else if (error.retriable) {
      this.#client.forgetLeaders();
    } else {
      throw error;
    }
  }

  *#records(
    position: Position,
    bytes: Uint8Array,
    aborted: readonly Aborted[],
  ): Iterable<FetchedRecord> {
    const whole = wholeBatches(bytes);
    const filter = new AbortedFilter(this.#options.committedOnly ? aborted : []);
    let end = position.next;
    let given = false;
    for (const { at, header } of walkBatches(whole)) {
      end = header.baseOffset + header.lastOffsetDelta + 1;
      if (filter.hides(header) || header.control) continue;
      for (const record of readRecords(whole, at, {
        decompressedBytesMax: DECOMPRESSED_BYTES_MAX,
      })) {
        if (record.offset < position.next) continue;
        given = true;
        const { topic, partition } = position;
        yield { topic, partition, record, timestampType: header.timestampType };
      }
    }
    if (!given) position.next = Math.max(position.next, end);
  }
}

/** Which batches belong to transactions that were taken back, as Kafka's consumers find out. */
class AbortedFilter {
  readonly #coming: Aborted[];
  readonly #open = new Set<bigint>();

  constructor(aborted: readonly Aborted[]) {
    this.#coming = aborted.toSorted((one, other) => one.firstOffset - other.firstOffset);
  }

  hides(header: BatchHeader): boolean {
    const last = header.baseOffset + header.lastOffsetDelta;
    while (this.#coming[0] && this.#coming[0].firstOffset <= last) {
      const { producerId } = this.#coming[0];
      this.#open.add(producerId);
      this.#coming.shift();
    }
    if (header.control) {
      this.#open.delete(header.producerId);
      return true;
    }
    return header.transactional && this.#open.has(header.producerId);
  }
}

/** The end of an answer may hold a part of a batch. */
function wholeBatches(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 12 <= bytes.byteLength) {
    const end = at + 12 + view.getInt32(at + 8);
    if (end > bytes.byteLength) break;
    at = end;
  }
  return bytes.subarray(0, at);
}

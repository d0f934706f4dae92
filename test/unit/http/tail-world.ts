/**
 * A world for tails: a clock that stands still until told, a broker that is a few arrays with Kafka's manners, and
 * the client's end of a WebSocket.
 */
import type {
  AppendAnswer,
  AppendRequest,
  Broker,
  ReadAnswer,
  ReadOptions,
  ReadRequest,
} from "../../../src/broker/verbs.ts";
import { createHttpApp, type HttpAppOptions } from "../../../src/http/app.ts";
import type { TailLimits } from "../../../src/http/tail/limits.ts";
import { present } from "../../../src/lib/assert.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import type { Connection, Socket, SocketHandlers } from "../../../src/lib/platform.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { randomUuid, seededRandom } from "../../../src/lib/random.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { readBatchHeader } from "../../../src/records/batch.ts";
import type { Codec } from "../../../src/records/compression.ts";
import { StreamReader } from "../../conformance/event-reader.ts";

export class StillClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; fire: () => void }>();

  nowMs = () => 1_700_000_000_000 + this.#nowMs;
  monotonicMs = () => this.#nowMs;
  turn = () => new Promise<void>((resolve) => setImmediate(resolve));

  after(delayMs: number, fire: () => void) {
    const timer = { atMs: this.#nowMs + delayMs, fire };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Lets time pass, firing what is due in order, with a turn for what each wakes. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await this.turn();
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs);
      const next = due.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
    }
    this.#nowMs = endMs;
    await this.turn();
  }
}

interface FakeTopic {
  readonly name: string;
  readonly id: string;
  readonly logs: { start: number; end: number; batches: Uint8Array[] }[];
}

const bytes = (text: string) => new TextEncoder().encode(text);
const unknown = () => new Refusal("unknown_topic_or_partition", "unknown here");

export class FakeBroker {
  readonly topics = new Map<string, FakeTopic>();
  readonly #random = seededRandom(7);
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  /** Reads that were asked for, and how many wait now. */
  reads = 0;
  refuseReads: Error | null = null;
  /** How batches are compressed from now on. */
  codec: Codec = "none";
  /** Appends wait in `held` until they are let go. */
  holdAppends = false;
  readonly held: (() => void)[] = [];

  #offsets: { asked: number; held: Promise<void> | null } = { asked: 0, held: null };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those who ask for an offset wait until `go`. */
  holdOffsets(): { readonly asked: number; readonly go: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const offsets = { asked: 0, held: promise, go: resolve };
    this.#offsets = offsets;
    return offsets;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  create(name: string, partitions = 1): void {
    this.topics.set(name, { name, id: randomUuid(this.#random), logs: [] });
    this.grow(name, partitions);
  }

  grow(name: string, partitions: number): void {
    const { logs } = present(this.topics.get(name), "made before");
    while (logs.length < partitions) logs.push({ start: 0, end: 0, batches: [] });
  }

  delete(name: string): void {
    this.topics.delete(name);
    this.#wake();
  }

  /** Appends one batch of `key=value` or `value` texts. */
  append(name: string, partition: number, ...values: string[]): void {
    const log = present(this.topics.get(name)?.logs[partition], "made before");
    const records = values.map((text) => {
      const [key, value] = text.includes("=") ? text.split("=") : [null, text];
      return {
        key: key === null || key === undefined ? null : bytes(key),
        value: bytes(value ?? ""),
        headers: [],
        timestampMs: this.#clock.nowMs(),
      };
    });
    log.batches.push(
      encodeBatch(records, { baseOffset: log.end, leaderEpoch: 0, codec: this.codec }),
    );
    log.end += values.length;
    this.#wake();
  }

  /** The log's end jumps, as after a power cut: no record will ever lie below it. */
  jump(name: string, partition: number, end: number): void {
    present(this.topics.get(name)?.logs[partition], "made before").end = end;
  }

  trim(name: string, partition: number, start: number): void {
    present(this.topics.get(name)?.logs[partition], "made before").start = start;
  }

  verbs(): Broker {
    const summary = ({ name, id, logs }: FakeTopic) => ({ name, id, partitions: logs.length });
    const verbs = {
      describeNode: () => ({ version: "0.0.0", nodeId: 1, clusterId: "c" }),
      describeTopic: (_: unknown, name: string) => {
        const topic = this.topics.get(name);
        if (!topic) throw unknown();
        return summary(topic);
      },
      topicById: (_: unknown, id: string) => {
        const topic = [...this.topics.values()].find((topic) => topic.id === id);
        if (!topic) throw unknown();
        return summary(topic);
      },
      partitionCount: (_: unknown, name: string) => {
        const topic = this.topics.get(name);
        if (!topic) throw unknown();
        return topic.logs.length;
      },
      append: (_: unknown, request: AppendRequest) => this.#append(request),
      findOffset: async (_: unknown, name: string, partition: number, spec: { at: string }) => {
        const log = this.topics.get(name)?.logs[partition];
        if (!log) throw unknown();
        this.#offsets.asked += 1;
        await this.#offsets.held;
        return { offset: spec.at === "earliest" ? log.start : log.end, logStart: log.start };
      },
      read: (_: unknown, requests: readonly ReadRequest[], options: ReadOptions) =>
        this.#read(requests, options),
      listTopics: () => [],
      traffic: { fetched() {}, counts: () => [] },
      groups: { list: () => [] },
    };
    // The verbs that tails use, of a broker that has no others.
    return verbs as unknown as Broker;
  }

  async #append({ topic, partition, payload, expectOffset }: AppendRequest): Promise<AppendAnswer> {
    const log = this.topics.get(topic)?.logs[partition];
    if (!log || payload.type !== "records") throw unknown();
    const baseOffset = log.end;
    if (expectOffset !== undefined && expectOffset !== baseOffset)
      throw new Refusal("offset_mismatch", "another offset", { actual: baseOffset });
    const values = payload.records.map(({ value }) => new TextDecoder().decode(value ?? bytes("")));
    this.append(topic, partition, ...values);
    if (this.holdAppends) await new Promise<void>((resolve) => this.held.push(resolve));
    const count = values.length;
    const timestampMs = this.#clock.nowMs();
    return { baseOffset, count, timestampMs, logStart: 0, duplicate: false, throttleMs: 0 };
  }

  async #read(requests: readonly ReadRequest[], options: ReadOptions): Promise<ReadAnswer[]> {
    this.reads += 1;
    if (this.refuseReads) throw this.refuseReads;
    const answers = requests.map((request) => this.#answer(request));
    const ready = answers.some(({ batches, refusal }) => batches.length > 0 || refusal);
    if (ready || options.waitMs === 0 || options.signal?.aborted) return answers;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        timer.cancel();
        options.signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = this.#clock.after(options.waitMs, done);
      this.#waiting.add(done);
      options.signal?.addEventListener("abort", done);
    });
    return requests.map((request) => this.#answer(request));
  }

  #answer({ topic, partition, from }: ReadRequest): ReadAnswer {
    const found = this.topics.get(topic);
    const log = found?.logs[partition];
    const { start: logStart = 0, end = 0, batches = [] } = log ?? {};
    const refusal = !log
      ? unknown()
      : from < logStart
        ? new Refusal("offset_trimmed", "trimmed", { earliest: logStart })
        : from > end
          ? new Refusal("offset_out_of_range", "beyond", { latest: end })
          : null;
    const reaching = batches.filter((batch) => {
      const { baseOffset, lastOffsetDelta } = readBatchHeader(batch);
      return baseOffset + lastOffsetDelta >= from;
    });
    return {
      topic,
      topicId: found?.id ?? "",
      partition,
      logStart,
      highWatermark: end,
      lastStable: end,
      position: 0,
      from: refusal || reaching.length > 0 ? from : end,
      epoch: 0,
      batches: refusal ? [] : reaching,
      aborted: [],
      refusal,
      throttleMs: 0,
    };
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** A WebSocket's client and wire in one: what was sent to it, and how much it leaves unread. */
export class FakeSocket implements Socket {
  readonly sent: Record<string, unknown>[] = [];
  closed: { code: number; reason: string } | null = null;
  dropped = false;
  /** When set, nothing is taken any more: all that is sent piles up here. */
  stalled = false;
  #unread = 0;
  handlers: SocketHandlers | null = null;

  send(data: string | Uint8Array): void {
    if (typeof data !== "string") throw new Error("bytes were sent");
    this.sent.push(JSON.parse(data));
    if (this.stalled) this.#unread += data.length;
  }

  unreadBytes(): number {
    return this.#unread;
  }

  /** The client reads on. */
  take(): void {
    this.stalled = false;
    this.#unread = 0;
    this.handlers?.drain(this);
  }

  say(message: unknown): void {
    this.handlers?.message(this, typeof message === "string" ? message : JSON.stringify(message));
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  drop(): void {
    this.dropped = true;
  }

  ops(op: string): Record<string, unknown>[] {
    return this.sent.filter((message) => message["op"] === op);
  }

  values(): unknown[] {
    return this.ops("record").map(({ data }) => (data as Record<string, unknown>)["value"]);
  }
}

const handshake = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** An HTTP app over the fake broker. */
export function tailWorld(limits: Partial<TailLimits> = {}, options: Partial<HttpAppOptions> = {}) {
  const clock = new StillClock();
  const broker = new FakeBroker(clock);
  const stopping = new AbortController();
  const app = createHttpApp({
    broker: broker.verbs(),
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    tail: limits,
    stopping: stopping.signal,
    ...options,
  });
  return {
    clock,
    broker,
    stopping,
    request: (path: string, init: RequestInit = {}) => app.request(`http://localhost${path}`, init),
    /** An open WebSocket. */
    async socket(init: RequestInit = {}): Promise<FakeSocket> {
      const socket = new FakeSocket();
      const connection: Connection = {
        address: () => "127.0.0.1",
        hold() {},
        keep: () => () => {},
        upgrade(handlers) {
          socket.handlers = handlers;
          return new Response(null);
        },
      };
      const headers = { ...handshake, ...(init.headers as Record<string, string>) };
      const response = await app.request(
        "http://localhost/v1/ws",
        { ...init, headers },
        connection,
      );
      if (!socket.handlers) throw new Error(`${response.status}: ${await response.text()}`);
      socket.handlers.open(socket);
      return socket;
    },
    async tail(query: string, init: RequestInit = {}): Promise<StreamReader> {
      const response = await app.request(`http://localhost/v1/tail?${query}`, init);
      if (response.status !== 200 || !response.body)
        throw new Error(`${response.status}: ${await response.text()}`);
      return new StreamReader(response.body);
    },
  };
}

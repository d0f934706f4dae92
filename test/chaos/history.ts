/**
 * What the log holds, held against what the ledger says. Each rule is named as the promise it checks; a broken one is a line
 * in `violations`.
 *
 * The log is read anew at every look, from a little before what was seen last; the last look of all reads everything.
 */
import { type LedgerEvent, LedgerReader, type Place, valueText } from "./ledger.ts";

/** How far a look goes back into what was already seen. */
const overlap = 500;
const violationsMax = 20;

type Seen = Extract<LedgerEvent, { type: "seen" }>;
type Acked = Extract<LedgerEvent, { type: "acked" }>;

interface Page {
  readonly records: readonly { readonly offset: number; readonly value: string }[];
  readonly next: number;
  readonly high_watermark: number;
}

export interface Counts {
  readonly acked: number;
  readonly unanswered: number;
  readonly refused: number;
  readonly seen: number;
  readonly stored: number;
}

export class History {
  readonly violations: string[] = [];
  readonly #topic: string;
  readonly #ledger: LedgerReader;
  /** Values by offset, a partition each. */
  readonly #logs: string[][];
  readonly #places = new Map<string, Place>();
  readonly #sent = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #seenEnds: number[];
  /** The last acknowledged offset by worker and partition. */
  readonly #lastAcked = new Map<string, number>();
  #seen: Seen[] = [];
  #acked = 0;
  #unanswered = 0;
  #seenCount = 0;

  constructor(topic: string, partitions: number, ledgerPath: string) {
    this.#topic = topic;
    this.#ledger = new LedgerReader(ledgerPath);
    this.#logs = Array.from({ length: partitions }, () => []);
    this.#seenEnds = Array.from({ length: partitions }, () => 0);
  }

  get counts(): Counts {
    return {
      acked: this.#acked,
      unanswered: this.#unanswered,
      refused: this.#refused.size,
      seen: this.#seenCount,
      stored: this.#logs.reduce((sum, log) => sum + log.length, 0),
    };
  }

  /** Takes the ledger as it is now, then the log, then compares: all that was acknowledged before must be in it. */
  async look(port: number): Promise<void> {
    const events = this.#ledger.next();
    await this.#readAll(port, overlap);
    for (const event of events) this.#check(event);
    this.#checkSeen();
  }

  /** The last look: the whole log from its first record, and nothing in it that nobody sent. */
  async lookAtEverything(port: number): Promise<void> {
    await this.look(port);
    await this.#readAll(port, Number.POSITIVE_INFINITY);
    for (const [value] of this.#places)
      if (!this.#sent.has(value)) this.#broken(`nobody sent ${value.slice(0, 60)}`);
    for (const value of this.#refused)
      if (this.#places.has(value)) this.#broken(`refused, yet there: ${value.slice(0, 60)}`);
    for (const [partition, log] of this.#logs.entries())
      if (this.#seenEnds[partition] !== log.length)
        this.#broken(
          `the consumer of ${partition} stands at ${this.#seenEnds[partition]}, the log at ${log.length}`,
        );
  }

  #broken(what: string): void {
    if (this.violations.length < violationsMax) this.violations.push(what);
  }

  async #readAll(port: number, back: number): Promise<void> {
    await Promise.all(this.#logs.map((_, partition) => this.#readOne(port, partition, back)));
  }

  async #readOne(port: number, partition: number, back: number): Promise<void> {
    const log = this.#logs[partition]!;
    const known = log.length;
    let from = Math.max(0, known - back);
    for (;;) {
      const path = `/v1/topics/${this.#topic}/partitions/${partition}/records`;
      const query = `from=${from}&as=text&max_records=10000&max_bytes=8388608`;
      const answer = await fetch(`http://127.0.0.1:${port}${path}?${query}`);
      if (answer.status !== 200)
        return this.#broken(
          `reading ${partition} from ${from}: ${answer.status} ${await answer.text()}`,
        );
      // The fetch answer of the native API.
      const page = (await answer.json()) as Page;
      for (const [index, { offset, value }] of page.records.entries()) {
        if (offset !== from + index)
          this.#broken(`${offset} instead of ${from + index} in ${partition}`);
        this.#place(partition, offset, value);
      }
      if (page.records.length === 0 || page.next >= page.high_watermark) {
        if (page.high_watermark < known)
          this.#broken(`partition ${partition} shrank from ${known} to ${page.high_watermark}`);
        return;
      }
      from = page.next;
    }
  }

  #place(partition: number, offset: number, value: string): void {
    const log = this.#logs[partition]!;
    const before = log[offset];
    if (before !== undefined) {
      if (before !== value)
        this.#broken(
          `offset ${partition}/${offset} was ${before.slice(0, 40)}, now ${value.slice(0, 40)}`,
        );
      return;
    }
    log[offset] = value;
    const twice = this.#places.get(value);
    if (twice)
      this.#broken(`${value.slice(0, 40)} is at ${twice.join("/")} and ${partition}/${offset}`);
    this.#places.set(value, [partition, offset]);
  }

  #check(event: LedgerEvent): void {
    switch (event.type) {
      case "sent":
        for (const value of event.values) this.#sent.add(valueText(value));
        return;
      case "acked":
        this.#checkAcked(event);
        return;
      case "refused":
        for (const value of event.values) this.#refused.add(valueText(value));
        return;
      case "unanswered":
        this.#unanswered += event.values.length;
        return;
      case "seen":
        this.#seen.push(event);
        return;
      case "wrong":
        this.#broken(`${event.worker}: ${event.what}`);
        return;
      default:
        event satisfies never;
    }
  }

  #checkAcked({ worker, values, places }: Acked): void {
    this.#acked += values.length;
    for (const [index, value] of values.entries()) {
      const [partition, offset] = places[index]!;
      const stored = this.#logs[partition]?.[offset];
      if (stored !== valueText(value))
        this.#broken(
          `${value[0]} was acknowledged at ${partition}/${offset}, where ${stored?.slice(0, 40)} is`,
        );
      const order = `${worker} ${partition}`;
      if (offset <= (this.#lastAcked.get(order) ?? -1))
        this.#broken(`${value[0]} at ${partition}/${offset} is out of its writer's order`);
      this.#lastAcked.set(order, offset);
    }
  }

  /** What a consumer was given must be the log itself, each offset once; what is ahead of the last look waits for the next. */
  #checkSeen(): void {
    const ahead: Seen[] = [];
    for (const event of this.#seen) {
      const { partition, from, values } = event;
      const log = this.#logs[partition]!;
      if (from + values.length > log.length) {
        ahead.push(event);
        continue;
      }
      if (from !== this.#seenEnds[partition])
        this.#broken(
          `the consumer of ${partition} went from ${this.#seenEnds[partition]} to ${from}`,
        );
      this.#seenEnds[partition] = from + values.length;
      this.#seenCount += values.length;
      for (const [index, value] of values.entries())
        if (log[from + index] !== value)
          this.#broken(`the consumer was given another record at ${partition}/${from + index}`);
    }
    this.#seen = ahead;
  }
}

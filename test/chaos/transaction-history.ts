/**
 * What transactional clients did and what readers saw, judged with the anomalies of Jepsen's Kafka workload.
 *
 * - Everything is noted in the order in which this process learnt of it. A transaction whose end nobody answered is unknown: its
 *   values may be seen or not, but all or none.
 * - Judged: lost-write, G1a, inconsistent-offsets, duplicate, precommitted-read, G1c, int-nonmonotonic-send, nonmonotonic-send,
 *   poll-skip, nonmonotonic-poll, unseen, and torn: part of a transaction is there and part is not.
 * - Not anomalies of Kafka's transactions, and not looked for: write cycles, and gaps between the sends of one transaction.
 */

export interface Written {
  readonly place: string;
  readonly value: string;
}

export type Outcome = "open" | "committed" | "aborted" | "unknown";

export interface Transaction {
  readonly producer: string;
  readonly writes: Written[];
  /** Values that it consumed. */
  readonly reads: readonly string[];
  outcome: Outcome;
  /** When its commit was asked for; infinite until then. */
  committingAt: number;
}

export interface Poll {
  readonly reader: string;
  readonly place: string;
  readonly offset: number;
  readonly value: string;
  readonly at: number;
}

/** One place's committed records, by ascending offset. */
export type Log = readonly (readonly [offset: number, value: string])[];

export interface Anomaly {
  readonly name: string;
  readonly detail: string;
}

export class TransactionHistory {
  readonly transactions: Transaction[] = [];
  readonly polls: Poll[] = [];
  #now = 0;

  begin(producer: string, reads: readonly string[] = []): Transaction {
    const writes: Written[] = [];
    const begun = { producer, writes, reads, outcome: "open", committingAt: Infinity } as const;
    const transaction: Transaction = { ...begun };
    this.transactions.push(transaction);
    return transaction;
  }

  committing(transaction: Transaction): void {
    transaction.committingAt = this.#tick();
  }

  polled(reader: string, place: string, offset: number, value: string): void {
    this.polls.push({ reader, place, offset, value, at: this.#tick() });
  }

  count(outcome: Outcome): number {
    return this.transactions.filter((transaction) => transaction.outcome === outcome).length;
  }

  /** `logs`: what is there in the end, by place. */
  judge(logs: ReadonlyMap<string, Log>): Anomaly[] {
    const writers = new Map<string, Transaction>();
    for (const transaction of this.transactions) {
      for (const { value } of transaction.writes) writers.set(value, transaction);
    }
    return [
      ...placesOf(logs, this.polls),
      ...this.#outcomes(logs, writers),
      ...this.#sends(logs),
      ...this.#polls(logs, writers),
      ...cycles(this.transactions, writers),
    ];
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }

  /** Every transaction is there as a whole, or not at all. */
  #outcomes(logs: ReadonlyMap<string, Log>, writers: ReadonlyMap<string, Transaction>): Anomaly[] {
    const there = new Set<string>();
    const anomalies: Anomaly[] = [];
    for (const [place, log] of logs) {
      for (const [, value] of log) {
        there.add(value);
        const outcome = writers.get(value)?.outcome ?? "open";
        if (outcome === "aborted" || outcome === "open") {
          anomalies.push({ name: "G1a", detail: `${value} in ${place} is ${outcome}` });
        }
      }
    }
    const polled = new Set(this.polls.map(({ value }) => value));
    for (const { writes, outcome } of this.transactions) {
      const missing = writes.filter(({ value }) => !there.has(value));
      if (outcome === "committed") {
        for (const { value } of missing) anomalies.push({ name: "lost-write", detail: value });
        for (const { value } of writes) {
          if (!polled.has(value)) anomalies.push({ name: "unseen", detail: value });
        }
      } else if (missing.length > 0 && missing.length < writes.length) {
        anomalies.push({ name: "torn", detail: missing.map(({ value }) => value).join(" ") });
      }
    }
    return anomalies;
  }

  /** What a producer sent one after the other stands in that order. */
  #sends(logs: ReadonlyMap<string, Log>): Anomaly[] {
    const anomalies: Anomaly[] = [];
    const offsets = new Map<string, number>();
    for (const log of logs.values()) for (const [offset, value] of log) offsets.set(value, offset);
    const last = new Map<string, { offset: number; transaction: Transaction }>();
    for (const transaction of this.transactions) {
      for (const { place, value } of transaction.writes) {
        const offset = offsets.get(value);
        if (offset === undefined) continue;
        const stream = `${transaction.producer} ${place}`;
        const before = last.get(stream);
        if (before && before.offset >= offset) {
          const inside = before.transaction === transaction;
          const name = inside ? "int-nonmonotonic-send" : "nonmonotonic-send";
          anomalies.push({ name, detail: `${value} at ${offset}, after ${before.offset}` });
        }
        last.set(stream, { offset, transaction });
      }
    }
    return anomalies;
  }

  /** Readers go forward without leaving anything out, and see nothing before somebody asked to commit it. */
  #polls(logs: ReadonlyMap<string, Log>, writers: ReadonlyMap<string, Transaction>): Anomaly[] {
    const anomalies: Anomaly[] = [];
    const last = new Map<string, number>();
    for (const { reader, place, offset, value, at } of this.polls) {
      const stream = `${reader} ${place}`;
      const before = last.get(stream) ?? -1;
      last.set(stream, Math.max(offset, before));
      const where = `${reader} at ${place}@${offset}`;
      if (offset <= before) anomalies.push({ name: "nonmonotonic-poll", detail: where });
      const log = logs.get(place) ?? [];
      const skipped = log.find(([other]) => other > before && other < offset);
      if (skipped) anomalies.push({ name: "poll-skip", detail: `${where} left ${skipped[1]} out` });
      const writer = writers.get(value);
      if (writer && writer.committingAt > at) {
        anomalies.push({ name: "precommitted-read", detail: `${where}: ${value}` });
      }
      if (writer?.outcome === "aborted")
        anomalies.push({ name: "G1a", detail: `${where}: ${value}` });
    }
    return anomalies;
  }
}

/** One value a place, one place a value. */
function placesOf(logs: ReadonlyMap<string, Log>, polls: readonly Poll[]): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const values = new Map<string, string>();
  const places = new Map<string, string>();
  const see = (place: string, offset: number, value: string): void => {
    const at = `${place}@${offset}`;
    const other = values.get(at);
    if (other !== undefined && other !== value) {
      anomalies.push({ name: "inconsistent-offsets", detail: `${at}: ${other} and ${value}` });
    }
    const elsewhere = places.get(value);
    if (elsewhere !== undefined && elsewhere !== at) {
      anomalies.push({ name: "duplicate", detail: `${value}: ${elsewhere} and ${at}` });
    }
    values.set(at, value);
    places.set(value, at);
  };
  for (const [place, log] of logs) for (const [offset, value] of log) see(place, offset, value);
  for (const { place, offset, value } of polls) see(place, offset, value);
  return anomalies;
}

/** Cycles of one transaction having read what another wrote. */
function cycles(
  transactions: readonly Transaction[],
  writers: ReadonlyMap<string, Transaction>,
): Anomaly[] {
  const done = new Set<Transaction>();
  const path = new Set<Transaction>();
  const anomalies: Anomaly[] = [];
  const visit = (transaction: Transaction): void => {
    if (done.has(transaction)) return;
    if (path.has(transaction)) {
      anomalies.push({ name: "G1c", detail: transaction.writes[0]?.value ?? transaction.producer });
      return;
    }
    path.add(transaction);
    for (const value of transaction.reads) {
      const writer = writers.get(value);
      if (writer) visit(writer);
    }
    path.delete(transaction);
    done.add(transaction);
  };
  for (const transaction of transactions) if (transaction.outcome !== "aborted") visit(transaction);
  return anomalies;
}

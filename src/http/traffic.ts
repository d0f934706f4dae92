/**
 * What went in and out by topic, under the names of Kafka's BrokerTopicMetrics. Counting is a map's look-up and two
 * additions a request; past so many topics the others are counted together.
 */
import { family, label } from "./exposition.ts";

const TOPICS_MAX = 1_000;
const OTHERS = "__others__";

interface Counters {
  messagesIn: number;
  bytesIn: number;
  bytesOut: number;
}

export class Traffic {
  readonly #topics = new Map<string, Counters>();

  /** Records that a client had appended. */
  appended(topic: string, records: number, bytes: number): void {
    const counters = this.#of(topic);
    counters.messagesIn += records;
    counters.bytesIn += bytes;
  }

  /** Bytes of log that a client was given. */
  fetched(topic: string, bytes: number): void {
    this.#of(topic).bytesOut += bytes;
  }

  text(): string {
    const entries = [...this.#topics];
    const samples = (value: (counters: Counters) => number) =>
      entries.map(([topic, counters]) => ({
        labels: `topic="${label(topic)}"`,
        value: value(counters),
      }));
    const name = "kafka_server_brokertopicmetrics";
    return [
      family(
        `${name}_messagesin_total`,
        "counter",
        "Records appended.",
        samples((of) => of.messagesIn),
      ),
      family(
        `${name}_bytesin_total`,
        "counter",
        "Bytes of records appended.",
        samples((of) => of.bytesIn),
      ),
      family(
        `${name}_bytesout_total`,
        "counter",
        "Bytes of log read.",
        samples((of) => of.bytesOut),
      ),
    ].join("\n");
  }

  #of(topic: string): Counters {
    const known = this.#topics.get(topic);
    if (known) return known;
    if (this.#topics.size >= TOPICS_MAX && topic !== OTHERS) return this.#of(OTHERS);
    const counters = { messagesIn: 0, bytesIn: 0, bytesOut: 0 };
    this.#topics.set(topic, counters);
    return counters;
  }
}

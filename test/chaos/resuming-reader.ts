/**
 * A reader of event streams that is cut off and comes back by its cursor, for ever; it keeps what it saw of each
 * partition and says at once when an offset comes twice or is passed over.
 */
import { StreamReader } from "../conformance/event-reader.ts";

export class ResumingReader {
  readonly #url: string;
  readonly #query: string;
  /** Values by partition; the first is at offset 0. */
  readonly seen: string[][];
  readonly wrong: string[] = [];
  resumed = 0;
  #lastId = "";
  #stopped = false;
  #cut = new AbortController();
  readonly #done: Promise<void>;

  constructor(url: string, topic: string, partitions: number) {
    this.#url = url;
    this.#query = `topic=${topic}&from=earliest`;
    this.seen = Array.from({ length: partitions }, () => []);
    this.#done = this.#run();
  }

  /** Cuts the connection where it is. */
  cut(): void {
    this.#cut.abort();
  }

  count(): number {
    return this.seen.reduce((sum, values) => sum + values.length, 0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.cut();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#cut = new AbortController();
      await this.#follow(this.#cut.signal).catch(() => {}); // Cut off, or the node is down.
      this.resumed += 1;
      await Bun.sleep(5);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = this.#lastId ? { "last-event-id": this.#lastId } : {};
    const response = await fetch(`${this.#url}/v1/tail?${this.#query}`, { headers, signal });
    if (response.status !== 200 || !response.body) {
      await response.body?.cancel();
      await Bun.sleep(50);
      return;
    }
    const stream = new StreamReader(response.body);
    for (;;) {
      const sent = await stream.next();
      if (!sent) return;
      if (sent.id !== null) this.#lastId = sent.id;
      if (sent.event === "record") this.#take(sent.data ?? {});
      else if (sent.event === "gap") this.wrong.push(`gap ${JSON.stringify(sent.data)}`);
    }
  }

  #take(record: Readonly<Record<string, unknown>>): void {
    const values = this.seen[Number(record["partition"])];
    if (values && values.length === record["offset"]) values.push(String(record["value"]));
    else
      this.wrong.push(
        `${String(record["partition"])}: offset ${String(record["offset"])} after ${values?.length ?? 0} records`,
      );
  }
}

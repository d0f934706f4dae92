/**
 * Reads an event stream as an EventSource does, but shows all that is sent: bare ids and comments too.
 */

export interface SentEvent {
  readonly event: string | null;
  readonly id: string | null;
  readonly data: Record<string, unknown> | null;
  readonly comment: string | null;
}

/** Reads an event stream; `next` waits for what is sent next, be it an event, a bare id or a comment. */
export class StreamReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";
  /** The id that an EventSource would send to resume. */
  lastId = "";

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** Null at the end of the stream. */
  async next(): Promise<SentEvent | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return this.#parse(block);
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** The next `count` events of the name, passing over ids and comments. */
  async events(count: number): Promise<SentEvent[]> {
    const events: SentEvent[] = [];
    while (events.length < count) {
      const sent = await this.next();
      if (!sent) throw new Error(`the stream ended after ${events.length} of ${count} events`);
      if (sent.event) events.push(sent);
    }
    return events;
  }

  /** The values of the next records; what is not text as JSON. */
  async values(count: number): Promise<string[]> {
    const events = await this.events(count);
    return events.map(({ data }) => {
      const value = data?.["value"];
      return typeof value === "string" ? value : JSON.stringify(value);
    });
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  #parse(block: string): SentEvent {
    const fields = new Map<string, string>();
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const id = fields.get("id") ?? null;
    if (id !== null) this.lastId = id;
    const data = fields.get("data");
    return {
      event: fields.get("event") ?? null,
      id,
      data: data === undefined ? null : JSON.parse(data),
      comment: fields.get("") ?? null,
    };
  }
}

/**
 * A stream of server-sent events read from a `fetch` body, by the rules of the HTML standard, section 9.2.6: for places
 * where `EventSource` is missing (Node, edge functions) or cannot send an `Authorization` header (browsers).
 *
 * Left out: reconnecting, which is its caller's affair, and the `retry` field.
 */

import { badAnswer } from "./errors.ts";

export interface ServerSentEvent {
  /**
   * `message` if the server named none. `ping` for what the standard would not show: a comment, which tells that the line
   * lives, and an id that came without data, which tells where to resume.
   */
  readonly type: string;
  readonly data: string;
  /** The last id that the stream gave, this event's or an earlier one's. */
  readonly id: string;
}

/** Characters of one event; a server that sends more is not kedge. */
const EVENT_CHARS_MAX = 64 * 1024 * 1024;

/** Takes text as it comes and gives the events that it completes. */
export class EventParser {
  /** The line that has not ended; it was looked through for its end as it came, and is not again. */
  #rest = "";
  #type = "";
  #data: string[] = [];
  #chars = 0;
  #id = "";
  /** The id of the event that is being read: it counts once that is whole. */
  #nextId = "";
  #started = false;
  /** The last character was a CR, which ended a line: an LF next to it is its second half. */
  #isHalf = false;

  push(text: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    if (text === "") return events;
    const passed = this.#isHalf ? "\n" : this.#started ? null : "\ufeff";
    let from = text[0] === passed ? 1 : 0;
    this.#started = true;
    this.#isHalf = text.endsWith("\r");
    const ends = /\r\n|\n|\r/g;
    ends.lastIndex = from;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      this.#line(this.#rest + text.slice(from, end.index), events);
      this.#rest = "";
      from = ends.lastIndex;
    }
    this.#rest += text.slice(from);
    if (this.#rest.length + this.#chars > EVENT_CHARS_MAX)
      throw badAnswer("A line is larger than this client takes.", 200);
    return events;
  }

  #line(line: string, events: ServerSentEvent[]): void {
    if (line === "") return this.#dispatch(events);
    const colon = line.indexOf(":");
    if (colon === 0) {
      events.push({ type: "ping", data: line.slice(1).trimStart(), id: this.#id });
      return;
    }
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "data") {
      this.#data.push(value);
      this.#chars += value.length;
    } else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#nextId = value;
  }

  #dispatch(events: ServerSentEvent[]): void {
    const moved = this.#id !== this.#nextId;
    this.#id = this.#nextId;
    if (this.#data.length > 0) {
      const type = this.#type === "" ? "message" : this.#type;
      events.push({ type, data: this.#data.join("\n"), id: this.#id });
    } else if (moved) events.push({ type: "ping", data: "", id: this.#id });
    this.#type = "";
    this.#data = [];
    this.#chars = 0;
  }
}

/** The events of a body, by the chunk they came with; ends where the body ends, and drops an event that was cut off. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSentEvent[], void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read())
      yield parser.push(decoder.decode(read.value, { stream: true }));
  } finally {
    // Also when the reader of the events walked away: the connection must not stay open behind it.
    await reader.cancel().catch(() => {});
  }
}

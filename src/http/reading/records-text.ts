/**
 * Records one after the other in an answer's text, as a list, as lines or as events.
 */
import type { LogRecord } from "../../records/record.ts";
import type { LongText } from "../answers/long-text.ts";
import { isLong, type RecordForm, recordPieces, recordText } from "./record-out.ts";

/** What stands around each record. */
export interface Shape {
  readonly before: string;
  readonly between: string;
  readonly after: string;
}

export const listed: Shape = { before: "", between: ",", after: "" };
export const inLines: Shape = { before: "", between: "", after: "\n" };
export const asEvents: Shape = { before: "event: record\ndata: ", between: "", after: "\n\n" };

export class RecordsText {
  readonly text: LongText;
  readonly #shape: Shape;
  #count = 0;

  constructor(text: LongText, shape: Shape) {
    this.text = text;
    this.#shape = shape;
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Adds a record and gives the length of its JSON; null, and nothing is added, where that is more than `lengthMax`. */
  add(
    place: string,
    record: LogRecord,
    timestampType: "create" | "append",
    form: RecordForm,
    lengthMax: number,
  ): number | null {
    const { text } = this;
    const { before, between, after } = this.#shape;
    const head = this.#count === 0 ? before : between + before;
    let length = 0;
    if (isLong(record)) {
      const mark = text.mark();
      text.add(head);
      for (const piece of recordPieces(place, record, timestampType, form)) {
        length += piece.length;
        if (length > lengthMax) {
          text.goBack(mark);
          return null;
        }
        text.add(piece);
      }
      text.add(after);
    } else {
      const json = recordText(place, record, timestampType, form);
      ({ length } = json);
      if (length > lengthMax) return null;
      text.add(head + json + after);
    }
    this.#count += 1;
    return length;
  }
}

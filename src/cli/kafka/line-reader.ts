/**
 * Lines as records: Kafka's LineMessageReader, by its properties.
 *
 * - What a line lacks ends the reading, unless `ignore.error` says to take it as it is.
 * - `headers.separator` is plain text, where Kafka's is a pattern. Left out: readers that are loaded.
 */
import type { NewRecord } from "../../records/record.ts";
import { ToolError } from "./connect.ts";

const classes = ["org.apache.kafka.tools.LineMessageReader"];
const utf8 = new TextEncoder();

/** Throws ToolError for a class that is not here. */
export function checkReaderClass(name: string | undefined): void {
  if (name !== undefined && !classes.includes(name))
    throw new ToolError(
      `--line-reader ${name} cannot be loaded here: only ${classes.join(", ")} is known, which is what reads lines without it`,
    );
}

export class LineReader {
  readonly #parsesKey: boolean;
  readonly #parsesHeaders: boolean;
  readonly #ignoresErrors: boolean;
  readonly #keySeparator: string;
  readonly #headersDelimiter: string;
  readonly #headersSeparator: string;
  readonly #headerKeySeparator: string;
  readonly #nullMarker: string | null;
  #line = 0;

  /** Throws ToolError for separators that cannot be told apart. */
  constructor(properties: ReadonlyMap<string, string>) {
    const is = (name: string) => properties.get(name)?.trim().toLowerCase() === "true";
    this.#parsesKey = is("parse.key");
    this.#parsesHeaders = is("parse.headers");
    this.#ignoresErrors = is("ignore.error");
    this.#keySeparator = properties.get("key.separator") ?? "\t";
    this.#headersDelimiter = properties.get("headers.delimiter") ?? "\t";
    this.#headersSeparator = properties.get("headers.separator") ?? ",";
    this.#headerKeySeparator = properties.get("headers.key.separator") ?? ":";
    this.#nullMarker = properties.get("null.marker") ?? null;
    this.#checkSeparators();
  }

  /** Throws ToolError for a line that lacks a part, unless such lines are to be taken as they are. */
  read(line: string): NewRecord {
    this.#line += 1;
    let rest = line;
    let headers: NewRecord["headers"] = [];
    if (this.#parsesHeaders) {
      const [text, after] = this.#cut(rest, this.#headersDelimiter, "headers delimiter");
      headers = text === null || text === this.#nullMarker ? [] : this.#headers(text);
      rest = after;
    }
    let key: string | null = null;
    if (this.#parsesKey) [key, rest] = this.#cut(rest, this.#keySeparator, "key separator");
    return { key: this.#bytes(key), value: this.#bytes(rest), headers, timestampMs: Date.now() };
  }

  #checkSeparators(): void {
    const named = [
      ["headers.delimiter", this.#headersDelimiter],
      ["headers.separator", this.#headersSeparator],
      ["headers.key.separator", this.#headerKeySeparator],
    ] as const;
    for (const [at, [name, text]] of named.entries())
      for (const [other, its] of named.slice(at + 1))
        if (text === its) throw new ToolError(`${name} and ${other} may not be equal`);
    for (const [name, text] of [["key.separator", this.#keySeparator], ...named] as const)
      if (text === this.#nullMarker)
        throw new ToolError(`null.marker and ${name} may not be equal`);
  }

  #cut(text: string, separator: string, what: string): [string | null, string] {
    const at = text.indexOf(separator);
    if (at >= 0) return [text.slice(0, at), text.slice(at + separator.length)];
    if (this.#ignoresErrors) return [null, text];
    throw new ToolError(`No ${what} found on line number ${this.#line}: '${text}'`);
  }

  #headers(text: string): NewRecord["headers"] {
    return text.split(this.#headersSeparator).map((pair) => {
      const at = pair.indexOf(this.#headerKeySeparator);
      if (at < 0 && this.#ignoresErrors) return { name: pair, value: null };
      if (at < 0)
        throw new ToolError(
          `No header key separator found in pair '${pair}' on line number ${this.#line}`,
        );
      const name = pair.slice(0, at);
      if (name === this.#nullMarker)
        throw new ToolError(
          `Header keys should not be equal to the null marker '${name}' as they can't be null`,
        );
      return { name, value: this.#bytes(pair.slice(at + this.#headerKeySeparator.length)) };
    });
  }

  #bytes(text: string | null): Uint8Array | null {
    return text === null || text === this.#nullMarker ? null : utf8.encode(text);
  }
}

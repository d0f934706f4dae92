/**
 * Long messages in steps: what `codec.ts` reads and writes at once, with a step after every few hundred elements, so that others
 * get their turn in between.
 *
 * - Only arrays, and the structs that hold some, have steps; everything else is short (a string has 32 KiB, byte fields are
 *   views). Tagged fields go at once: no message has a long array among them.
 * - Nobody knows beforehand whether a message is long. It is read or written at once with few elements allowed; past them comes
 *   `LongMessage`, and it begins anew in steps. So short ones pay nothing for it.
 */
import type { Steps } from "../lib/async.ts";
import type { Codec, Member, Values } from "./codec.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Elements that are read or written at once; a message of more is a long one. */
export const ELEMENTS_AT_ONCE = 2_000;
/** Elements between two steps. */
const ELEMENTS_PER_STEP = 500;
/** About what reading or writing an element takes; a young process, whose code is not compiled yet, needs several times it. */
const ELEMENT_COST = 2_000;

/** A codec's two ways, in steps. */
export interface InSteps<T> {
  read(reader: Reader): Steps<T>;
  write(writer: Writer, value: T): Steps<void>;
}

/** The elements of an array, each in steps where it may be long itself. */
export function arrayInSteps(
  element: Codec<unknown>,
  readCount: (reader: Reader) => number | null,
  writeCount: (writer: Writer, values: readonly unknown[] | null) => void,
): InSteps<readonly unknown[] | null> {
  const { inSteps } = element;
  return {
    *read(reader) {
      const count = readCount(reader);
      if (count === null) return null;
      const values: unknown[] = [];
      for (let index = 0; index < count; index += 1) {
        values.push(inSteps ? yield* inSteps.read(reader) : element.read(reader));
        if (isStep(reader)) yield ELEMENTS_PER_STEP * ELEMENT_COST;
      }
      return values;
    },
    *write(writer, values) {
      writeCount(writer, values);
      for (const value of values ?? []) {
        if (inSteps) yield* inSteps.write(writer, value);
        else element.write(writer, value);
        if (isStep(writer)) yield ELEMENTS_PER_STEP * ELEMENT_COST;
      }
    },
  };
}

/** Counts an element; true for every some-hundredth, whichever arrays they are in. */
function isStep(of: Reader | Writer): boolean {
  of.sinceStep += 1;
  if (of.sinceStep < ELEMENTS_PER_STEP) return false;
  of.sinceStep = 0;
  return true;
}

/** A struct's members; null where none of them may be long. */
export function plainInSteps(
  members: readonly Member[],
  defaults: Values,
  checkAbsent: (values: Values) => void,
): InSteps<Values> | null {
  if (!members.some(({ codec }) => codec.inSteps)) return null;
  return {
    *read(reader) {
      const values = { ...defaults };
      for (const { name, codec } of members) {
        const { inSteps } = codec;
        values[name] = inSteps ? yield* inSteps.read(reader) : codec.read(reader);
      }
      return values;
    },
    *write(writer, values) {
      checkAbsent(values);
      for (const { name, codec, fallback } of members) {
        const value = values[name] === undefined ? fallback : values[name];
        if (codec.inSteps) yield* codec.inSteps.write(writer, value);
        else codec.write(writer, value);
      }
    },
  };
}

/** The same with the tagged fields behind it. */
export function taggedInSteps(
  plain: InSteps<Values>,
  readTags: (reader: Reader, values: Values) => void,
  writeTags: (writer: Writer, values: Values) => void,
): InSteps<Values> {
  return {
    *read(reader) {
      const values = yield* plain.read(reader);
      readTags(reader, values);
      return values;
    },
    *write(writer, values) {
      yield* plain.write(writer, values);
      writeTags(writer, values);
    },
  };
}

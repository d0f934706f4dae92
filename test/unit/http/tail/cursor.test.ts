/** The tail's cursor: every cursor comes back as it was, and nothing else is taken for one. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Refusal } from "../../../../src/lib/refusal.ts";
import {
  type CursorTopic,
  cursorText,
  CursorText,
  hashName,
  parseCursor,
  PLACES_MAX,
} from "../../../../src/http/tail/cursor.ts";

const id = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => bytes.toBase64({ alphabet: "base64url", omitPadding: true }));

const topic: fc.Arbitrary<CursorTopic> = fc.record({
  id,
  nameHash: fc.integer({ min: 0, max: 0xffffff }),
  whole: fc.boolean(),
  places: fc
    .uniqueArray(fc.record({ partition: fc.nat(0xffff), next: fc.maxSafeNat() }), {
      minLength: 1,
      maxLength: 12,
      selector: ({ partition }) => partition,
    })
    .map((places) => places.toSorted((a, b) => a.partition - b.partition)),
});
const topics = fc.uniqueArray(topic, { minLength: 1, maxLength: 8, selector: ({ id }) => id });

function refused(text: string): boolean {
  try {
    parseCursor(text);
    return false;
  } catch (error) {
    return error instanceof Refusal && error.code === "invalid_cursor";
  }
}

test("what is written is read, and is one word of a URL", () => {
  fc.assert(
    fc.property(topics, (topics) => {
      const text = cursorText(topics);
      expect(text).toMatch(/^[\w-]+$/);
      expect(parseCursor(text)).toEqual(topics);
    }),
  );
});

test("moving a place is writing the cursor anew", () => {
  fc.assert(
    fc.property(topics, fc.array(fc.tuple(fc.nat(200), fc.maxSafeNat())), (topics, moves) => {
      const text = new CursorText(topics);
      const places = topics.map((topic) => topic.places.map((place) => ({ ...place })));
      for (const [pick, next] of moves) {
        const flat = places.flat();
        const index = pick % flat.length;
        Object.assign(flat[index] ?? {}, { next });
        const expected = cursorText(
          topics.map((topic, at) => ({ ...topic, places: places[at] ?? [] })),
        );
        expect(text.move(index, next)).toBe(expected);
        expect(text.toString()).toBe(expected);
      }
    }),
  );
});

test("a cursor that lost its end, or anything that is no cursor, is refused", () => {
  fc.assert(
    fc.property(topics, fc.double({ min: 0, max: 0.999, noNaN: true }), (topics, part) => {
      const text = cursorText(topics);
      expect(refused(text.slice(0, Math.floor(text.length * part)))).toBe(true);
      expect(refused(`${text}AAAA`)).toBe(true);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      if (!refused(text)) expect(cursorText(parseCursor(text))).toBe(text);
    }),
  );
});

test("a flipped character is refused or another cursor, never an error of another kind", () => {
  fc.assert(
    fc.property(topics, fc.nat(), fc.base64String({ minLength: 1 }), (topics, at, other) => {
      const text = cursorText(topics);
      const place = at % text.length;
      const flipped = text.slice(0, place) + other[0] + text.slice(place + 1);
      if (!refused(flipped)) expect(cursorText(parseCursor(flipped))).toBe(flipped);
    }),
  );
});

test("the largest cursor fits a header", () => {
  const places = Array.from({ length: PLACES_MAX }, (_, partition) => ({
    partition,
    next: Number.MAX_SAFE_INTEGER,
  }));
  const one = [{ id: "A".repeat(22), nameHash: 0, whole: true, places }];
  expect(parseCursor(cursorText(one))).toEqual(one);
  expect(cursorText(one).length).toBeLessThan(4_000);
  const tooMany = [...one, { ...one[0], id: `B${"A".repeat(21)}` }] as CursorTopic[];
  expect(refused(cursorText(tooMany))).toBe(true);
});

test("version 1 is written as it always was", () => {
  const text = cursorText([
    {
      id: "0jJwYk9mQhWk0K7b1c2d3Q",
      nameHash: hashName("orders"),
      whole: true,
      places: [
        { partition: 0, next: 123 },
        { partition: 7, next: 2 ** 40 + 5 },
      ],
    },
  ]);
  expect(text).toBe("AQAB0jJwYk9mQhWk0K7b1c2d3V6W3oACAAAAAAAAAAB7AAcAAQAAAAAF");
});

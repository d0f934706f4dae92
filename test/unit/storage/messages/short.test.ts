/**
 * What most commits need of messages, in its shortest form, says the same as the long one; all else stays as it is.
 */
import { expect, test } from "bun:test";
import type { Committed, Request } from "../../../../src/storage/messages/messages.ts";
import {
  committedOf,
  lengthened,
  numberOf,
  shortened,
} from "../../../../src/storage/messages/short.ts";

const well: Committed = {
  failures: [],
  returned: [],
  upkeep: { sweep: false, checkpoint: "none" },
};

test("a commit that all went well with is a number, whatever upkeep it asks for", () => {
  for (const sweep of [false, true])
    for (const checkpoint of ["none", "due", "overdue"] as const) {
      const committed: Committed = { ...well, upkeep: { sweep, checkpoint } };
      const number = numberOf(committed);
      expect(number).not.toBeNull();
      expect(committedOf(number ?? -1)).toEqual(committed);
    }
});

test("an answer with more to say stays an object", () => {
  expect(numberOf({ ...well, returned: [new Uint8Array(1)] })).toBeNull();
  const failure = { type: "bug", message: "no" } as const;
  expect(numberOf({ ...well, failures: [[0, failure]] })).toBeNull();
  for (const other of [null, true, well.upkeep, [], new Map()]) expect(numberOf(other)).toBeNull();
});

test("a commit of small appends is its buffer alone; every other request stays as it is", () => {
  const buffer = new ArrayBuffer(8);
  const small: Request = { type: "commit", buffer, large: [] };
  expect(shortened(small)).toBe(buffer);
  expect(lengthened(shortened(small))).toEqual(small);
  const large: Request = { type: "commit", buffer, large: [new Uint8Array(1)] };
  for (const request of [large, { type: "stats" } as const])
    expect(lengthened(shortened(request))).toBe(request);
});

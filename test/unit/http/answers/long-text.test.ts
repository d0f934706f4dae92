/** Text that gets long is bytes, whatever its characters, and the same as it would be whole. */
import { describe, expect, test } from "bun:test";
import { LongText } from "../../../../src/http/answers/long-text.ts";
import type { Runs } from "../../../../src/http/answers/reply.ts";

function textOf(body: string | Runs): string {
  if (typeof body === "string") return body;
  const whole = new Uint8Array(body.length);
  let at = 0;
  for (const run of body.runs) {
    whole.set(run, at);
    at += run.length;
  }
  expect(at).toBe(body.length);
  return new TextDecoder("utf-8", { fatal: true }).decode(whole);
}

test("a short one stays a string", () => {
  const text = new LongText();
  text.add("a");
  text.add("b");
  expect(text.finish("(", ")")).toBe("(ab)");
});

describe("a long one is bytes", () => {
  const letters = ["x", "\u00e9", "\u4e16", "\u{1f600}", "x\u{1f600}\u4e16"];
  for (const letter of letters)
    for (const length of [100, 70_000, 300_000])
      test(`of ${length} times ${letter}`, () => {
        const text = new LongText();
        let whole = "";
        for (let at = 0; at < 7; at++) {
          const part = `${at}${letter.repeat(length)}`;
          text.add(part);
          whole += part;
        }
        const body = text.finish("<", ">");
        expect(textOf(body) === `<${whole}>`).toBe(true);
        if (typeof body === "string") expect(whole.length).toBeLessThan(128 * 1024);
        else
          for (const { buffer, length } of body.runs.slice(1))
            expect(buffer.byteLength).toBeLessThanOrEqual(2 * length);
      });
});

test("it goes back to where it was, whatever was added since", () => {
  for (const before of [10, 130_000, 300_000])
    for (const since of [10, 130_000, 900_000]) {
      const text = new LongText();
      text.add("a".repeat(before));
      const mark = text.mark();
      text.add("b".repeat(since));
      text.goBack(mark);
      text.add("c".repeat(200_000));
      const body = text.finish();
      expect(textOf(body) === "a".repeat(before) + "c".repeat(200_000)).toBe(true);
    }
});

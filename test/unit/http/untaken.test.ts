/**
 * Large answers that wait for their clients: what is set aside, what is counted until it is taken, who is cut off; and
 * how long the text of a page gets.
 */
import { describe, expect, test } from "bun:test";
import { httpLimits } from "../../../src/http/limits.ts";
import { BatchOpener } from "../../../src/http/batch-opener.ts";
import { pageOf } from "../../../src/http/page.ts";
import { Untaken } from "../../../src/http/untaken.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

const limits = {
  ...httpLimits,
  answerBytesMax: 1_000,
  answerPiecesMin: 100,
  answerPieceBytes: 40,
  answerBytesShort: 10,
  answerStallMs: 30_000,
};

function world() {
  const clock = new VirtualClock();
  return { clock, untaken: new Untaken(clock, limits) };
}

const reply = (size: number) => ({ status: 200, type: null, body: new Uint8Array(size) });

describe("what a read may make", () => {
  const cases: [string, number[], number][] = [
    ["all it asks", [600], 600],
    ["what others left", [600, 600], 400],
    ["a few where nothing is left", [600, 600, 600], 10],
    ["no more than it asks, though", [600, 600, 5], 5],
  ];
  for (const [name, asked, last] of cases)
    test(name, () => {
      const { untaken } = world();
      const granted = asked.map((bytes) => untaken.reserve(bytes));
      expect(granted.at(-1)).toBe(last);
      for (const bytes of granted) untaken.release(bytes);
      expect(untaken.bytes).toBe(0);
    });
});

describe("an answer past twice the limit", () => {
  const cases: [string, number, number, boolean][] = [
    ["goes where others leave room", 1_900, 100, true],
    ["is refused where they do not", 1_901, 100, false],
    ["goes when it is small", 5_000, 99, true],
    ["goes when it is the only one", 0, 5_000, true],
  ];
  for (const [name, others, size, goes] of cases)
    test(name, () => {
      const { untaken } = world();
      untaken.pieces([new Uint8Array(others)]);
      const granted = untaken.reserve(50);
      const admit = () => untaken.admit(reply(size), granted);
      if (goes) expect(admit).not.toThrow();
      else expect(admit).toThrow(Refusal);
    });
});

describe("an answer in pieces", () => {
  test("is given back as its client takes it, and arrives whole", async () => {
    const { untaken } = world();
    const bytes = Uint8Array.from({ length: 100 }, (_, at) => at);
    const reader = untaken.pieces([bytes.subarray(0, 90), bytes.subarray(90)]).stream.getReader();
    const seen: number[] = [];
    const counted: number[] = [untaken.bytes];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      seen.push(...value);
      counted.push(untaken.bytes);
    }
    expect(seen).toEqual([...bytes]);
    expect(counted).toEqual([100, 100, 60, 20, 10]);
    expect(untaken.bytes).toBe(0);
  });

  test("is given back when its client leaves", async () => {
    const { clock, untaken } = world();
    const reader = untaken.pieces([new Uint8Array(100)]).stream.getReader();
    await reader.read();
    await reader.cancel();
    expect(untaken.bytes).toBe(0);
    await clock.advance(limits.answerStallMs * 2);
    expect(untaken.bytes).toBe(0);
  });

  test("is cut off where its client takes nothing, and not before", async () => {
    const { clock, untaken } = world();
    const reader = untaken.pieces([new Uint8Array(100)]).stream.getReader();
    await clock.advance(limits.answerStallMs - 1);
    await reader.read();
    await clock.advance(limits.answerStallMs - 1);
    expect(untaken.bytes).toBe(100);
    await clock.advance(1);
    expect(untaken.bytes).toBe(0);
    let failure = "";
    await reader.read().catch((error: unknown) => (failure = String(error)));
    expect(failure).toContain("stopped reading");
  });
});

describe("a page's text", () => {
  const cases: [string, string][] = [
    ["plain", "x"],
    ["control characters, six times as long when escaped", "\u0001"],
    ["characters of three bytes", "\u4e16"],
  ];
  for (const [name, letter] of cases)
    for (const bytesMax of [1, 5_000, 50_000])
      test(`${name}: about ${bytesMax} bytes, or one record`, async () => {
        const value = new TextEncoder().encode(letter.repeat(600));
        const records = Array.from({ length: 100 }, () => ({
          key: null,
          value,
          headers: [],
          timestampMs: 1,
        }));
        const answer = {
          topic: "t",
          topicId: "i",
          partition: 0,
          batches: [encodeBatch(records)],
          position: 0,
          from: 0,
          aborted: [],
          refusal: null,
          throttleMs: 0,
          logStart: 0,
          highWatermark: 100,
          lastStable: 100,
          epoch: 0,
        };
        const terms = { recordsMax: 1_000, bytesMax, isolation: "read_committed" as const };
        const page = await pageOf(answer, 0, Number.MAX_SAFE_INTEGER, {
          ...terms,
          form: "auto",
          opener: new BatchOpener(new VirtualClock(), 1_000_000),
        });
        const sizes = page.records.map((text) => new TextEncoder().encode(text).length);
        const size = sizes.reduce((sum, each) => sum + each, 0);
        const one = sizes[0] ?? 0;
        expect(page.next).toBe(page.records.length);
        expect(page.records.length).toBeGreaterThan(0);
        expect(size).toBeLessThanOrEqual(1.25 * bytesMax + one);
        if (page.next < 100) expect(size).toBeGreaterThan(bytesMax - 2 * one);
      });
});

/**
 * Large answers that wait for their clients: what is set aside, what is counted until it is taken, who is cut off; and
 * how long the text of a page gets.
 */
import { describe, expect, test } from "bun:test";
import { type HttpLimits, httpLimits } from "../../../../src/http/limits.ts";
import { BatchOpener } from "../../../../src/http/reading/batch-opener.ts";
import { LongText } from "../../../../src/http/answers/long-text.ts";
import { pageOf } from "../../../../src/http/reading/page.ts";
import { inLines, RecordsText } from "../../../../src/http/reading/records-text.ts";
import { Untaken } from "../../../../src/http/answers/untaken.ts";
import { present } from "../../../../src/lib/assert.ts";
import { encodeBatch } from "../../../../src/records/batch-encode.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const limits = {
  ...httpLimits,
  answerBytesMax: 1_000,
  answerPiecesMin: 100,
  answerPieceBytes: 40,
  answerBytesShort: 10,
  answerStallMs: 30_000,
};

function world(others: Partial<HttpLimits> = {}) {
  const clock = new VirtualClock();
  return { clock, untaken: new Untaken(clock, { ...limits, ...others }) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

const reply = (size: number) => ({ status: 200, type: null, body: new Uint8Array(size) });

const asker = { request: { signal: new AbortController().signal }, connection: null };

describe("what a read may make", () => {
  const cases: [string, number[], number][] = [
    ["all it asks", [600], 600],
    ["what others left", [600, 600], 400],
    ["a few where nothing is left", [600, 600, 600], 10],
    ["no more than it asks, though", [600, 600, 5], 5],
  ];
  for (const [name, asked, last] of cases)
    test(name, () => {
      const { untaken } = world({ answerBytesMax: 1_000 });
      // Others that are made at the same time.
      const others = asked.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0);
      untaken.pieces([new Uint8Array(others)]);
      const making = present(untaken.begin(asked.at(-1) ?? 0), "nobody makes a page");
      expect(making.bytes).toBe(last);
      untaken.end(making);
      expect(untaken.bytes).toBe(others);
    });
});

describe("an answer past twice the limit", () => {
  const cases: [string, number, number, boolean][] = [
    ["goes where others leave room", 1_900, 100, true],
    ["has to wait where they do not", 1_901, 100, false],
    ["goes when it is small", 5_000, 99, true],
    ["goes when it is the only one", 0, 5_000, true],
  ];
  for (const [name, others, size, goes] of cases)
    test(name, () => {
      const { untaken } = world();
      untaken.pieces([new Uint8Array(others)]);
      const making = present(untaken.begin(50), "nobody makes a page");
      expect(untaken.sizeToWaitFor(reply(size), making.bytes)).toBe(goes ? 0 : size);
    });

  test("is let go, and made anew when there is room", async () => {
    const { untaken } = world();
    const others = untaken.pieces([new Uint8Array(1_950)]).stream;
    let made = 0;
    const answer = untaken.make(500, 0, asker, () => {
      made += 1;
      return Promise.resolve(reply(100));
    });
    await settled();
    expect([made, untaken.bytes]).toEqual([1, 1_950]);
    await others.cancel();
    expect(await answer).toEqual(reply(100));
    expect([made, untaken.bytes]).toEqual([2, 0]);
  });

  test("waits for the size of a batch that is larger than what it set aside, and has that much then", async () => {
    const { untaken } = world({ answerBytesMax: 1_000_000 });
    const others = untaken.pieces([new Uint8Array(1_500_000)]).stream;
    const asked: number[] = [];
    const answer = untaken.make(10, 0, asker, (_bytes, firstBytesMax) => {
      asked.push(firstBytesMax);
      return Promise.resolve(firstBytesMax < 900_000 ? 900_000 : reply(900_000));
    });
    await settled();
    expect([asked.length, untaken.bytes]).toEqual([1, 1_500_000]);
    await others.cancel();
    expect(await answer).toEqual(reply(900_000));
    expect([asked[1], untaken.bytes]).toEqual([900_000, 0]);
  });

  test("is refused when it turns out larger again and again", async () => {
    const { untaken } = world();
    let size = 1_000_000;
    const answer = untaken.make(10, 0, asker, () => Promise.resolve((size *= 2)));
    expect(await answer.catch(String)).toContain("Too many large answers");
    expect(untaken.bytes).toBe(0);
  });

  test("is refused when it has waited for long, and nothing is left behind", async () => {
    const { clock, untaken } = world({ answerWaitMs: 2_000 });
    untaken.pieces([new Uint8Array(1_950)]);
    const answer = untaken
      .make(500, 0, asker, () => Promise.resolve(reply(100)))
      .catch((error: unknown) => error);
    await settled();
    await clock.advance(2_000);
    expect(await answer).toMatchObject({ code: "throttling_quota_exceeded" });
    expect(untaken.bytes).toBe(1_950);
  });

  test("does not wait for clients that take nothing longer than `stallPressedMs`", async () => {
    const { clock, untaken } = world();
    const stalled = untaken.pieces([new Uint8Array(1_950)]).stream.getReader();
    const answer = untaken.make(500, 0, asker, () => Promise.resolve(reply(100)));
    await settled();
    await clock.advance(limits.stallPressedMs);
    expect(await answer).toEqual(reply(100));
    const failure = await stalled.read().catch((error: unknown) => String(error));
    expect(failure).toContain("stopped reading");
  });
});

describe("pages that are made at once", () => {
  test("are so many, and the others wait in order; who leaves is passed over", async () => {
    const { untaken } = world({ answerBytesMax: 4 * 1024 * 1024 });
    const mebibyte = 1024 * 1024;
    const going: (() => void)[] = [];
    const begun: string[] = [];
    const gone = new AbortController();
    const page = (name: string, bytes: number, signal = asker.request.signal) =>
      untaken.make(bytes, 0, { request: { signal }, connection: null }, async () => {
        begun.push(name);
        await new Promise<void>((resolve) => going.push(resolve));
        return reply(10);
      });
    const pages = [page("a", mebibyte), page("b", mebibyte), page("c", mebibyte)];
    const left = page("left", mebibyte, gone.signal).catch(() => "refused");
    pages.push(page("d", mebibyte), page("large", 2 * mebibyte), page("larger", 3 * mebibyte));
    gone.abort();
    expect(await left).toBe("refused");
    expect(begun).toEqual(["a", "large"]);
    for (let at = 0; at < pages.length; at++) {
      present(going.shift(), "one was begun")();
      await settled();
    }
    await Promise.all(pages);
    expect(begun).toEqual(["a", "large", "b", "larger", "c", "d"]);
    expect(untaken.bytes).toBe(0);
  });
});

describe("an answer in pieces", () => {
  test("is given back run by run as its client takes it, and arrives whole", async () => {
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
    expect(counted).toEqual([100, 100, 100, 100, 10]);
    expect(untaken.bytes).toBe(0);
  });

  test("is done with when all of it was taken, where the runtime copies pieces", async () => {
    for (const copiesPieces of [true, false]) {
      const untaken = new Untaken(new VirtualClock(), limits, copiesPieces);
      let done = 0;
      const answer = untaken.pieces([new Uint8Array(100)], { done: () => (done += 1) });
      const reader = answer.stream.getReader();
      for (let pieces = 0; pieces < 3; pieces++) await reader.read();
      expect(done).toBe(0);
      expect((await reader.read()).done).toBe(true);
      expect(done).toBe(copiesPieces ? 1 : 0);
    }
  });

  test("is done with when its client leaves or is cut off, a turn later", async () => {
    const clock = new VirtualClock();
    const untaken = new Untaken(clock, limits, true);
    let done = 0;
    const open = () => {
      const { stream } = untaken.pieces([new Uint8Array(100)], { done: () => (done += 1) });
      return stream.getReader();
    };
    const [left, stalled] = [open(), open()];
    for (const reader of [left, stalled]) await reader.read();
    await left.cancel();
    expect(done).toBe(0);
    await clock.advance(limits.answerStallMs * 2);
    expect([done, untaken.bytes]).toEqual([2, 0]);
    await stalled.read().catch(() => {});
    expect(done).toBe(2);
  });

  test("of its own memory lets go of it run by run, and of the rest when its client goes", async () => {
    const runs = [0, 1, 2].map(() => new Uint8Array(20_000));
    const sizes = () => runs.map(({ length }) => length);
    const clock = new VirtualClock();
    const untaken = new Untaken(
      clock,
      { ...limits, answerPieceBytes: 10_000, answerBytesMax: 100_000 },
      true,
    );
    const reader = untaken.pieces(runs, { isOwn: true }).stream.getReader();
    for (let pieces = 0; pieces < 2; pieces++) await reader.read();
    expect(sizes()).toEqual([20_000, 20_000, 20_000]);
    await reader.read();
    expect(sizes()).toEqual([0, 20_000, 20_000]);
    await reader.cancel();
    await clock.settle();
    expect(sizes()).toEqual([0, 0, 0]);
  });

  test("of memory that others have is left as it is", async () => {
    const run = new Uint8Array(20_000);
    const clock = new VirtualClock();
    const untaken = new Untaken(clock, limits, true);
    await untaken.pieces([run]).stream.cancel();
    await clock.settle();
    expect(run.length).toBe(20_000);
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
    await reader.read(); // It was there before it was asked for.
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
        const text = new LongText();
        const page = await pageOf(
          answer,
          0,
          Number.MAX_SAFE_INTEGER,
          { ...terms, form: "auto", opener: new BatchOpener(new VirtualClock(), 1_000_000) },
          new RecordsText(text, inLines),
        );
        const body = text.finish();
        const lines = (typeof body === "string" ? body : "").trimEnd().split("\n");
        const sizes = lines.map((line) => new TextEncoder().encode(line).length);
        const size = sizes.reduce((sum, each) => sum + each, 0);
        const one = sizes[0] ?? 0;
        expect([page.next, page.records]).toEqual([lines.length, lines.length]);
        expect(size).toBeLessThanOrEqual(1.25 * bytesMax + one);
        if (page.next < 100) expect(size).toBeGreaterThan(bytesMax - 2 * one);
      });
});

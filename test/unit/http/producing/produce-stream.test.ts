/**
 * Uploads of lines: what becomes of a line that has begun and not ended, and the room that large lines take.
 */
import { expect, test } from "bun:test";
import type { AppendAnswer } from "../../../../src/broker/verbs.ts";
import { type HttpLimits, httpLimits } from "../../../../src/http/limits.ts";
import { doorBefore } from "../stand-in-door.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));

function world(limits: Partial<HttpLimits> = {}) {
  let appended = 0;
  const append = async () => ({ baseOffset: appended++, timestampMs: 1 }) as AppendAnswer;
  const clock = new VirtualClock();
  const stopping = new AbortController();
  const door = doorBefore(
    { partitionCount: () => 1, append },
    { stopping: stopping.signal, clock, limits },
  );
  const upload = async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const answer = await door.request("/v1/topics/t/partitions/0/records", {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: readable,
    });
    expect(answer.status).toBe(200);
    const send = async (text: string): Promise<void> => {
      void writer.write(new TextEncoder().encode(text)).catch(() => {});
      for (let turn = 0; turn < 5; turn++) await settled();
      await clock.settle();
    };
    return { answer, send, end: () => writer.close() };
  };
  return { clock, stopping, upload, appended: () => appended };
}

const line = (bytes: number): string => JSON.stringify({ value: "x".repeat(bytes) });

test("a line whose end never came is not appended, though it is whole JSON", async () => {
  const { upload, appended } = world();
  const { answer, send } = await upload();
  await send(`${line(1)}\n${line(1)}`);
  expect(appended()).toBe(1);
  await answer.body?.cancel();
  for (let turn = 0; turn < 20; turn++) await settled();
  expect(appended()).toBe(1);
});

test("an upload that a stop of the node ends says so after its receipts, and once it had a while", async () => {
  const { clock, stopping, upload, appended } = world();
  const { answer, send } = await upload();
  await send(`${line(1)}\n`);
  stopping.abort();
  await send(`${line(1)}\n{"val`);
  await clock.advance(httpLimits.stoppingMs);
  const receipts = (await answer.text()).trimEnd().split("\n");
  expect([receipts.length, appended()]).toEqual([3, 2]);
  expect(JSON.parse(receipts[2] ?? "").error).toMatchObject({
    code: "node_stopping",
    status: 503,
    side_effects: "unknown",
  });
});

test("an upload that begins while the node stops has the same while", async () => {
  const { clock, stopping, upload } = world();
  stopping.abort();
  const { answer, send } = await upload();
  await send(`${line(1)}\n{"val`);
  await clock.advance(httpLimits.stoppingMs);
  const receipts = (await answer.text()).trimEnd().split("\n");
  expect(JSON.parse(receipts[1] ?? "").error).toMatchObject({ code: "node_stopping", status: 503 });
});

test("a bad line is named by its place in the upload, empty lines counted", async () => {
  const { upload } = world();
  const { answer, send, end } = await upload();
  await send(`${line(1)}\n\r\n\n{"value"`);
  await send(":3}\n\n{");
  await end();
  const receipts = (await answer.text()).trimEnd().split("\n");
  const details = receipts.slice(1).map((text): unknown => JSON.parse(text).error.detail);
  expect(details).toEqual([
    expect.stringContaining("line 4.value"),
    expect.stringContaining("line 6"),
  ]);
});

test("the last line needs no newline where the upload ended", async () => {
  const { upload, appended } = world();
  const { answer, send, end } = await upload();
  await send(`${line(1)}\n${line(1)}`);
  await end();
  expect((await answer.text()).split("\n").length).toBe(3);
  expect(appended()).toBe(2);
});

test("a large line waits for the room that another holds, and has it when that one ends", async () => {
  const { clock, upload, appended } = world({ bodiesBytesMax: 200_000, requestMs: 1_000_000 });
  const first = await upload();
  const second = await upload();
  const half = line(100_000).slice(0, 80_000);
  const rest = `${line(100_000).slice(80_000)}\n`;
  await first.send(half);
  await second.send(half);
  await second.send(rest);
  expect(appended()).toBe(0);
  await first.send(rest);
  for (let turn = 0; turn < 1_000 && appended() < 2; turn++) {
    await settled();
    await clock.settle();
  }
  expect(appended()).toBe(2);
});

test("a half line that finds no room in time, or takes too long, ends its upload with 503", async () => {
  const { clock, upload, appended } = world({ bodiesBytesMax: 200_000 });
  const holder = await upload();
  const waiting = await upload();
  const half = line(100_000).slice(0, 80_000);
  await holder.send(half);
  await waiting.send(half);
  await clock.advance(1_000_000);
  for (const { answer } of [holder, waiting])
    expect(await answer.text()).toContain('"code":"too_many_bodies"');
  expect(appended()).toBe(0);
});

/**
 * A group's stream and the room that it shares with all tails: it waits in line as long as it takes, and leaves nothing behind.
 */
import { expect, test } from "bun:test";
import type { PollVerbs } from "../../../../src/broker/polling/verbs.ts";
import { httpLimits } from "../../../../src/http/limits.ts";
import { present } from "../../../../src/lib/assert.ts";
import { FakeBroker, StillClock, tailWorld } from "../tail-world.ts";

const value = (at: number) => `${at}`.padEnd(500, "x");
const members = { memberEpoch: 1, assignment: [], unknownTopics: [] };

/** A broker whose groups have one member each, which reads `t` from its beginning; room for one batch of 500 bytes. */
function world() {
  const clock = new StillClock();
  const fake = new FakeBroker(clock);
  fake.create("t");
  const broker = fake.verbs();
  const polling: PollVerbs = {
    join: async () => ({ ...members, heartbeatIntervalMs: 5_000 }),
    async poll(context, _group, _member, { commit, bytesMax, waitMs, isolation, signal }, render) {
      const from = commit[0]?.offset ?? 0;
      const request = { topic: "t", partition: 0, from, bytesMax };
      const options = { bytesMin: 1, bytesMax, waitMs, isolation, signal };
      const [read] = await broker.read(context, [request], options);
      const answer = present(read, "one was asked for");
      const { given, value } = await render([{ answer, from, to: answer.highWatermark }]);
      const next = given.map((offset) => ({ topic: "t", partition: 0, offset }));
      return { ...members, assignment: null, next, value };
    },
    leave: async () => {},
  };
  const limits = { ...httpLimits, answerBytesMax: 2_500, stallPressedMs: 600_000 };
  const made = tailWorld({}, { clock, broker: { ...broker, polling }, limits });
  const held = async (): Promise<number> => {
    const text = await (await made.request("/metrics")).text();
    return Number(/^kedge_http_tail_bytes (\d+)$/m.exec(text)?.[1]);
  };
  const stream = async (signal?: AbortSignal) => {
    const init = { headers: { accept: "text/event-stream" }, ...(signal && { signal }) };
    const { body } = await made.request("/v1/groups/g/stream?topic=t", init);
    const reader = present(body, "a stream has a body").getReader();
    const next = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
    return { next, cancel: () => reader.cancel() };
  };
  const tail = (query: string) => made.tail(query);
  return { tail, clock, fake, held, stream };
}

/** A tail that has been given what takes the room, and asks for no more. */
async function holder({ tail, fake }: ReturnType<typeof world>) {
  const made = await tail("topic=t&from=earliest");
  fake.append("t", 0, value(0));
  expect(await made.values(1)).toEqual([value(0)]);
  return made;
}

test("a stream that stands in line for long holds nothing once it is gone", async () => {
  const made = world();
  const tail = await holder(made);
  const stream = await made.stream();
  for (let silence = 0; silence < 4; silence++) {
    const text = stream.next();
    await made.clock.pass(5_000);
    expect(await text).toBe(":\n\n");
  }
  await stream.cancel();
  await tail.cancel();
  await made.clock.pass(0);
  expect(await made.held()).toBe(0);
});

test("a stream that stood in line for long is given its records when there is room", async () => {
  const made = world();
  const tail = await holder(made);
  const stream = await made.stream();
  for (let silence = 0; silence < 4; silence++) {
    const text = stream.next();
    await made.clock.pass(5_000);
    await text;
  }
  const text = stream.next();
  await tail.cancel();
  await made.clock.pass(5_000);
  expect(await text).toContain(value(0));
  await stream.cancel();
  await made.clock.pass(0);
  expect(await made.held()).toBe(0);
});

test("a stream whose reader was gone before it began holds nothing", async () => {
  const made = world();
  made.fake.append("t", 0, value(0));
  const stream = await made.stream(AbortSignal.abort());
  await stream.next();
  expect(await made.held()).toBe(0);
});

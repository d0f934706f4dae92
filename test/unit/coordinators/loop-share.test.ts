/**
 * What coordinators do in one turn of the event loop, counted: steps and answers of however many requests come at once.
 */
import { expect, test } from "bun:test";
import type { Clock } from "../../../src/lib/clock.ts";
import { openTestNode } from "../../simulation/test-node.ts";
import { counters } from "./world.ts";

/** A driver each of whose steps takes a millisecond, and what was done in each turn. */
async function world() {
  const node = await openTestNode();
  let steps = 0;
  let answers = 0;
  let before = { steps: 0, answers: 0 };
  const turns: { steps: number; answers: number }[] = [];
  const note = (): void => {
    turns.push({ steps: steps - before.steps, answers: answers - before.answers });
    before = { steps, answers };
  };
  const clock: Clock = {
    nowMs: () => node.clock.nowMs(),
    monotonicMs: () => node.clock.monotonicMs() + steps,
    after: (delayMs, fire) => node.clock.after(delayMs, fire),
    async turn() {
      await node.clock.turn();
      note();
    },
  };
  const driver = counters({ ...node, clock }, {}, undefined, () => {
    steps += 1;
  });
  const ask = (key: string, type: "add" | "park" | "beat") => {
    const answer = driver.submit<number>(key, (ticket) =>
      type === "add" ? { type, by: 1, ticket } : { type, ticket },
    );
    void answer.then(() => (answers += 1));
    return answer;
  };
  const first = ask("first", "add");
  await node.clock.settle();
  await first;
  turns.splice(0);
  before = { steps, answers };
  const settle = async (): Promise<void> => {
    await node.clock.settle();
    note();
  };
  return { ask, turns, settle };
}

const most = (turns: readonly number[]): number => Math.max(...turns);

test("requests of one key that change nothing are stepped a few a turn, in order", async () => {
  const { ask, turns, settle } = await world();
  const all = Array.from({ length: 300 }, () => ask("first", "beat"));
  await settle();
  await Promise.all(all);
  expect(most(turns.map(({ steps }) => steps))).toBeLessThanOrEqual(7);
});

test("so are those of many keys together, and of those that wait for a commit", async () => {
  const { ask, turns, settle } = await world();
  const all = Array.from({ length: 300 }, (_, at) => ask(`key ${at % 60}`, "add"));
  await settle();
  await Promise.all(all);
  expect(most(turns.map(({ steps }) => steps))).toBeLessThanOrEqual(7);
});

test("a step that answers everybody does so some at a time", async () => {
  const { ask, turns, settle } = await world();
  const all = Array.from({ length: 1_000 }, () => ask("first", "park"));
  await settle();
  all.push(ask("first", "add"));
  await settle();
  expect(await Promise.all(all)).toEqual(all.map(() => 2));
  expect(most(turns.map(({ answers }) => answers))).toBeLessThanOrEqual(100);
});

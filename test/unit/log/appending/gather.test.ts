/** When a commit waits for the clients of the last one, and how soon it stops where that does not pay. */
import { describe, expect, test } from "bun:test";
import { Gather } from "../../../../src/log/appending/gather.ts";

/** The partition of a policy: clients are answered, some come back at once, and the rest some turns later. */
interface Round {
  readonly answered: number;
  /** How many come before the next commit may begin. */
  readonly early: number;
  /** How many come with each turn that is waited. */
  readonly byTurn?: readonly number[];
  /** How long a turn takes; a commit takes 1 ms. */
  readonly turnMs?: number;
}

function come(gather: Gather, count: number): void {
  for (let each = 0; each < count; each += 1) gather.came();
}

/** One commit of the round is answered and the next begins; gives the turns that were waited. */
function play(gather: Gather, { answered, early, byTurn = [], turnMs = 0 }: Round): number {
  gather.answered(answered, 1, 0);
  come(gather, early);
  let turns = 0;
  for (let nowMs = 0; gather.waits(nowMs); nowMs += turnMs) come(gather, byTurn[turns++] ?? 0);
  return turns;
}

/** The turns waited in each of so many rounds. */
function playAll(gather: Gather, rounds: number, round: Round): number[] {
  return Array.from({ length: rounds }, () => play(gather, round));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

describe("how many turns a commit waits", () => {
  const cases: readonly { name: string; round: Round; turns: number }[] = [
    { name: "none when all are back", round: { answered: 8, early: 8 }, turns: 0 },
    { name: "none for a single client, which is back", round: { answered: 1, early: 1 }, turns: 0 },
    { name: "until the last", round: { answered: 8, early: 2, byTurn: [3, 0, 3, 9] }, turns: 3 },
    { name: "for one of two", round: { answered: 1, early: 0, byTurn: [0, 1] }, turns: 2 },
    { name: "others count as well", round: { answered: 8, early: 0, byTurn: [20] }, turns: 1 },
  ];
  for (const { name, round, turns } of cases) {
    test(name, () => {
      expect(playAll(new Gather(), 50, round).at(-1)).toBe(turns);
    });
  }

  test("none before anybody was answered", () => {
    expect(new Gather().waits(0)).toBe(false);
  });
});

describe("a wait ends", () => {
  test("when thirty-two turns have brought nothing", () => {
    const gather = new Gather();
    expect(play(gather, { answered: 8, early: 0 })).toBe(32);
  });

  test("only after the last that brought something", () => {
    const gather = new Gather();
    playAll(gather, 50, { answered: 8, early: 8 });
    const byTurn = [...Array<number>(10).fill(0), 1];
    expect(play(gather, { answered: 8, early: 0, byTurn })).toBe(11 + 32);
  });

  test("after four commits' time, however many come", () => {
    const gather = new Gather();
    playAll(gather, 50, { answered: 100, early: 100 });
    const byTurn = Array<number>(100).fill(1);
    expect(play(gather, { answered: 100, early: 0, byTurn, turnMs: 0.5 })).toBe(8);
  });

  test("after 4 ms where commits are slow", () => {
    const gather = new Gather();
    gather.answered(8, 90, 0);
    expect(gather.waits(3)).toBe(true);
    expect(gather.waits(4)).toBe(false);
  });
});

describe("what is learnt", () => {
  const gone: Round = { answered: 8, early: 0 };
  const back: Round = { answered: 8, early: 4, byTurn: [4] };

  test("nobody is waited for who does not come back, but for a trial now and then", () => {
    const gather = new Gather();
    playAll(gather, 100, back);
    playAll(gather, 4, gone);
    const turns = playAll(gather, 100, gone);
    expect(turns.filter((count) => count > 0).length).toBeLessThanOrEqual(25);
    expect(sum(turns)).toBeLessThanOrEqual(25 * 32);
  });

  test("a trial is enough to find who comes back again", () => {
    const gather = new Gather();
    playAll(gather, 100, gone);
    playAll(gather, 8, back);
    expect(playAll(gather, 10, back)).toEqual(Array<number>(10).fill(1));
  });
});

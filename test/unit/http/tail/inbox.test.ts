/** Inboxes of sockets: how much one turn takes, in what order, and when there is too much. */
import { describe, expect, test } from "bun:test";
import { Inbox, SharedTurns, type Message } from "../../../../src/http/tail/inbox.ts";

/** Turns that come when they are told to. */
function world(costMax: number) {
  let renew: (() => void)[] = [];
  const turns = new SharedTurns(() => new Promise((resolve) => renew.push(resolve)), costMax);
  const taken: string[] = [];
  let overflows = 0;
  return {
    taken,
    overflows: () => overflows,
    inbox: (name: string, hold?: (message: Message) => Promise<void> | null) =>
      new Inbox({
        turns,
        messagesMax: 10,
        lengthMax: 100_000,
        take: (message) => {
          taken.push(`${name}${message}`);
          return hold?.(message) ?? null;
        },
        overflow: () => (overflows += 1),
      }),
    turn: async () => {
      const due = renew;
      renew = [];
      for (const go of due) go();
      await Promise.resolve().then(() => {});
    },
  };
}

function push(inbox: Inbox, from: number, to: number): void {
  for (let at = from; at <= to; at++) inbox.push(String(at));
}

describe("inboxes", () => {
  test("take so much in a turn, the rest in the next ones, in order", async () => {
    const { inbox, taken, turn } = world(3);
    push(inbox("a"), 1, 8);
    expect(taken).toEqual(["a1", "a2", "a3"]);
    await turn();
    expect(taken).toEqual(["a1", "a2", "a3", "a4", "a5", "a6"]);
    await turn();
    expect(taken).toHaveLength(8);
  });

  test("follow one another: the one with much does not hold up the others", async () => {
    const { inbox, taken, turn } = world(4);
    push(inbox("a"), 1, 9);
    const [b, c] = [inbox("b"), inbox("c")];
    push(b, 1, 2);
    push(c, 1, 1);
    taken.length = 0;
    await turn();
    expect(taken).toEqual(["a5", "b1", "c1", "a6"]);
    await turn();
    expect(taken.slice(4)).toEqual(["b2", "a7", "a8", "a9"]);
  });

  test("count long messages for more", async () => {
    const { inbox, taken, turn } = world(3);
    const a = inbox("a");
    for (let at = 0; at < 3; at++) a.push("x".repeat(10_000));
    expect(taken).toHaveLength(1);
    await turn();
    expect(taken).toHaveLength(2);
  });

  test("wait for what takes time, and others do not; few such things a turn", async () => {
    const { inbox, taken, turn } = world(40);
    const done: (() => void)[] = [];
    const slow = () => new Promise<void>((resolve) => done.push(resolve));
    const a = inbox("a", (message) => (message === "1" ? slow() : null));
    push(a, 1, 2);
    for (const name of ["b", "c"]) inbox(name, slow).push("1");
    expect(taken).toEqual(["a1", "b1"]);
    await turn();
    expect(taken).toEqual(["a1", "b1", "c1"]);
    done[0]?.();
    await turn();
    expect(taken).toEqual(["a1", "b1", "c1", "a2"]);
  });

  test("close when too many messages wait, or too long ones, and take nothing more", async () => {
    for (const length of [1, 40_000]) {
      const { inbox, taken, turn, overflows } = world(1);
      const a = inbox("a");
      const waiting = length === 1 ? 10 : 2;
      for (let at = 0; at <= waiting; at++) a.push("x".repeat(length));
      expect(overflows()).toBe(0);
      for (let at = 0; at < 3; at++) a.push("x".repeat(length));
      expect(overflows()).toBe(1);
      await turn();
      expect(taken).toHaveLength(1);
      const b = inbox("b");
      b.push("1");
      await turn();
      expect(taken.at(-1)).toBe("b1");
    }
  });
});

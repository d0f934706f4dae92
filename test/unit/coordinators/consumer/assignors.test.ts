/** The server-side assignors: every partition once among its subscribers, balanced, sticky, and the same each time. */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type {
  Assignment,
  Assignor,
  AssignorInput,
  AssignorMember,
} from "../../../../src/coordinators/consumer/assignors/assignor.ts";
import { range } from "../../../../src/coordinators/consumer/assignors/range.ts";
import { uniform } from "../../../../src/coordinators/consumer/assignors/uniform.ts";

const none: Assignment = new Map();

function member(memberId: string, topicIds: readonly string[], target = none): AssignorMember {
  return { memberId, instanceId: null, topicIds, target };
}

/** What an assignor said, as text: `a: t[0 1]`. */
function told(assigned: ReadonlyMap<string, Assignment>): string[] {
  return [...assigned]
    .map(([id, assignment]) => {
      const topics = [...assignment]
        .map(([topic, list]) => `${topic}[${list.join(" ")}]`)
        .toSorted();
      return `${id}: ${topics.join(" ")}`.trim();
    })
    .toSorted();
}

function size(assignment: Assignment | undefined): number {
  return [...(assignment ?? none).values()].reduce((sum, partitions) => sum + partitions.length, 0);
}

/** The members again, with what they were given as their targets. */
function after(
  members: readonly AssignorMember[],
  assigned: ReadonlyMap<string, Assignment>,
): AssignorMember[] {
  return members.map((each) => ({ ...each, target: assigned.get(each.memberId) ?? none }));
}

function moved(
  before: readonly AssignorMember[],
  assigned: ReadonlyMap<string, Assignment>,
): number {
  let kept = 0;
  for (const { memberId, target } of before) {
    for (const [topic, partitions] of assigned.get(memberId) ?? none) {
      const old = new Set(target.get(topic));
      kept += partitions.filter((partition) => old.has(partition)).length;
    }
  }
  return before.reduce((sum, { target }) => sum + size(target), 0) - kept;
}

const arbitraryInput = (alike: boolean): fc.Arbitrary<AssignorInput> =>
  fc
    .record({
      partitions: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
      subscriptions: fc.array(fc.array(fc.nat(5), { maxLength: 6 }), {
        minLength: 1,
        maxLength: 8,
      }),
      targets: fc.array(fc.array(fc.tuple(fc.nat(6), fc.nat(9)), { maxLength: 12 }), {
        maxLength: 8,
      }),
    })
    .map(({ partitions, subscriptions, targets }) => {
      const topics = partitions.map((_, at) => `t${at}`);
      return {
        partitions: new Map(partitions.map((count, at) => [`t${at}`, count])),
        members: subscriptions.map((subscription, at) => {
          const some = [...new Set(subscription)].flatMap((topic) => topics[topic] ?? []);
          const target = new Map<string, number[]>();
          for (const [topic, partition] of targets[at] ?? []) {
            const list = new Set(target.get(`t${topic}`)).add(partition);
            target.set(
              `t${topic}`,
              [...list].toSorted((left, right) => left - right),
            );
          }
          return member(`m${at}`, alike ? topics : some, target);
        }),
      };
    });

/** Every partition of a subscribed topic is owned once, by a subscriber; lists ascend and none is empty. */
function checkWhole({ members, partitions }: AssignorInput, assign: Assignor): void {
  const assigned = assign({ members, partitions });
  expect([...assigned.keys()].toSorted()).toEqual(members.map((each) => each.memberId).toSorted());
  const owners = new Map<string, string>();
  for (const { memberId, topicIds } of members) {
    for (const [topic, list] of assigned.get(memberId) ?? none) {
      expect(topicIds).toContain(topic);
      expect(list.length).toBeGreaterThan(0);
      expect(list).toEqual(list.toSorted((left, right) => left - right));
      for (const partition of list) {
        expect(owners.has(`${topic}-${partition}`)).toBe(false);
        owners.set(`${topic}-${partition}`, memberId);
      }
    }
  }
  const subscribed = new Set(members.flatMap(({ topicIds }) => topicIds));
  const expected = [...subscribed].reduce((sum, topic) => sum + (partitions.get(topic) ?? 0), 0);
  expect(owners.size).toBe(expected);
}

for (const [name, assign] of Object.entries({ uniform, range })) {
  describe(name, () => {
    for (const alike of [true, false]) {
      test(`${alike ? "equal" : "mixed"} subscriptions: every partition once`, () => {
        fc.assert(fc.property(arbitraryInput(alike), (input) => checkWhole(input, assign)));
      });

      test(`${alike ? "equal" : "mixed"} subscriptions: the order of members decides nothing`, () => {
        fc.assert(
          fc.property(arbitraryInput(alike), ({ members, partitions }) => {
            const forth = told(assign({ members, partitions }));
            expect(told(assign({ members: members.toReversed(), partitions }))).toEqual(forth);
          }),
        );
      });
    }

    test("nobody and nothing", () => {
      expect(told(assign({ members: [], partitions: new Map() }))).toEqual([]);
      expect(told(assign({ members: [member("a", [])], partitions: new Map() }))).toEqual(["a:"]);
    });
  });
}

describe("uniform", () => {
  test("equal subscriptions: no two members differ by more than one", () => {
    fc.assert(
      fc.property(arbitraryInput(true), (input) => {
        const sizes = [...uniform(input).values()].map(size);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("mixed subscriptions: no single move would make two members more even", () => {
    fc.assert(
      fc.property(arbitraryInput(false), (input) => {
        const assigned = uniform(input);
        for (const owner of input.members) {
          for (const [topic] of assigned.get(owner.memberId) ?? none) {
            for (const other of input.members) {
              if (!other.topicIds.includes(topic)) continue;
              const gap = size(assigned.get(owner.memberId)) - size(assigned.get(other.memberId));
              expect(gap).toBeLessThanOrEqual(1);
            }
          }
        }
      }),
    );
  });

  test("what is balanced stays as it is, to the object", () => {
    for (const alike of [true, false]) {
      fc.assert(
        fc.property(arbitraryInput(alike), ({ members, partitions }) => {
          const settled = after(members, uniform({ members, partitions }));
          const again = uniform({ members: settled, partitions });
          for (const { memberId, target } of settled) expect(again.get(memberId)).toBe(target);
        }),
      );
    }
  });

  test("a member that joins takes its share, and nothing else moves", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 60 }),
        (count, size) => {
          const partitions = new Map([["t", size]]);
          const members = Array.from({ length: count }, (_, at) => member(`m${at}`, ["t"]));
          const settled = after(members, uniform({ members, partitions }));
          const assigned = uniform({ members: [...settled, member("new", ["t"])], partitions });
          const share = [...(assigned.get("new") ?? none).values()].flat().length;
          expect(share).toBe(Math.floor(size / (count + 1)));
          expect(moved(settled, assigned)).toBe(share);
        },
      ),
    );
  });

  test("a member that leaves gives what it had, and nothing else moves", () => {
    const partitions = new Map([
      ["a", 7],
      ["b", 5],
    ]);
    const members = ["m0", "m1", "m2", "m3"].map((id) => member(id, ["a", "b"]));
    const settled = after(members, uniform({ members, partitions })).slice(1);
    expect(moved(settled, uniform({ members: settled, partitions }))).toBe(0);
  });

  test("subscriptions that overlap", () => {
    const partitions = new Map([
      ["a", 3],
      ["b", 3],
    ]);
    const members = [member("m0", ["a"]), member("m1", ["a", "b"]), member("m2", ["b"])];
    expect([...uniform({ members, partitions }).values()].map(size)).toEqual([2, 2, 2]);
  });

  test("1,000 members share 10,000 partitions, alike and mixed", () => {
    const topicIds = Array.from({ length: 100 }, (_, at) => `t${at}`);
    const partitions = new Map(topicIds.map((id) => [id, 100]));
    for (const topicsOf of [
      () => topicIds,
      (at: number) => topicIds.filter((_, no) => no % 7 !== at % 7),
    ]) {
      const members = Array.from({ length: 1000 }, (_, at) => member(`m${at}`, topicsOf(at)));
      const assigned = uniform({ members, partitions });
      const sizes = [...assigned.values()].map(size);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      const fewer = after(members, assigned).slice(100);
      expect(moved(fewer, uniform({ members: fewer, partitions }))).toBeLessThan(100);
    }
  });
});

describe("range", () => {
  test("runs of each topic, co-partitioned, the first members with the rest", () => {
    const partitions = new Map([
      ["a", 3],
      ["b", 3],
    ]);
    const members = [member("m1", ["a", "b"]), member("m0", ["a", "b"])];
    expect(told(range({ members, partitions }))).toEqual(["m0: a[0 1] b[0 1]", "m1: a[2] b[2]"]);
  });

  test("static members come first, in the order of their instance ids", () => {
    const members = [
      member("a", ["t"]),
      { ...member("z", ["t"]), instanceId: "i1" },
      { ...member("y", ["t"]), instanceId: "i2" },
    ];
    expect(told(range({ members, partitions: new Map([["t", 2]]) }))).toEqual([
      "a:",
      "y: t[1]",
      "z: t[0]",
    ]);
  });

  test("each topic is cut among its own subscribers", () => {
    const partitions = new Map([
      ["a", 4],
      ["b", 2],
    ]);
    const members = [member("m0", ["a"]), member("m1", ["a", "b"])];
    expect(told(range({ members, partitions }))).toEqual(["m0: a[0 1]", "m1: a[2 3] b[0 1]"]);
  });
});

/**
 * The image: what each command makes of it, and that snapshot + restore + the rest equals a replay of everything.
 */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Bug } from "../../../src/lib/assert.ts";
import type { Command } from "../../../src/cluster/commands.ts";
import { Image } from "../../../src/cluster/image.ts";

const topic = (name: string, id = name): Command => ({ type: "topic", version: 0, name, id });
const partition = (topicId: string, index: number, leaderEpoch = 0): Command => ({
  type: "partition",
  version: 0,
  topicId,
  index,
  replicas: [1],
  inSyncReplicas: [1],
  leader: 1,
  leaderEpoch,
  partitionEpoch: leaderEpoch,
});
const config = (name: string, key: string, value: string | null): Command => ({
  type: "config",
  version: 0,
  resource: "topic",
  name,
  key,
  value,
});

const quota = (user: string, value: number | null): Command => ({
  type: "client-quota",
  version: 0,
  entity: [
    ["client-id", null],
    ["user", user],
  ],
  key: "producer_byte_rate",
  value,
});

function replay(commands: readonly Command[], image = new Image()): Image {
  for (const command of commands) image.apply(image.index + 1, command);
  return image;
}

describe("looking up", () => {
  const image = replay([
    { type: "register-broker", version: 0, nodeId: 1, incarnationId: "a" },
    topic("my.topic", "T1"),
    partition("T1", 0),
    partition("T1", 1),
    config("my.topic", "retention.ms", "5"),
    { type: "producer-ids", version: 0, next: "9007199254740993" },
    { type: "feature-level", version: 0, name: "transaction.version", level: 2 },
  ]);

  test("topics by name, id and spelling", () => {
    expect(image.topic("my.topic")?.id).toBe("T1");
    expect(image.topicById("T1")?.partitions.map((each) => each.index)).toEqual([0, 1]);
    expect(image.topicSpelledLike("my_topic")?.name).toBe("my.topic");
    expect(image.topic("my_topic")).toBeNull();
    expect([image.topicCount, image.partitionCount]).toEqual([1, 2]);
  });

  test("configs, features, producer ids, brokers", () => {
    expect([...image.configs("topic", "my.topic")]).toEqual([["retention.ms", "5"]]);
    expect(image.configs("topic", "other").size).toBe(0);
    expect(image.feature("transaction.version")).toBe(2);
    expect(image.nextProducerId).toBe(9007199254740993n);
    expect(image.brokers.get(1)).toEqual({ nodeId: 1, incarnationId: "a", epoch: 1 });
  });

  test("a removed topic takes its configs and its name with it", () => {
    const later = replay(
      [{ type: "remove-topic", version: 0, id: "T1" }, topic("my.topic", "T2")],
      Image.restore(JSON.parse(JSON.stringify(image.snapshot()))),
    );
    expect(later.topic("my.topic")).toEqual({ name: "my.topic", id: "T2", partitions: [] });
    expect(later.configs("topic", "my.topic").size).toBe(0);
    expect([later.topicCount, later.partitionCount]).toEqual([1, 0]);
  });
});

describe("what stops the node", () => {
  const one = [topic("t"), partition("t", 0, 3)];
  const cases: readonly (readonly [string, readonly Command[], unknown])[] = [
    ["an unknown command", one, { type: "access-control", version: 0 }],
    ["an unknown version", one, { ...topic("u"), version: 1 }],
    ["a topic twice", one, topic("t", "other")],
    ["a topic id twice", one, topic("u", "t")],
    ["a gap of partitions", one, partition("t", 2)],
    ["a partition without its topic", one, partition("x", 0)],
    ["a leader epoch that falls", one, partition("t", 0, 2)],
    ["removing what is not there", one, { type: "remove-topic", version: 0, id: "x" }],
  ];
  test.each(cases)("%s", (_name, before, command) => {
    const image = replay(before);
    expect(() => image.apply(image.index + 1, command as Command)).toThrow(Bug);
  });

  test("a command out of turn", () => {
    expect(() => new Image().apply(2, topic("t"))).toThrow(Bug);
  });
});

/** Moves that are always legal, whatever came before: the generator needs no model of the image. */
const move = fc.record({
  kind: fc.constantFrom(
    "create",
    "remove",
    "grow",
    "lead",
    "config",
    "unset",
    "feature",
    "ids",
    "quota",
  ),
  topic: fc.integer({ min: 0, max: 5 }),
  number: fc.integer({ min: 0, max: 3 }),
});

type Move = typeof move extends fc.Arbitrary<infer T> ? T : never;

function legal(image: Image, { kind, topic: which, number }: Move, at: number): Command[] {
  const name = `t.${which}`;
  const existing = image.topic(name);
  switch (kind) {
    case "create":
      return existing ? [] : [topic(name, `id-${at}`), partition(`id-${at}`, 0)];
    case "remove":
      return existing ? [{ type: "remove-topic", version: 0, id: existing.id }] : [];
    case "grow":
      return existing ? [partition(existing.id, existing.partitions.length)] : [];
    case "lead": {
      const first = existing?.partitions[0];
      return existing && first ? [partition(existing.id, 0, first.leaderEpoch + 1)] : [];
    }
    case "config":
      return [config(name, `key ${number}`, `value ${at}`)];
    case "unset":
      return [config(name, `key ${number}`, null)];
    case "feature":
      return [{ type: "feature-level", version: 0, name: `f${number}`, level: at }];
    case "quota":
      return [quota(name, at % 3 === 0 ? null : at)];
    case "ids":
      return [{ type: "producer-ids", version: 0, next: String(image.nextProducerId + 1000n) }];
    default:
      return kind satisfies never;
  }
}

test("snapshot + restore + the rest equals a replay of everything", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), fc.nat(60), (moves, cut) => {
      const all: Command[] = [];
      const whole = new Image();
      for (const [at, each] of moves.entries()) {
        for (const command of legal(whole, each, at)) {
          whole.apply(whole.index + 1, command);
          all.push(command);
        }
      }
      const stored = JSON.stringify(replay(all.slice(0, cut)).snapshot());
      const restored = replay(all.slice(cut), Image.restore(JSON.parse(stored)));
      expect(restored.snapshot()).toEqual(whole.snapshot());
      expect(restored.partitionCount).toBe(whole.partitionCount);
      for (const each of whole.topics()) expect(restored.topicSpelledLike(each.name)).toEqual(each);
    }),
    { numRuns: 200 },
  );
});

test("quotas by entity, also from a snapshot; one from before there were quotas has none", () => {
  const image = replay([quota("a", 5), quota("b", 6), quota("b", null), quota("a", 7)]);
  const stored = JSON.parse(JSON.stringify(image.snapshot()));
  for (const each of [image, Image.restore(stored)]) {
    expect(each.quotaCount).toBe(1);
    const entity = new Map([
      ["client-id", null],
      ["user", "a"],
    ]);
    expect(each.quota(entity)?.values.get("producer_byte_rate")).toBe(7);
  }
  const { quotas: _, ...old } = stored;
  expect(Image.restore({ ...old, version: 0 }).quotaCount).toBe(0);
  expect(() => Image.restore({ ...stored, version: 2 })).toThrow(Bug);
});

/** Metadata as it was stored before there were checksums: everything that was ever written is taken, and not a key more or less. */
import { expect, test } from "bun:test";
import type { Command } from "../../../src/cluster/commands.ts";
import { imageOf } from "../../../src/cluster/loaded-image.ts";
import { MetadataLost } from "../../../src/storage/files/folder-error.ts";

const commands: readonly Command[] = [
  { type: "register-broker", version: 0, nodeId: 1, incarnationId: "incarnation" },
  { type: "topic", version: 0, name: "t", id: "T" },
  { type: "topic", version: 0, name: "gone", id: "G" },
  {
    type: "partition",
    version: 0,
    topicId: "T",
    index: 0,
    replicas: [1],
    inSyncReplicas: [1],
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
  },
  { type: "remove-topic", version: 0, id: "G" },
  {
    type: "config",
    version: 0,
    resource: "topic",
    name: "t",
    key: "cleanup.policy",
    value: "compact",
  },
  { type: "config", version: 0, resource: "broker", name: "", key: "k", value: null },
  {
    type: "client-quota",
    version: 0,
    entity: [
      ["client-id", null],
      ["user", "u"],
    ],
    key: "producer_byte_rate",
    value: 0.5,
  },
  { type: "client-quota", version: 0, entity: [["ip", "::1"]], key: "k", value: null },
  { type: "feature-level", version: 0, name: "transaction.version", level: 0 },
  { type: "producer-ids", version: 0, next: "9223372036854775807" },
];

const entries = commands.map((command, at) => ({
  index: at + 1,
  epoch: 1,
  command: JSON.stringify(command),
}));

const load = (at: number, command: string) =>
  imageOf({
    snapshot: null,
    entries: entries.map((entry, place) => (place === at ? { ...entry, command } : entry)),
    uncheckedTo: entries.length,
  });

const restore = (image: string) =>
  imageOf({
    snapshot: { index: entries.length, epoch: 1, image },
    entries: [],
    uncheckedTo: entries.length,
  });

const whole = (await imageOf({ snapshot: null, entries, uncheckedTo: 0 })).image.snapshot();

const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

/** The text with one key renamed, for each key of it, and with one left out. */
function damagedTexts(text: string): string[] {
  const keys = [...text.matchAll(/"(\w+)":/g)];
  return keys.flatMap(({ 1: key = "", index }) => {
    const [before, after] = [text.slice(0, index + 1), text.slice(index + 1)];
    const renamed = String.fromCharCode(key.charCodeAt(0) ^ 2) + key.slice(1);
    return [before + after.replace(key, renamed), `${before}more":0,"${after}`];
  });
}

test("every command and the image of them are taken", async () => {
  const loaded = await imageOf({ snapshot: null, entries, uncheckedTo: entries.length });
  expect(loaded.isUnchecked).toBe(true);
  expect(loaded.image.snapshot()).toEqual(whole);
  expect((await restore(JSON.stringify(whole))).image.snapshot()).toEqual(whole);
  const { quotas: _, ...rest } = whole;
  const before = await restore(JSON.stringify({ ...rest, version: 0 }));
  expect(before.image.snapshot()).toEqual({ ...whole, quotas: [] });
});

test.each(entries.map(({ command }, at) => [command, at] as const))(
  "a key of %s that is another, or one too many, is damage",
  async (command, at) => {
    const texts = damagedTexts(command);
    expect(texts.length).toBeGreaterThan(5);
    for (const text of texts) expect(await caught(load(at, text))).toBeInstanceOf(MetadataLost);
  },
);

test("so is one of the snapshot", async () => {
  const texts = damagedTexts(JSON.stringify(whole));
  expect(texts.length).toBeGreaterThan(30);
  for (const text of texts) expect(await caught(restore(text))).toBeInstanceOf(MetadataLost);
});

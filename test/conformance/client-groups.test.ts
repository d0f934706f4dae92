/** The client's groups against a whole node in process: iteration that joins, polls, commits and leaves by itself. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import { type Fetch, Kedge, KedgeError, SchemaError } from "../../src/client/client.ts";
import { losing, nodeUrl, openMemoryNode } from "./memory-node.ts";

const fetch: Fetch = await openMemoryNode();
const kedge = new Kedge({ url: nodeUrl, fetch });
let names = 0;

async function topicWith(count: number, partitions = 1): Promise<string> {
  const name = `t${++names}`;
  await kedge.createTopic({ name, partitions });
  const topic = kedge.topic(name);
  const records = Array.from({ length: count }, (_, at) => ({ key: `k${at}`, value: `v${at}` }));
  if (count > 0) await topic.produce(records);
  return name;
}

test("what was worked on is committed, the record at which one stops comes again", async () => {
  const topic = await topicWith(4);
  const group = kedge.group(`g-${topic}`, { topics: [topic], format: "text" });
  const seen: (string | null)[] = [];
  for await (const { value } of group.records()) {
    seen.push(value);
    if (seen.length === 3) break;
  }
  expect(await group.offsets()).toEqual([{ topic, partition: 0, offset: 2 }]);
  expect(await group.lag()).toMatchObject({ lag: 2, partitions: [{ memberId: null, end: 4 }] });
  for await (const { value } of group.records()) {
    seen.push(value);
    if (seen.length === 5) break;
  }
  expect(seen).toEqual(["v0", "v1", "v2", "v2", "v3"]);
});

test("answers that are lost lose no record and give none twice", async () => {
  const topic = await topicWith(50, 3);
  const shaky = losing(3, fetch);
  const group = shaky.group(`g-${topic}`, { topics: [topic], recordsMax: 7, format: "text" });
  const seen = new Set<string | null>();
  let count = 0;
  for await (const { value } of group.records()) {
    seen.add(value);
    count += 1;
    if (count === 50) break;
  }
  expect(seen.size).toBe(50);
});

test("a member that was put out joins again", async () => {
  const topic = await topicWith(1);
  const told: number[] = [];
  const group = kedge.group(`g-${topic}`, {
    topics: [topic],
    member: "m",
    recordsMax: 1,
    onAssigned: (assigned) => told.push(assigned.length),
  });
  const seen: unknown[] = [];
  for await (const { value } of group.records()) {
    seen.push(value);
    if (seen.length === 1) {
      await kedge.topic(topic).produce({ value: "more" });
      const path = `${nodeUrl}/v1/groups/g-${topic}/members/m`;
      expect((await fetch(path, { method: "DELETE" })).status).toBe(204);
    }
    if (seen.length === 3) break;
  }
  // The first was not committed when the member was put out.
  expect(seen).toEqual(["v0", "v0", "more"]);
  expect(told.length).toBeGreaterThanOrEqual(2);
});

test("of two clients with one member's name the newer reads on, and the older ends with an error", async () => {
  const topic = await topicWith(2);
  const joins = { older: 0, newer: 0 };
  const open = (which: keyof typeof joins) =>
    kedge
      .group(`g-${topic}`, {
        topics: [topic],
        member: "same",
        recordsMax: 1,
        format: "text",
        onAssigned: () => (joins[which] += 1),
      })
      .records();
  const [older, newer] = [open("older"), open("newer")];
  expect((await older.next()).value?.value).toBe("v0");
  expect((await newer.next()).value?.value).toBe("v0");
  const ended = await older.next().catch((error: unknown) => error);
  expect(ended).toBeInstanceOf(KedgeError);
  expect(ended).toMatchObject({ code: "fenced_instance_id", retryable: false });
  // It has not committed what it was done with: that is the newer one's now.
  expect(await kedge.group(`g-${topic}`, {}).offsets()).toEqual([]);
  expect((await newer.next()).value?.value).toBe("v1");
  expect(joins).toEqual({ older: 1, newer: 1 });
  await newer.return();
});

test("topics that are not there are told, once, and again when they are there", async () => {
  const topic = await topicWith(1);
  const later = `${topic}-later`;
  const told: (readonly string[])[] = [];
  const group = kedge.group(`g-${topic}`, {
    topics: [topic, later],
    recordsMax: 1,
    onUnknownTopics: (topics) => told.push(topics),
  });
  const seen: unknown[] = [];
  for await (const { value } of group.records()) {
    seen.push(value);
    if (seen.length === 1) await kedge.topic(topic).produce({ value: "still not there" });
    if (seen.length === 2) {
      expect(told).toEqual([[later]]);
      await kedge.createTopic({ name: later });
      await kedge.topic(later).produce({ value: "there" });
    }
    if (seen.length === 3) break;
  }
  expect(seen).toEqual(["v0", "still not there", "there"]);
  expect(told).toEqual([[later], []]);
});

test("values by schema; one that does not fit stops the reader and is not committed", async () => {
  const name = `t${++names}`;
  await kedge.createTopic({ name });
  await kedge.topic(name, { format: "json" }).produce([{ value: { n: 1 } }, { value: { n: "x" } }]);
  const group = kedge.group(`g-${name}`, { topics: [name], value: v.object({ n: v.number() }) });
  const seen: number[] = [];
  const read = async (): Promise<void> => {
    for await (const { value } of group.records()) seen.push(value?.n ?? 0);
  };
  expect(await read().catch((error: unknown) => error)).toBeInstanceOf(SchemaError);
  expect(seen).toEqual([1]);
  expect(await group.offsets()).toEqual([{ topic: name, partition: 0, offset: 1 }]);
});

test("a signal ends it; a group without members is reset and deleted", async () => {
  const topic = await topicWith(2);
  const group = kedge.group(`g-${topic}`, { topics: [topic] });
  const stop = new AbortController();
  const seen: unknown[] = [];
  for await (const { value } of group.records({ signal: stop.signal })) {
    seen.push(value);
    if (seen.length === 2) setTimeout(() => stop.abort(), 5);
  }
  expect(seen).toEqual(["v0", "v1"]);
  await group.reset([{ topic, partition: 0, offset: 1 }]);
  expect(await group.offsets()).toEqual([{ topic, partition: 0, offset: 1 }]);
  await group.delete();
  expect(await group.offsets().catch((error: KedgeError) => error.code)).toBe("group_id_not_found");
  const unknown = await kedge
    .group("nobody", { topics: [topic] })
    .delete()
    .catch((error: unknown) => error);
  expect(unknown).toBeInstanceOf(KedgeError);
});

/** Groups over any HTTP door: join, poll, commit, leave; several members, and answers that were lost. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answer, ask, jsonType, linesOf, newTopic, post, values } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";
import { joinGroup, pollGroup } from "./http-members.ts";

type Call = [group: string, member: string, body: unknown];

export function groupsSuite(name: string, open: () => Promise<HttpDoor>): void {
  describe(`${name}: groups`, () => {
    let door: HttpDoor;
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    let groups = 0;
    const newGroup = (): string => `g${++groups}-${Date.now().toString(36)}`;
    const join = (...call: Call): Promise<Answer> => joinGroup(door, ...call);
    const poll = (...call: Call): Promise<Answer> => pollGroup(door, ...call);
    /** `ask` looks at the sentence itself, and leaves a matcher in its place. */
    const detailOf = async (path: string, body: unknown): Promise<string> => {
      const init = { method: "POST", headers: jsonType, body: JSON.stringify(body) };
      const problem: unknown = await (await door.fetch(`/v1/groups/${path}`, init)).json();
      return String(Object(problem).detail);
    };
    const fill = async (topic: string, from: number, count: number, partition?: number) => {
      const path = partition === undefined ? "" : `/partitions/${partition}`;
      const records = Array.from({ length: count }, (_, at) => ({
        key: `k${from + at}`,
        value: `v${from + at}`,
      }));
      expect((await post(door, `/v1/topics/${topic}${path}/records`, { records })).status).toBe(
        200,
      );
    };

    test("a member joins, polls, commits and goes on", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await fill(topic, 0, 3);
      const joined = await join(group, "m", { topics: [topic] });
      expect(joined.status).toBe(200);
      expect(joined.body).toEqual({
        member_epoch: 2,
        assignment: [{ topic, partitions: [0] }],
        poll_by_ms: 45_000,
      });
      const first = await poll(group, "m", { member_epoch: 2, poll_id: "a", max_records: 2 });
      expect(values(first)).toEqual(["v0", "v1"]);
      expect(first.body).toMatchObject({ member_epoch: 2, assignment: null });
      expect(first.body.next).toEqual([{ topic, partition: 0, offset: 2 }]);
      const commit = first.body.next;
      const second = await poll(group, "m", { member_epoch: 2, poll_id: "b", commit });
      expect(values(second)).toEqual(["v2"]);
      const offsets = await ask(door, `/v1/groups/${group}/offsets`);
      expect(offsets.body.offsets).toEqual([{ topic, partition: 0, offset: 2, metadata: "" }]);
      const lag = await ask(door, `/v1/groups/${group}/lag`);
      expect(lag.body).toEqual({
        lag: 1,
        partitions: [{ topic, partition: 0, offset: 2, end: 3, lag: 1, member_id: "m" }],
      });
    });

    test("what a group has committed is in the metrics", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await fill(topic, 0, 3);
      await join(group, "m", { topics: [topic] });
      await post(door, `/v1/groups/${group}/offsets`, {
        member_id: "m",
        member_epoch: 2,
        offsets: [{ topic, partition: 0, offset: 1 }],
      });
      const { body } = await ask(door, "/metrics");
      const labels = `consumergroup="${group}",topic="${topic}"`;
      expect(body).toContain(`kafka_consumergroup_members{consumergroup="${group}"} 1\n`);
      expect(body).toContain(`kafka_consumergroup_current_offset_sum{${labels}} 1\n`);
      expect(body).toContain(`kafka_consumergroup_lag{${labels},partition="0"} 2\n`);
      expect(body).toMatch(
        new RegExp(`kafka_consumergroup_lag_seconds{${labels},partition="0"} [0-9.]+\\n`),
      );
    });

    test("a member is shown with the address it joined from", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      const hosts = async () => {
        const { body } = await ask(door, `/v1/groups/${group}`);
        return body.members.map((member: { client_host: string }) => member.client_host);
      };
      const host = "url" in door ? "/127.0.0.1" : ""; // Without a socket there is no address.
      await join(group, "m", { topics: [topic] });
      expect(await hosts()).toEqual([host]);
      await poll(group, "m", { member_epoch: 2, poll_id: "a" });
      expect(await hosts()).toEqual([host]);
    });

    test("offsets and lag come by topic and partition, in whatever order they were committed", async () => {
      const names = [await newTopic(door, 2), await newTopic(door, 2)].toSorted();
      const group = newGroup();
      const offsets = names.flatMap((topic) =>
        [0, 1].map((partition) => ({ topic, partition, offset: 0 })),
      );
      for (const offset of offsets.toReversed())
        await post(door, `/v1/groups/${group}/offsets`, { offsets: [offset] });
      const told = await ask(door, `/v1/groups/${group}/offsets`);
      expect(told.body.offsets).toMatchObject(offsets);
      const lag = await ask(door, `/v1/groups/${group}/lag`);
      expect(lag.body.partitions).toMatchObject(offsets);
    });

    test("an answer that was lost comes again, whatever came meanwhile", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await fill(topic, 0, 2);
      await join(group, "m", { topics: [topic] });
      const first = await poll(group, "m", { member_epoch: 2, poll_id: "a" });
      await fill(topic, 2, 2);
      const again = await poll(group, "m", { member_epoch: 2, poll_id: "a" });
      expect(again.body.records).toEqual(first.body.records);
      expect(again.body.next).toEqual(first.body.next);
      expect(again.body.assignment).toEqual([{ topic, partitions: [0] }]);
      const then = await poll(group, "m", {
        member_epoch: 2,
        poll_id: "b",
        commit: again.body.next,
      });
      expect(values(then)).toEqual(["v2", "v3"]);
    });

    test("joining again goes on from what was committed", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await fill(topic, 0, 2);
      await join(group, "m", { topics: [topic] });
      await poll(group, "m", { member_epoch: 2, poll_id: "a" });
      expect((await join(group, "m", { topics: [topic] })).body.member_epoch).toBe(2);
      const second = await poll(group, "m", { member_epoch: 2, poll_id: "b" });
      expect(values(second)).toEqual(["v0", "v1"]);
    });

    test("a long poll answers as soon as something is there, and empty when its time is over", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await join(group, "m", { topics: [topic] });
      const none = await poll(group, "m", { member_epoch: 2, poll_id: "a", wait_ms: 20 });
      expect(none.body).toMatchObject({ records: [], next: [], assignment: null });
      const waiting = poll(group, "m", { member_epoch: 2, poll_id: "b", wait_ms: 20_000 });
      await fill(topic, 0, 1);
      expect(values(await waiting)).toEqual(["v0"]);
    });

    test("a second poll ends the wait of the first, which is refused", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await join(group, "m", { topics: [topic] });
      const waiting = poll(group, "m", { member_epoch: 2, poll_id: "a", wait_ms: 20_000 });
      const second = poll(group, "m", { member_epoch: 2, poll_id: "b", wait_ms: 20 });
      const first = await waiting;
      expect([first.status, first.body.code]).toEqual([409, "fenced_instance_id"]);
      expect((await second).status).toBe(200);
    });

    test("reset: latest begins at the end and stays there, none refuses", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await fill(topic, 0, 2);
      await join(group, "m", { topics: [topic], reset: "latest" });
      const empty = await poll(group, "m", { member_epoch: 2, poll_id: "a" });
      expect(empty.body.records).toEqual([]);
      await fill(topic, 2, 1);
      await join(group, "m", { topics: [topic], reset: "latest" });
      expect(values(await poll(group, "m", { member_epoch: 2, poll_id: "b" }))).toEqual(["v2"]);
      const other = newGroup();
      await join(other, "m", { topics: [topic], reset: "none" });
      const refused = await poll(other, "m", { member_epoch: 2, poll_id: "a" });
      expect([refused.status, refused.body.code]).toEqual([416, "offset_out_of_range"]);
    });

    test("two members share, and one that leaves gives its part back", async () => {
      const [topic, group] = [await newTopic(door, 4), newGroup()];
      for (let partition = 0; partition < 4; partition += 1)
        await fill(topic, partition, 1, partition);
      const epochs = new Map([
        ["a", 0],
        ["b", 0],
      ]);
      const parts = new Map<string, number[]>();
      const take = (member: string, answer: Answer): void => {
        expect(answer.status).toBe(200);
        epochs.set(member, answer.body.member_epoch);
        const { assignment } = answer.body;
        if (assignment) parts.set(member, assignment[0]?.partitions ?? []);
      };
      take("a", await join(group, "a", { topics: [topic] }));
      expect(parts.get("a")).toEqual([0, 1, 2, 3]);
      take("b", await join(group, "b", { topics: [topic] }));
      let polls = 0;
      const settle = async (done: () => boolean): Promise<void> => {
        for (let round = 0; round < 100 && !done(); round += 1) {
          for (const member of epochs.keys()) {
            const poll_id = `p${(polls += 1)}`;
            const body = { member_epoch: epochs.get(member), poll_id, wait_ms: 50 };
            take(member, await poll(group, member, body));
          }
        }
        expect(done()).toBe(true);
      };
      await settle(() => parts.get("a")?.length === 2 && parts.get("b")?.length === 2);
      expect([...parts.values()].flat().toSorted((left, right) => left - right)).toEqual([
        0, 1, 2, 3,
      ]);
      const described = await ask(door, `/v1/groups/${group}`);
      expect(described.body).toMatchObject({ group, type: "consumer", state: "Stable" });
      expect(described.body.members).toHaveLength(2);
      const left = await ask(door, `/v1/groups/${group}/members/b`, { method: "DELETE" });
      expect(left.status).toBe(204);
      epochs.delete("b");
      await settle(() => parts.get("a")?.length === 4);
    });

    test("a member by pattern", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await fill(topic, 0, 1);
      const bad = await join(group, "m", { topic_regex: "(" });
      expect([bad.status, bad.body.code]).toEqual([400, "invalid_regular_expression"]);
      const joined = await join(group, "m", { topic_regex: `${topic}.*` });
      let epoch = joined.body.member_epoch;
      let got: unknown[] = [];
      for (let round = 0; round < 100 && got.length === 0; round += 1) {
        const answer = await poll(group, "m", {
          member_epoch: epoch,
          poll_id: `p${round}`,
          wait_ms: 100,
        });
        epoch = answer.body.member_epoch;
        got = values(answer);
      }
      expect(got).toEqual(["v0"]);
    });

    test("what is refused", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      const codeOf = ({ status, body }: Answer) => [status, body.code];
      expect(codeOf(await poll(group, "m", { member_epoch: 2, poll_id: "a" }))).toEqual([
        404,
        "group_id_not_found",
      ]);
      await join(group, "m", { topics: [topic] });
      expect(codeOf(await poll(group, "x", { member_epoch: 2, poll_id: "a" }))).toEqual([
        404,
        "unknown_member_id",
      ]);
      expect(codeOf(await poll(group, "m", { member_epoch: 9, poll_id: "a" }))).toEqual([
        409,
        "fenced_member_epoch",
      ]);
      expect(codeOf(await poll(group, "m", { member_epoch: 2 }))).toEqual([400, "invalid_request"]);
      const unjoined = await detailOf(`${group}/members/x/poll`, { member_epoch: 2, poll_id: "a" });
      expect(unjoined).toContain(`join first: PUT /v1/groups/${group}/members/x with`);
      const beyond = [{ topic, partition: 7, offset: 1 }];
      const committing = { member_epoch: 2, poll_id: "z", commit: beyond };
      const far = await poll(group, "m", committing);
      expect(codeOf(far)).toEqual([404, "unknown_topic_or_partition"]);
      expect(await detailOf(`${group}/members/m/poll`, committing)).toContain(
        `for partition 7 of "${topic}": the topic has 1 partitions, counted from 0`,
      );
      expect(codeOf(await join(group, "m", {}))).toEqual([400, "invalid_request"]);
      expect(codeOf(await join(group, "m", { topics: [topic], assignor: "x" }))).toEqual([
        400,
        "unsupported_assignor",
      ]);
      const offsets = [{ topic, partition: 0, offset: 1 }];
      expect(codeOf(await post(door, `/v1/groups/${group}/offsets`, { offsets }))).toEqual([
        409,
        "non_empty_group",
      ]);
      const stale = { member_id: "m", member_epoch: 7, offsets };
      expect(codeOf(await post(door, `/v1/groups/${group}/offsets`, stale))).toEqual([
        409,
        "stale_member_epoch",
      ]);
      expect(codeOf(await ask(door, `/v1/groups/${group}`, { method: "DELETE" }))).toEqual([
        409,
        "non_empty_group",
      ]);
      expect(codeOf(await ask(door, "/v1/groups/none-of-that-name"))).toEqual([
        404,
        "group_id_not_found",
      ]);
    });

    test("an administrator resets a group without members, and deletes it", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await fill(topic, 0, 3);
      const offsets = [
        { topic, partition: 0, offset: 2 },
        { topic: "none-such", partition: 0, offset: 1 },
      ];
      const reset = await post(door, `/v1/groups/${group}/offsets`, { offsets });
      expect(reset.status).toBe(207);
      expect(reset.body.offsets.map((each: Answer) => each.status)).toEqual([200, 404]);
      expect(reset.body.offsets[1].error.detail).toBe(
        'Nothing was committed for partition 0 of "none-such": there is no such topic. Create it, or leave it out.',
      );
      await join(group, "m", { topics: [topic] });
      expect(values(await poll(group, "m", { member_epoch: 2, poll_id: "a" }))).toEqual(["v2"]);
      await ask(door, `/v1/groups/${group}/members/m`, { method: "DELETE" });
      const list = await ask(door, `/v1/groups?limit=1000`);
      expect(list.body.groups).toContainEqual({
        group,
        type: "consumer",
        state: "Empty",
        protocol_type: "consumer",
      });
      expect((await ask(door, `/v1/groups/${group}`, { method: "DELETE" })).status).toBe(204);
      expect((await ask(door, `/v1/groups/${group}`)).status).toBe(404);
      const gone = await ask(door, `/v1/groups/${group}/offsets`);
      expect([gone.status, gone.body.code]).toEqual([404, "group_id_not_found"]);
      const lag = await ask(door, `/v1/groups/${group}/lag`);
      expect([lag.status, lag.body.code]).toEqual([404, "group_id_not_found"]);
    });

    test("one call: a stream of lines, or of events, that commits what was taken", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      await fill(topic, 0, 2);
      const leave = new AbortController();
      const path = `/v1/groups/${group}/stream?topic=${topic}&member=m`;
      const response = await door.fetch(path, { signal: leave.signal });
      expect(response.headers.get("content-type")).toBe("application/x-ndjson");
      // A pipe would take what comes next as well, and so commit.
      const reader = response.body!.getReader();
      const until = async (count: number, seen: unknown[] = []): Promise<unknown[]> => {
        while (seen.length < count) {
          const { value, done } = await reader.read();
          if (done) break;
          seen.push(...linesOf(new TextDecoder().decode(value)).map((line) => line.value));
        }
        return seen;
      };
      expect(await until(2)).toEqual(["v0", "v1"]);
      const third = until(1);
      await fill(topic, 2, 1);
      expect(await third).toEqual(["v2"]);
      leave.abort();
      await reader.cancel().catch(() => {});
      // A wire takes what comes next before its reader does.
      const { body } = await ask(door, `/v1/groups/${group}/offsets`);
      expect([2, 3]).toContain(body.offsets[0].offset);
      await fill(topic, 3, 1);
      const again = new AbortController();
      const events = await door.fetch(path, {
        headers: { accept: "text/event-stream" },
        signal: again.signal,
      });
      const text = events.body!.getReader();
      let shown = "";
      while (!shown.includes("v3")) shown += new TextDecoder().decode((await text.read()).value);
      expect(shown).toContain('event: record\ndata: {"topic"');
      again.abort();
      await text.cancel().catch(() => {});
    });
  });
}

/** What a group says of the topics and names that it is given, over any HTTP door. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answer, newTopic, post } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";
import { joinGroup, pollGroup } from "./http-members.ts";

type Call = [group: string, member: string, body: unknown];

export function groupTopicsSuite(name: string, open: () => Promise<HttpDoor>): void {
  describe(`${name}: topics of groups`, () => {
    let door: HttpDoor;
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    let groups = 0;
    const newGroup = (): string => `gt${++groups}-${Date.now().toString(36)}`;
    const join = (...call: Call): Promise<Answer> => joinGroup(door, ...call);
    const poll = (...call: Call): Promise<Answer> => pollGroup(door, ...call);

    test("topics that are not there are named, and taken up once they are", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      const later = `${topic}-later`;
      const joined = await join(group, "m", { topics: [topic, later] });
      expect([joined.status, joined.body.unknown_topics]).toEqual([200, [later]]);
      const { member_epoch } = joined.body;
      const first = await poll(group, "m", { member_epoch, poll_id: "a" });
      expect(first.body.unknown_topics).toEqual([later]);
      await post(door, "/v1/topics", { name: later, partitions: 1 });
      const next = { member_epoch: first.body.member_epoch, poll_id: "b" };
      expect((await poll(group, "m", next)).body).not.toHaveProperty("unknown_topics");
      const none = await join(group, "n", { topics: [] });
      expect([none.status, none.body.code]).toEqual([400, "invalid_request"]);
    });

    test("a stream of a topic that is not there says so at once", async () => {
      for (const accept of ["text/event-stream", "application/x-ndjson"]) {
        const path = `/v1/groups/${newGroup()}/stream?topic=nosuch`;
        const response = await door.fetch(path, { headers: { accept } });
        expect(response.headers.get("kafka-unknown-topics")).toBe("nosuch");
        const reader = response.body?.getReader();
        if (accept === "text/event-stream") {
          const shown = new TextDecoder().decode((await reader?.read())?.value);
          expect(shown).toBe('event: unknown_topics\ndata: {"unknown_topics":["nosuch"]}\n\n');
        }
        await reader?.cancel();
      }
    });

    test("a group's name may be as long everywhere", async () => {
      const [topic, group, member] = [
        await newTopic(door, 1),
        newGroup().padEnd(1_000, "g"),
        "m".repeat(1_000),
      ];
      const joined = await join(group, member, { topics: [topic] });
      expect(joined.status).toBe(200);
      const offsets = {
        group,
        member_id: member,
        member_epoch: joined.body.member_epoch,
        offsets: [{ topic, partition: 0, offset: 0 }],
      };
      expect((await post(door, "/v1/transact", { offsets })).status).toBe(200);
      const begun = await post(door, "/v1/txns", { transactional_id: newGroup() });
      const added = await post(door, `/v1/txns/${begun.body.txn}/add-offsets`, offsets);
      expect(added.status).toBe(200);
      await post(door, `/v1/txns/${begun.body.txn}/commit`, {});
      expect((await join(`${group}g`, "m", { topics: [topic] })).status).toBe(400);
    });
  });
}

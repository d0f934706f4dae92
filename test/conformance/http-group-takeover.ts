/** Two clients under one member's name, over any HTTP door: the newer has it, the older is told, and everybody else is served. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { present } from "../../src/lib/assert.ts";
import { StreamReader } from "./event-reader.ts";
import { type Answer, ask, newTopic, post, values } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";
import { joinGroup, pollGroup } from "./http-members.ts";

type Call = [group: string, member: string, body: unknown];

export function groupTakeoverSuite(name: string, open: () => Promise<HttpDoor>): void {
  describe(`${name}: one member's name twice`, () => {
    let door: HttpDoor;
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    let groups = 0;
    const newGroup = (): string => `takeover${++groups}-${Date.now().toString(36)}`;
    const join = (...call: Call): Promise<Answer> => joinGroup(door, ...call);
    const poll = (...call: Call): Promise<Answer> => pollGroup(door, ...call);
    const fill = async (topic: string, value: string): Promise<void> => {
      const sent = await post(door, `/v1/topics/${topic}/records`, { records: [{ value }] });
      expect(sent.status).toBe(200);
    };

    test("who joins under a member's name has it, and the one before is refused", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      const [older, newer] = [{ incarnation: "a" }, { incarnation: "b" }];
      const codeOf = ({ status, body }: Answer) => [status, body.code];
      await join(group, "m", { topics: [topic], ...older });
      const waits = { member_epoch: 2, poll_id: "a", wait_ms: 20_000, ...older };
      const waiting = poll(group, "m", waits);
      await join(group, "m", { topics: [topic], ...newer });
      expect(codeOf(await waiting)).toEqual([409, "fenced_instance_id"]);
      await fill(topic, "v0");
      expect(codeOf(await poll(group, "m", { ...waits, poll_id: "b" }))).toEqual([
        409,
        "fenced_instance_id",
      ]);
      expect(values(await poll(group, "m", { ...waits, ...newer }))).toEqual(["v0"]);
    });

    test("of two streams of one member the newer goes on, and the older is told why it ends", async () => {
      const [topic, group] = [await newTopic(door, 1), newGroup()];
      const path = `/v1/groups/${group}/stream?topic=${topic}&member=same`;
      const open = async () => {
        const headers = { accept: "text/event-stream" };
        return new StreamReader(present((await door.fetch(path, { headers })).body, "a stream"));
      };
      await fill(topic, "v0");
      const older = await open();
      expect(await older.values(1)).toEqual(["v0"]);
      const told = older.events(1);
      // Over a socket its answer begins with its first bytes.
      const opened = open();
      expect(await told).toMatchObject([
        { event: "error", data: { error: { code: "fenced_instance_id" } } },
      ]);
      expect(await older.next()).toBeNull();
      expect((await ask(door, "/livez")).status).toBe(200);
      await fill(topic, "v1");
      const newer = await opened;
      // What the older one was given last may not have been committed.
      let [last] = await newer.values(1);
      if (last === "v0") [last] = await newer.values(1);
      expect(last).toBe("v1");
      await newer.cancel();
    }, 10_000);
  });
}

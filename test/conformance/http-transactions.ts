/** Transactions over any HTTP door: all in one call, and sessions whose every call may be repeated. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answer, ask, jsonType, newTopic, post, send, values } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";
import { openTail } from "./http-tail.ts";

export function transactionsSuite(name: string, open: () => Promise<HttpDoor>): void {
  let door: HttpDoor;
  let ids = 0;
  const freshId = (): string => `id${++ids}-${Date.now().toString(36)}`;
  const read = (topic: string, query = ""): Promise<Answer> =>
    ask(door, `/v1/topics/${topic}/partitions/0/records?${query}`);
  const begin = async (transactional_id = freshId(), timeout_ms = 60_000): Promise<string> => {
    const begun = await post(door, "/v1/txns", { transactional_id, timeout_ms });
    expect(begun.status).toBe(200);
    return String(begun.body.txn);
  };
  const produce = (topic: string, value: string, txn: string, headers = {}): Promise<Answer> =>
    post(door, `/v1/topics/${topic}/records`, { records: [{ value }] }, { txn, ...headers });
  const end = (txn: string, how: "commit" | "abort"): Promise<Answer> =>
    ask(door, `/v1/txns/${txn}/${how}`, { method: "POST" });
  const offsetOf = async (group: string): Promise<number | undefined> => {
    const { body } = await ask(door, `/v1/groups/${group}/offsets`);
    return body.offsets[0]?.offset;
  };

  describe(`${name}: transactions`, () => {
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    test("one call writes to several topics and commits offsets, all at once", async () => {
      const [source, one, other] = [
        await newTopic(door),
        await newTopic(door),
        await newTopic(door),
      ];
      await post(door, `/v1/topics/${source}/records`, { records: [{ value: "in" }] });
      const group = freshId();
      const answer = await post(door, "/v1/transact", {
        produce: [
          { topic: one, records: [{ value: "a" }, { value: "b", partition: 0 }] },
          { topic: other, records: [{ key: "k", value: { json: { n: 1 } } }] },
          { topic: one, records: [{ value: "c" }] },
        ],
        offsets: { group, offsets: [{ topic: source, partition: 0, offset: 1 }] },
      });
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        results: [
          { topic: one, partition: 0, offset: 0 },
          { topic: one, partition: 0, offset: 1 },
          { topic: other, partition: 0, offset: 0 },
          { topic: one, partition: 0, offset: 2 },
        ],
        duplicate: false,
      });
      expect(values(await read(one))).toEqual(["a", "b", "c"]);
      expect(values(await read(other))).toEqual(['{"n":1}']);
      expect(await offsetOf(group)).toBe(1);
    });

    test("what fails leaves nothing behind", async () => {
      const [one, other] = [await newTopic(door), await newTopic(door)];
      const group = freshId();
      const wrong = await post(door, "/v1/transact", {
        produce: [{ topic: one, records: [{ value: "never" }] }],
        offsets: { group, offsets: [{ topic: "no-such-topic", partition: 0, offset: 1 }] },
      });
      expect(wrong.status).toBe(404);
      expect(wrong.body.side_effects).toBe("none");
      const stale = await post(door, "/v1/transact", {
        produce: [one, other].map((topic) => ({ topic, records: [{ value: "never" }] })),
        expect: [{ topic: other, partition: 0, offset: 99 }],
      });
      expect(stale.status).toBe(412);
      expect(stale.body).toMatchObject({ code: "offset_mismatch", side_effects: "none" });
      const strange = await post(door, "/v1/transact", {
        produce: [{ topic: one, records: [{ value: "never" }] }],
        offsets: {
          group,
          member_id: "nobody",
          member_epoch: 3,
          offsets: [{ topic: one, partition: 0, offset: 1 }],
        },
      });
      expect(strange.status).toBeGreaterThanOrEqual(400);
      const after = await read(one);
      expect(values(after)).toEqual([]);
      expect(after.body.last_stable).toBe(after.body.high_watermark);
      expect(values(await read(other))).toEqual([]);
      const next = after.body.high_watermark;
      const right = await post(door, "/v1/transact", {
        produce: [{ topic: one, records: [{ value: "yes" }] }],
        expect: [{ topic: one, partition: 0, offset: next }],
      });
      expect(right.body.results).toMatchObject([{ offset: next }]);
      expect(values(await read(one))).toEqual(["yes"]);
    });

    test("the same key again gives the first one's offsets, and writes nothing", async () => {
      const topic = await newTopic(door, 6);
      const other = await newTopic(door);
      const key = { "idempotency-key": freshId() };
      const once = (): Promise<Answer> => {
        const produce = [
          { topic, records: [{ value: "a" }, { value: "b" }] },
          { topic: other, records: [{ value: "c" }] },
        ];
        return post(door, "/v1/transact", { produce }, key);
      };
      const answers = await Promise.all([once(), once(), once()]);
      const again = await once();
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(answers.filter(({ body }) => !body.duplicate)).toHaveLength(1);
      for (const { body } of answers) expect(body.results).toEqual(again.body.results);
      expect(again.body.duplicate).toBe(true);
      expect(values(await read(other))).toEqual(["c"]);
      const another = { produce: [{ topic, records: [{ value: "x" }] }] };
      expect((await post(door, "/v1/transact", another, key)).status).toBe(400);
    });

    test("a key whose first attempt failed is good for another", async () => {
      const topic = await newTopic(door);
      const key = { "idempotency-key": freshId() };
      const offsets = (to: string) => ({
        group: freshId(),
        offsets: [{ topic: to, partition: 0, offset: 1 }],
      });
      const produce = [{ topic, records: [{ value: "a" }] }];
      const wrong = { produce, offsets: offsets("no-such-topic") };
      expect((await post(door, "/v1/transact", wrong, key)).status).toBe(404);
      const right = { produce, offsets: offsets(topic) };
      const first = await post(door, "/v1/transact", right, key);
      expect(first.body.duplicate).toBe(false);
      const again = await post(door, "/v1/transact", right, key);
      expect(again.body).toEqual({ ...first.body, duplicate: true });
      expect(values(await read(topic))).toEqual(["a"]);
    });

    test("a session's records are seen once it commits, whoever reads", async () => {
      const topic = await newTopic(door);
      const txn = await begin();
      const produced = await produce(topic, "a", txn);
      expect(produced.body.results).toMatchObject([{ partition: 0, offset: 0 }]);
      expect((await send(door, `/v1/topics/${topic}/records`, "raw", { txn })).status).toBe(200);
      expect(values(await read(topic))).toEqual([]);
      expect(values(await read(topic, "isolation=read_uncommitted"))).toEqual(["a", "raw"]);
      const committed = await end(txn, "commit");
      expect(committed.body).toMatchObject({ txn, status: "committed" });
      expect(values(await read(topic))).toEqual(["a", "raw"]);
      const { next } = committed.body;
      expect((await produce(topic, "never", next.txn)).status).toBe(200);
      expect((await end(next.txn, "abort")).body.status).toBe("aborted");
      expect(values(await read(topic))).toEqual(["a", "raw"]);
      expect(values(await read(topic, "from=2"))).toEqual([]);
    });

    test("every call of a session may be repeated", async () => {
      const topic = await newTopic(door);
      const txn = await begin();
      const key = { "idempotency-key": "k" };
      const first = await produce(topic, "a", txn, key);
      const again = await produce(topic, "a", txn, key);
      expect(again.body).toEqual({ ...first.body, duplicate: true });
      const committed = await end(txn, "commit");
      expect((await end(txn, "commit")).body).toEqual(committed.body);
      expect((await end(txn, "abort")).body.code).toBe("invalid_txn_state");
      expect(values(await read(topic))).toEqual(["a"]);
      // The key belonged to that transaction.
      const next = committed.body.next.txn;
      expect((await produce(topic, "a", next, key)).body.duplicate).toBe(false);
      await end(next, "commit");
      expect(values(await read(topic))).toEqual(["a", "a"]);
      expect((await produce(topic, "late", txn)).status).toBe(409);
    });

    test("who goes on in a transaction that is over is told where to", async () => {
      const [topic, other] = [await newTopic(door), await newTopic(door)];
      const txn = await begin();
      await produce(topic, "a", txn);
      const { next } = (await end(txn, "commit")).body;
      const detailOf = async (into: string, token: string): Promise<string> => {
        const init = { method: "POST", headers: { txn: token }, body: "late" };
        const problem: unknown = await (
          await door.fetch(`/v1/topics/${into}/records`, init)
        ).json();
        expect(problem).toMatchObject({ status: 409, code: "invalid_producer_epoch" });
        return String(Object(problem).detail);
      };
      for (const into of [topic, other]) {
        const detail = await detailOf(into, txn);
        expect(detail).toContain("This transaction is over");
        expect(detail).toContain("next.txn");
      }
      await produce(topic, "b", next.txn);
      expect(await detailOf(other, txn)).toContain("next.txn");
      const id = freshId();
      const old = await begin(id);
      await begin(id);
      expect(await detailOf(topic, old)).toContain("Another producer");
    });

    test("a session commits a group's offsets with its records", async () => {
      const topic = await newTopic(door);
      await post(door, `/v1/topics/${topic}/records`, { records: [{ value: "in" }] });
      const group = freshId();
      const txn = await begin();
      const body = { group, offsets: [{ topic, partition: 0, offset: 1, metadata: "m" }] };
      const added = await post(door, `/v1/txns/${txn}/add-offsets`, body);
      expect(added.body).toEqual({ txn, status: "ongoing" });
      expect(await offsetOf(group)).not.toBe(1);
      await end(txn, "commit");
      expect(await offsetOf(group)).toBe(1);
    });

    test("an id of the node's own one-shot transactions is nobody's session", async () => {
      const asked = { transactional_id: "__kedge-transact-1-1" };
      const refused = await post(door, "/v1/txns", asked);
      expect(refused.status).toBe(403);
      expect(refused.body.code).toBe("transactional_id_authorization_failed");
    });

    test("who begins again under an id fences the session before", async () => {
      const topic = await newTopic(door);
      const id = freshId();
      const old = await begin(id);
      await produce(topic, "left open", old);
      const young = await begin(id);
      expect((await end(old, "commit")).body.code).toBe("producer_fenced");
      expect((await produce(topic, "late", old)).status).toBe(409);
      await produce(topic, "new", young);
      await end(young, "commit");
      expect(values(await read(topic))).toEqual(["new"]);
    });

    test("a session that wrote nothing ends as it began; one that takes too long is aborted", async () => {
      const txn = await begin();
      const empty = await end(txn, "commit");
      expect(empty.body.next.txn).toBe(txn);
      expect((await end(txn, "abort")).status).toBe(200);
      const topic = await newTopic(door);
      const slow = await begin(freshId(), 50);
      await produce(topic, "slow", slow);
      for (;;) {
        const { body } = await read(topic);
        if (body.last_stable === body.high_watermark) break;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect((await end(slow, "commit")).body.code).toBe("invalid_txn_state");
      expect(values(await read(topic))).toEqual([]);
    });

    /** Two that are aborted, and then one that is not. */
    const abortTwice = async (topic: string): Promise<void> => {
      for (let round = 0; round < 2; round += 1) {
        const txn = await begin();
        await produce(topic, "aborted", txn);
        await end(txn, "abort");
      }
    };

    test("long polls, groups' polls and tails wait on behind what was aborted", async () => {
      const topic = await newTopic(door);
      const group = freshId();
      const member = `/v1/groups/${group}/members/m`;
      const joined = await ask(door, member, {
        method: "PUT",
        headers: jsonType,
        body: JSON.stringify({ topics: [topic] }),
      });
      const poll = (poll_id: string, wait_ms: number, commit: unknown[] = []) =>
        post(door, `${member}/poll`, {
          member_epoch: joined.body.member_epoch,
          poll_id,
          wait_ms,
          commit,
        });
      const tail = await openTail(door, `topic=${topic}&from=earliest`);
      const events = tail.events(1);
      const read1 = read(topic, "wait_ms=20000");
      const poll1 = poll("a", 20_000);
      await abortTwice(topic);
      await post(door, `/v1/topics/${topic}/records`, { records: [{ value: "seen" }] });
      expect(values(await read1)).toEqual(["seen"]);
      expect(values(await poll1)).toEqual(["seen"]);
      expect((await events).map(({ data }) => data?.["value"])).toEqual(["seen"]);
      await tail.cancel();
      const { next } = (await poll1).body;
      await abortTwice(topic);
      const none = await poll("b", 30, next);
      expect(none.body.records).toEqual([]);
      // What was aborted is read, and can be committed: no lag is left.
      await poll("c", 0, none.body.next);
      expect((await ask(door, `/v1/groups/${group}/lag`)).body.lag).toBe(0);
      await post(door, `/v1/topics/${topic}/records`, { records: [{ value: "more" }] });
      expect(values(await poll("d", 20_000))).toEqual(["more"]);
    });

    test("what is no transaction is refused, and so are queues", async () => {
      const topic = await newTopic(door);
      expect((await end("nonsense", "commit")).status).toBe(400);
      expect((await produce(topic, "a", "bm9uc2Vuc2U")).status).toBe(400);
      const settle = await post(door, "/v1/transact", { settle: { queue: "q", ack: ["l1"] } });
      expect(settle.body).toMatchObject({ status: 400, code: "invalid_request" });
      expect((await post(door, "/v1/transact", {})).status).toBe(400);
      const unwritten = { produce: [], expect: [{ topic, partition: 0, offset: 0 }] };
      expect((await post(door, "/v1/transact", unwritten)).status).toBe(400);
      const txn = await begin();
      const batch = { "content-type": "application/vnd.kafka.recordbatch", txn };
      expect((await send(door, `/v1/topics/${topic}/records`, "x".repeat(80), batch)).status).toBe(
        400,
      );
      const sequence = { txn, "producer-id": "p", "producer-seq": "0" };
      expect((await produce(topic, "a", txn, sequence)).status).toBe(400);
      const long = { transactional_id: "x", timeout_ms: 900_001 };
      expect((await post(door, "/v1/txns", long)).body.code).toBe("invalid_transaction_timeout");
      expect((await ask(door, "/v1/txns", { method: "POST", headers: jsonType })).status).toBe(400);
    });
  });
}

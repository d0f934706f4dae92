/** Fetch sessions are bounded, and make room as Kafka's do (KIP-227); what is news in one is in the conformance suite. */
import { expect, test } from "bun:test";
import { type FetchAsk, FetchSessions } from "../../../../src/kafka/answers/fetch-sessions.ts";
import { atOnce } from "../../../../src/lib/async.ts";
import { kafkaLimits } from "../../../../src/kafka/limits.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

function world(limits: Partial<typeof kafkaLimits> = {}) {
  const clock = new VirtualClock();
  const sessions = new FetchSessions({ ...kafkaLimits, ...limits }, clock, seededRandom(1));
  const ask = (partitions: number, more: Partial<FetchAsk> = {}): FetchAsk => ({
    sessionId: 0,
    sessionEpoch: 0,
    byId: false,
    forgotten: [],
    partitions: Array.from({ length: partitions }, (_, partition) => ({
      topic: "t",
      partition,
      fetchOffset: 0,
      bytesMax: 1,
      leaderEpoch: -1,
      lastEpoch: -1,
    })),
    ...more,
  });
  return { clock, sessions, ask };
}

test("a full cache gives no session, and takes the place of one that nobody uses", async () => {
  const { clock, sessions, ask } = world({ fetchSessionsMax: 2 });
  const [one, two] = [atOnce(sessions.open(ask(3))), atOnce(sessions.open(ask(3)))];
  expect(atOnce(sessions.open(ask(1))).sessionId).toBe(0);
  await clock.advance(100_000);
  atOnce(sessions.open(ask(0, { sessionId: one.sessionId, sessionEpoch: 1 })));
  await clock.advance(30_000);
  expect(atOnce(sessions.open(ask(1))).sessionId).toBeGreaterThan(0);
  expect(sessions.size).toBe(2);
  expect(sessions.session(one.sessionId)).not.toBeNull();
  expect(sessions.session(two.sessionId)).toBeNull();
});

test("an old session gives way to one of more partitions", async () => {
  const { clock, sessions, ask } = world({ fetchSessionsMax: 1 });
  const { sessionId } = atOnce(sessions.open(ask(2)));
  await clock.advance(121_000);
  atOnce(sessions.open(ask(0, { sessionId, sessionEpoch: 1 })));
  expect(atOnce(sessions.open(ask(2))).sessionId).toBe(0);
  expect(atOnce(sessions.open(ask(3))).sessionId).toBeGreaterThan(0);
  expect(sessions.session(sessionId)).toBeNull();
});

test("partitions of all sessions together are bounded", () => {
  const { sessions, ask } = world({ fetchSessionPartitionsMax: 10 });
  const { sessionId } = atOnce(sessions.open(ask(8)));
  expect(atOnce(sessions.open(ask(3))).sessionId).toBe(0);
  atOnce(sessions.open(ask(0, { sessionId, sessionEpoch: -1 })));
  expect(atOnce(sessions.open(ask(3))).sessionId).toBeGreaterThan(0);
});

test("a session that grows past the room for partitions ends", () => {
  const { sessions, ask } = world({ fetchSessionPartitionsMax: 10 });
  const { sessionId } = atOnce(sessions.open(ask(8)));
  const { partitions } = ask(11);
  expect(() => atOnce(sessions.open(ask(0, { sessionId, sessionEpoch: 1, partitions })))).toThrow(
    expect.objectContaining({ code: "fetch_session_id_not_found" }),
  );
  expect(sessions.size).toBe(0);
  expect(atOnce(sessions.open(ask(10))).sessionId).toBeGreaterThan(0);
});

test("a session that forgets all of its partitions ends", () => {
  const { sessions, ask } = world();
  const { sessionId } = atOnce(sessions.open(ask(1)));
  const forgotten = [{ topic: "t", partition: 0 }];
  const scope = atOnce(sessions.open(ask(0, { sessionId, sessionEpoch: 1, forgotten })));
  expect([scope.sessionId, sessions.size]).toEqual([0, 0]);
});

/**
 * That a request which takes long, or comes with thousands of others, lets the event loop turn. The broker is a stand-in.
 */
import { describe, expect, test } from "bun:test";
import type { Broker } from "../../../src/broker/verbs.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { doorBefore, standingClock } from "./stand-in-door.ts";

/** A door whose clock counts the turns that it gives. */
function open(verbs: Partial<Broker>) {
  const turns = { count: 0 };
  const clock = standingClock(async () => {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    turns.count += 1;
  });
  const door = doorBefore(verbs, { clock });
  return { turns, door };
}

describe("others get their turn", () => {
  test("between requests that come in thousands at once, which begin in order", async () => {
    const begun: { at: number; turn: number }[] = [];
    const { turns, door } = open({
      describeTopic(_context, name) {
        begun.push({ at: Number(name), turn: turns.count });
        throw new Refusal("unknown_topic_or_partition", "none");
      },
    });
    const requests = Array.from({ length: 2_000 }, (_, at) => at);
    const url = (at: number) => new Request(`http://127.0.0.1/v1/topics/${at}`);
    const answers = await Promise.all(requests.map(async (at) => door.fetch(url(at))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    expect(begun.map(({ at }) => at)).toEqual(requests);
    const turnsUsed = new Set(begun.map(({ turn }) => turn));
    expect(turnsUsed.size).toBeGreaterThanOrEqual(10);
  });

  test("while /metrics goes through thousands of topics, of which some go meanwhile", async () => {
    const topics = Array.from({ length: 3_000 }, (_, at) => ({
      name: `t${at}`,
      id: "",
      partitions: 1,
      replicationFactor: 1,
      internal: false,
    }));
    const partition = { index: 0, leader: 1, replicas: [1], inSyncReplicas: [1], bytes: 0 };
    const ends = { logStart: 0, highWatermark: 7, lastStable: 7, epoch: 0 };
    const { turns, door } = open({
      listTopics: () => topics,
      groups: { list: () => [] } as unknown as Broker["groups"],
      traffic: { fetched() {}, counts: () => [] },
      describeTopic(_context, name) {
        if (name === "t5") throw new Refusal("unknown_topic_or_partition", "gone");
        return {
          ...topics[0]!,
          name,
          partitionList: [{ ...partition, ...ends }],
          configs: [],
        };
      },
    });
    const text = await (await door.fetch(new Request("http://127.0.0.1/metrics"))).text();
    expect(turns.count).toBeGreaterThan(15);
    expect(text).toContain('kafka_topic_partition_current_offset{topic="t2999",partition="0"} 7');
    expect(text).not.toContain('current_offset{topic="t5"');
    expect(text).toContain("kedge_http_untaken_bytes 0");
  });
});

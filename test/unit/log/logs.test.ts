/** The logs of a topic with thousands of partitions: opened in slices, gone with their topic. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { openTestNode, somebody } from "../../simulation/test-node.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

/** Two seconds on a machine that does nothing else. */
const TIMEOUT_MS = 30_000;

test(
  "a topic of thousands of partitions leaves turns while its logs open; deleted meanwhile, it leaves none",
  async () => {
    const node = await openTestNode();
    let turns = 0;
    const turn = node.clock.turn.bind(node.clock);
    node.clock.turn = () => {
      turns += 1;
      return turn();
    };
    const wide = { name: "wide", partitions: 5_000, replicationFactor: 1, configs: {} };
    const created = node.broker.createTopic(somebody, wide);
    await node.clock.settle();
    await created;
    expect(turns).toBeGreaterThanOrEqual(5);
    expect([...node.logs.all()].length).toBe(5_000);
    const both = Promise.allSettled([
      node.broker.createTopic(somebody, { ...wide, name: "brief" }),
      node.broker.deleteTopic(somebody, "brief"),
    ]);
    await node.clock.settle();
    await both;
    expect([...node.logs.all()].length).toBe(5_000);
    let closedInTurn = 0;
    let most = 0;
    for (const log of node.logs.all()) {
      const close = log.close.bind(log);
      log.close = () => {
        most = Math.max(most, (closedInTurn += 1));
        close();
      };
    }
    node.clock.turn = () => {
      closedInTurn = 0;
      return turn();
    };
    const deleted = node.broker.deleteTopic(somebody, "wide");
    await node.clock.settle();
    await deleted;
    expect([[...node.logs.all()].length, most]).toEqual([0, 500]);
    expect(node.logs.hasLeftovers).toBe(false);
  },
  TIMEOUT_MS,
);

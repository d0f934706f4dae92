/**
 * The HTTP door before a broker that is not there: each test gives the verbs that it is about.
 */
import type { Broker } from "../../../src/broker/verbs.ts";
import { createHttpApp, type HttpAppOptions } from "../../../src/http/app.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { seededRandom } from "../../../src/lib/random.ts";

const describeNode = () => ({
  clusterId: "c",
  nodeId: 1,
  controllerId: 1,
  version: "0",
  topics: 0,
  partitions: 0,
});

/** A clock that stands still; its turns are as told. */
export function standingClock(turn: Clock["turn"] = async () => {}): Clock {
  return {
    nowMs: () => 1_700_000_000_000,
    monotonicMs: () => 0,
    after: () => ({ cancel() {} }),
    turn,
  };
}

export function doorBefore(verbs: Partial<Broker>, options: Partial<HttpAppOptions> = {}) {
  return createHttpApp({
    broker: { describeNode, ...verbs } as Broker,
    clock: standingClock(),
    random: seededRandom(1),
    logger: silentLogger,
    ...options,
  });
}

/**
 * The suites that any HTTP door passes, however it is reached. What only a socket can show is in `http-wire.ts` and `http-ws.ts`.
 */
import { fetchSuite } from "./http-fetch.ts";
import { groupTakeoverSuite } from "./http-group-takeover.ts";
import { groupTopicsSuite } from "./http-group-topics.ts";
import { groupsSuite } from "./http-groups.ts";
import { idempotenceSuite } from "./http-idempotence.ts";
import { produceSuite } from "./http-produce.ts";
import { tailSuite } from "./http-tail.ts";
import { topicsSuite } from "./http-topics.ts";
import { transactionsSuite } from "./http-transactions.ts";

export const httpSuites = [
  topicsSuite,
  produceSuite,
  idempotenceSuite,
  fetchSuite,
  groupTakeoverSuite,
  groupTopicsSuite,
  groupsSuite,
  tailSuite,
  transactionsSuite,
];

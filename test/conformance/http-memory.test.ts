/** The HTTP suites against a node in this process, in memory, without a socket. */
import { openHttpDoor } from "./http-door.ts";
import { fetchSuite } from "./http-fetch.ts";
import { groupTopicsSuite } from "./http-group-topics.ts";
import { groupsSuite } from "./http-groups.ts";
import { idempotenceSuite } from "./http-idempotence.ts";
import { produceSuite } from "./http-produce.ts";
import { tailSuite } from "./http-tail.ts";
import { topicsSuite } from "./http-topics.ts";
import { transactionsSuite } from "./http-transactions.ts";

for (const suite of [
  topicsSuite,
  produceSuite,
  idempotenceSuite,
  fetchSuite,
  groupTopicsSuite,
  groupsSuite,
  tailSuite,
  transactionsSuite,
])
  suite("in process", openHttpDoor);

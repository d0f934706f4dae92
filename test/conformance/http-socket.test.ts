/** The HTTP suites over a real socket, and what only a socket can show. */
import { openHttpServer } from "./http-door.ts";
import { fetchSuite } from "./http-fetch.ts";
import { groupTopicsSuite } from "./http-group-topics.ts";
import { groupsSuite } from "./http-groups.ts";
import { idempotenceSuite } from "./http-idempotence.ts";
import { produceSuite } from "./http-produce.ts";
import { tailSuite } from "./http-tail.ts";
import { topicsSuite } from "./http-topics.ts";
import { transactionsSuite } from "./http-transactions.ts";
import { wireSuite } from "./http-wire.ts";
import { socketSuite } from "./http-ws.ts";

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
  suite("by socket", openHttpServer);
for (const suite of [wireSuite, socketSuite]) suite("by socket", openHttpServer);

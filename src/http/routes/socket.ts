/**
 * `GET /v1/ws`: subscribe and publish over one WebSocket.
 */
import { HttpRefusal } from "../answers/problem.ts";
import { defineRoute } from "../route.ts";
import { noQuery } from "../schema/shapes.ts";
import { tailLimits } from "../tail/limits.ts";
import { Session } from "../tail/session.ts";

/** The subprotocol; a page, which cannot set headers, sends its token as another one: `bearer.<token>`. */
const PROTOCOL = "kedge";

/** WebSocket's only version (RFC 6455). */
const VERSION = "13";

export const socket = defineRoute({
  method: "GET",
  path: "/v1/ws",
  tag: "tail",
  summary: "Subscribe and publish over a WebSocket",
  description:
    "JSON messages `{op, id, …}`. `sub` {topics, from, cursor, as, events, isolation, filter, credit} is answered by `ok` with " +
    "a cursor, then by `record`, `batch`, `gap`, `end` {id, cursor, data} as the events of `/v1/tail`, and `cursor` where a " +
    "filter moved on; at most `credit` records (1,000 at first) until `credit` {id, credit} allows more; `unsub` ends it. " +
    "`pub` {topic, partition, records, acks, create, expect, idempotency_key | producer {id, epoch, seq}} is answered by " +
    "`receipt`, in order. `ping` by `pong`. What is refused: `error` {id, error: problem}. " +
    "Messages are taken in order; a `sub` or `unsub` is done before the next one. A client that has more than " +
    `${tailLimits.waitingMessagesMax} messages waiting is closed with 1008. ` +
    "Pages send their token as the subprotocol `bearer.<token>` beside `kedge`.",
  query: noQuery,
  responses: { 101: { description: "The socket is open." } },
  streams: true,
  handle(call) {
    checkHandshake(call.request);
    const protocols = call.request.headers.get("sec-websocket-protocol");
    const offered = protocols?.split(",").some((name) => name.trim() === PROTOCOL) ?? false;
    const response = call.connection?.upgrade(new Session(call), offered ? PROTOCOL : null);
    if (response) return response;
    throw notAsked();
  },
});

/** What each runtime would refuse in its own way, or take. @throws HttpRefusal upgrade_required, bad_request */
function checkHandshake({ method, headers }: Request): void {
  const names = (header: string) => headers.get(header)?.toLowerCase().split(/ *, */) ?? [];
  if (method !== "GET" || !names("upgrade").includes("websocket")) throw notAsked();
  if (!names("connection").includes("upgrade")) throw notAsked();
  const version = headers.get("sec-websocket-version");
  if (version !== VERSION)
    throw new HttpRefusal("upgrade_required", `Sec-WebSocket-Version must be ${VERSION}.`, {
      upgrade: "websocket",
      "sec-websocket-version": VERSION,
    });
  // 16 bytes.
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? ""))
    throw new HttpRefusal("bad_request", "Sec-WebSocket-Key must be 16 bytes in base64.");
}

function notAsked(): HttpRefusal {
  const headers = { upgrade: "websocket" };
  const sentence = "Open a WebSocket here: `Connection: Upgrade` and `Upgrade: websocket`.";
  return new HttpRefusal("upgrade_required", sentence, headers);
}

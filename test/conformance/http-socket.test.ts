/** The HTTP suites over a real socket, and what only a socket can show. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { httpLimits } from "../../src/http/limits.ts";
import { newTopic } from "./http-client.ts";
import { openHttpServer } from "./http-door.ts";
import { httpSuites } from "./http-suites.ts";
import { wireSuite } from "./http-wire.ts";
import { socketSuite } from "./http-ws.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

for (const suite of httpSuites) suite("by socket", openHttpServer);
for (const suite of [wireSuite, socketSuite]) suite("by socket", openHttpServer);

test.each([
  ["small", "content-length: 100", "abc"],
  ["large", "content-length: 100000", "abc"],
  ["of chunks", "transfer-encoding: chunked", "3\r\nabc\r\n"],
])(
  "a body that stops under way is told so, and its connection closed: %s",
  async (_, how, part) => {
    const limits = { ...httpLimits, bodyMs: 1_000, requestMs: 1_000 };
    const door = await openHttpServer({ limits });
    const topic = await newTopic(door);
    const socket = connect(Number(door.url.port), door.url.hostname);
    let heard = "";
    socket.on("data", (data) => (heard += data.toString()));
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.write(
      `POST /v1/topics/${topic}/records HTTP/1.1\r\nHost: 127.0.0.1\r\n${how}\r\n\r\n${part}`,
    );
    await closed;
    expect(heard).toStartWith("HTTP/1.1 408 ");
    const document = JSON.parse(heard.slice(heard.indexOf("{")));
    expect(document).toMatchObject({
      code: "body_timed_out",
      side_effects: "none",
      retryable: true,
    });
    await door.close();
  },
);

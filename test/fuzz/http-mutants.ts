/**
 * Damaged HTTP requests from a seed: whole ones of every kind, in which bytes are flipped, cut, put in or doubled, in the
 * head or in the body, whose length mostly is made right again so that what lies behind it is reached.
 */
import type { Random } from "../../src/lib/random.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";

const json = "application/json";
const lines = "application/x-ndjson";
const records = "/v1/topics/fuzz/records";
const pages = "/v1/topics/fuzz/partitions/0/records";

const batch = encodeBatch([
  { key: null, value: new TextEncoder().encode("value"), headers: [], timestampMs: 1 },
]);

const bodies: readonly (readonly [path: string, type: string, body: string | Uint8Array])[] = [
  ["/v1/topics", json, '{"name":"other","partitions":1,"configs":{"retention.ms":"1000"}}'],
  [records, json, '{"records":[{"key":"k","value":{"json":{"n":1.5}},"headers":[["a","b"]]}]}'],
  [`${records}?key=a&acks=1`, "text/plain", "plain text"],
  [records, lines, '{"value":"one"}\n{"value":{"b64":"AAEC"},"timestamp":5}\n'],
  [records, "application/vnd.kafka.recordbatch", batch],
  ["/v1/produce", json, '{"records":[{"topic":"fuzz","partition":0,"value":null}],"acks":"all"}'],
  ["/v1/fetch", json, '{"partitions":[{"topic":"fuzz","partition":0,"from":0}],"max_bytes":100}'],
  ["/v1/topics/fuzz/partitions/0/delete-records", json, '{"before":0}'],
];

const reads: readonly string[] = [
  "/v1/topics?limit=10&after=a",
  "/v1/topics/fuzz",
  `${pages}?from=earliest&max_records=10&as=json`,
  `${pages}?from=ts:2026-01-01T00:00:00Z&to=5&isolation=read_committed`,
  `${pages}?from=tail:5&clamp=1&min_bytes=0`,
  "/v1/topics/fuzz/partitions/0/offsets?at=max_timestamp",
  "/v1/topics/fuzz/partitions/0/chunks/0",
  "/v1/node",
  "/openapi.json",
  "/metrics",
];

const oddities: readonly string[] = [
  "\0",
  "\xff\xfe",
  "\xed\xa0\x80",
  "%00",
  "%ff",
  "%2f..%2f",
  "__proto__",
  '{"__proto__":{}}',
  "-1",
  "9007199254740992",
  "NaN",
  "1e999",
  "\\ud800",
  "[".repeat(2_000),
  '{"a":'.repeat(2_000),
  "9".repeat(400),
  "//localhost/",
  "\r\n",
  "\r\n\r\n",
  "null",
  '"',
];

const headers: readonly string[] = [
  "Idempotency-Key: one",
  "Producer-Id: p\r\nProducer-Epoch: 0\r\nProducer-Seq: 1",
  "Content-Encoding: gzip",
  "Content-Encoding: zstd",
  "Accept-Encoding: gzip, zstd",
  "Origin: http://evil.example",
  "Kafka-Header-a: b",
  "Accept: application/vnd.kafka.recordbatch",
  "If-None-Match: *",
  "Expect: 100-continue",
  "Upgrade: websocket",
];

/** One request as bytes. */
export function mutantRequest(random: Random): Buffer {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)] as T; // Never empty.
  const extra = random.next() < 0.4 ? `${pick(headers)}\r\n` : "";
  const common = `Host: localhost\r\nConnection: close\r\n${extra}`;
  const mutate = (bytes: Buffer) => damaged(bytes, random, pick);
  if (random.next() < 0.35) {
    const method =
      random.next() < 0.9 ? "GET" : pick(["DELETE", "PATCH", "PUT", "HEAD", "OPTIONS"]);
    return mutate(Buffer.from(`${method} ${pick(reads)} HTTP/1.1\r\n${common}\r\n`, "latin1"));
  }
  const [path, type, whole] = pick(bodies);
  const body = random.next() < 0.7 ? mutate(Buffer.from(whole)) : Buffer.from(whole);
  const said = random.next() < 0.9 ? body.length : Math.floor(random.next() * 40);
  const head = Buffer.from(
    `POST ${path} HTTP/1.1\r\n${common}Content-Type: ${type}\r\nContent-Length: ${said}\r\n\r\n`,
    "latin1",
  );
  return Buffer.concat([random.next() < 0.3 ? mutate(head) : head, body]);
}

function damaged(bytes: Buffer, random: Random, pick: <T>(list: readonly T[]) => T): Buffer {
  let result = bytes;
  for (let times = 1 + Math.floor(random.next() * 3); times > 0; times--) {
    const at = Math.floor(random.next() * (result.length + 1));
    const to = Math.min(at + Math.floor(random.next() * 8), result.length);
    const [before, middle, after] = [
      result.subarray(0, at),
      result.subarray(at, to),
      result.subarray(to),
    ];
    const put = pick([
      () => Buffer.from(pick(oddities), "latin1"),
      () => Buffer.from(middle.map((byte) => byte ^ (1 << Math.floor(random.next() * 8)))),
      () => Buffer.concat([middle, middle]),
      () => Buffer.alloc(0),
    ])();
    result = Buffer.concat([before, put, after]);
  }
  return result;
}

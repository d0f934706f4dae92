/**
 * Shorthand for talking to an HTTP door in tests; every answer that is not a success must be a whole problem document.
 */
import { expect } from "bun:test";
import type { HttpDoor } from "./http-door.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Tests reach into whatever comes; a wrong shape fails them.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export const jsonType = { "content-type": "application/json" };
export const linesType = { "content-type": "application/x-ndjson" };
export const batchType = { "content-type": "application/vnd.kafka.recordbatch" };

/** Sends and reads the answer whole; checks what holds of every answer. */
export async function ask(door: HttpDoor, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await door.fetch(path, init);
  const type = response.headers.get("content-type") ?? "";
  expect(response.headers.get("request-id")).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  if (response.status >= 400) {
    expect(type).toBe("application/problem+json");
    const body: Record<string, unknown> = await response.json();
    expect(body).toMatchObject({
      type: `/errors/${String(body["code"])}`,
      title: expect.any(String),
      status: response.status,
      detail: expect.any(String),
      instance: `/v1/requests/${response.headers.get("request-id")}`,
      retryable: expect.any(Boolean),
    });
    expect(["none", "unknown"]).toContain(String(body["side_effects"]));
    if ([429, 503, 507].includes(response.status))
      expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
    return { status: response.status, headers: response.headers, body };
  }
  const body: unknown = type.startsWith("application/json")
    ? await response.json()
    : type.startsWith("application/x-ndjson") || type.startsWith("text/")
      ? await response.text()
      : new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body };
}

export function post(door: HttpDoor, path: string, body: unknown, headers = {}): Promise<Answer> {
  return ask(door, path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { ...jsonType, ...headers },
  });
}

export function send(
  door: HttpDoor,
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(door, path, { method: "POST", body, headers });
}

let topics = 0;

/** Makes a topic that no other test uses. */
export async function newTopic(
  door: HttpDoor,
  partitions = 1,
  configs: Record<string, string> = {},
): Promise<string> {
  const name = `t${++topics}-${Date.now().toString(36)}`;
  const { status } = await post(door, "/v1/topics", { name, partitions, configs });
  expect(status).toBe(201);
  return name;
}

/** Every line of an NDJSON text. */
export function linesOf(text: string): Answer["body"][] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

export function values(answer: Answer): unknown[] {
  return answer.body.records.map((record: { value: unknown }) => record.value);
}

/**
 * A client of one topic on a small disk: it knows what was acknowledged, and that exactly this is read back.
 */
import { expect } from "bun:test";

const recordBytes = 16 * 1024;
const recoveryTimeoutMs = 30_000;

/** A client that counts what was acknowledged. */
export class DiskWriter {
  readonly acked: string[] = [];
  readonly origin: string;
  readonly #topic: string;
  #count = 0;

  constructor(origin: string, topic: string) {
    this.origin = origin;
    this.#topic = topic;
  }

  get path(): string {
    return `${this.origin}/v1/topics/${this.#topic}/partitions/0/records`;
  }

  async create(): Promise<void> {
    const answer = await fetch(`${this.origin}/v1/topics`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: this.#topic, partitions: 1 }),
    });
    expect(answer.status, await answer.text()).toBe(201);
  }

  async write(): Promise<Response> {
    const value = `${this.#topic}-${this.#count++}:`.padEnd(recordBytes, "x");
    const headers = { "content-type": "text/plain" };
    const answer = await fetch(this.path, { method: "POST", headers, body: value });
    if (answer.status === 200) this.acked.push(value);
    return answer;
  }

  /** Writes until a write is refused, and gives the refusal. */
  async fill(diskMb: number): Promise<Response> {
    const writesMax = (diskMb * 1e6 * 2) / recordBytes;
    for (let count = 0; count < writesMax; count += 1) {
      const answer = await this.write();
      if (answer.status !== 200) return answer;
    }
    throw new Error("the disk never filled up");
  }

  /** Writes until a write is taken, and gives how long that took. */
  async recover(): Promise<number> {
    const started = performance.now();
    while (performance.now() - started < recoveryTimeoutMs) {
      const answer = await this.write();
      if (answer.status === 200) return performance.now() - started;
      expect(answer.status, await answer.text()).toBe(507);
      await Bun.sleep(50);
    }
    throw new Error("writes did not come back");
  }

  /** Reads everything back: exactly what was acknowledged, in order. */
  async check(): Promise<void> {
    const values: string[] = [];
    for (let from = 0; ;) {
      const answer = await fetch(`${this.path}?from=${from}&as=text&max_bytes=8388608`);
      expect(answer.status).toBe(200);
      // The fetch answer of the native API.
      const page = (await answer.json()) as { records: { value: string }[]; next: number };
      values.push(...page.records.map(({ value }) => value));
      if (page.records.length === 0) break;
      from = page.next;
    }
    expect(values.length).toBe(this.acked.length);
    expect(values.every((value, at) => value === this.acked[at])).toBe(true);
  }
}

/** 507, which says when to try again. */
export async function expectRefusal(answer: Response): Promise<void> {
  const text = await answer.text();
  expect(answer.status, text).toBe(507);
  expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(answer.headers.get("content-type")).toStartWith("application/problem+json");
  expect(JSON.parse(text)).toMatchObject({ code: "storage_full", retryable: true });
}

/**
 * A partition with producers: short ways to send their batches, to end their transactions, to read as one isolation, and to
 * start anew.
 */
import type { AppendAnswer, AppendRequest, Isolation } from "../../../src/broker/verbs.ts";
import { hiddenBy } from "../../../src/broker/visibility.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import type { LogLimits } from "../../../src/log/limits.ts";
import type { VerifyRequest } from "../../../src/log/transactions/verification.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { readRecords } from "../../../src/records/batch-read.ts";
import { walkBatches } from "../../../src/records/batch.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { openTestNode, somebody, type TestNode } from "../../simulation/test-node.ts";

export interface Shape {
  readonly id?: bigint;
  readonly epoch?: number;
  readonly sequence: number;
  readonly records?: number;
  readonly transactional?: boolean;
  readonly support?: "default" | "abortable" | "joins";
}

export const nowMs = 1_700_000_000_000;

export function request({
  id = 7n,
  epoch = 0,
  sequence,
  records = 1,
  transactional = false,
  support = "joins",
}: Shape): AppendRequest {
  const value = new TextEncoder().encode(`${id}/${epoch}/${sequence}`);
  const all = Array.from({ length: records }, () => ({
    key: null,
    value,
    headers: [],
    timestampMs: nowMs,
  }));
  const bytes = encodeBatch(all, {
    producerId: id,
    producerEpoch: epoch,
    baseSequence: sequence,
    transactional,
  });
  return {
    topic: "t",
    partition: 0,
    acks: -1,
    payload: { type: "batch", bytes },
    ...(transactional ? { transactional: { transactionalId: `x${id}`, support } } : {}),
  };
}

export const inTransaction = (shape: Shape): AppendRequest =>
  request({ ...shape, transactional: true });

interface Given {
  readonly limits?: Partial<LogLimits>;
  readonly configs?: Record<string, string>;
  readonly verify?: (request: VerifyRequest) => Promise<void>;
  /** Stands between the log and its disk. */
  readonly wrap?: (storage: Storage) => Storage;
}

export async function withTopic({
  limits,
  configs = {},
  verify,
  wrap,
}: Given = {}): Promise<TestNode> {
  const verifier = { verify: verify ?? (() => Promise.resolve()) };
  const node = await openTestNode({
    verifier,
    ...(limits ? { limits } : {}),
    ...(wrap ? { wrap } : {}),
  });
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs };
  await settled(node, node.broker.createTopic(somebody, topic));
  return node;
}

export async function settled<T>(node: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await node.clock.settle();
  return promise;
}

/** Sends them all in this order, and gives each one's offset and `+` for a duplicate, or its refusal. */
export async function send(node: TestNode, ...requests: AppendRequest[]): Promise<string[]> {
  const sent = Promise.allSettled(requests.map((each) => node.broker.append(somebody, each)));
  return (await settled(node, sent)).map(outcomeText);
}

/** An append's offset, with `+` for a duplicate, or its refusal. */
export function outcomeText(result: PromiseSettledResult<AppendAnswer>): string {
  if (result.status === "fulfilled") {
    return `${result.value.baseOffset}${result.value.duplicate ? "+" : ""}`;
  }
  if (!(result.reason instanceof Refusal)) throw result.reason;
  return result.reason.code;
}

interface End {
  readonly id?: bigint;
  readonly epoch?: number;
  readonly commit?: boolean;
  readonly version?: number;
}

export async function end(
  node: TestNode,
  { id = 7n, epoch = 1, commit = true, version = 2 }: End = {},
) {
  const topicId = logOf(node).topicId;
  const marker = {
    producerId: id,
    producerEpoch: epoch,
    coordinatorEpoch: 3,
    commit,
    transactionVersion: version,
  };
  await settled(node, node.broker.producers.appendMarker(somebody, topicId, 0, marker));
}

export function logOf(node: TestNode) {
  const [log] = node.logs.all();
  if (!log) throw new Error("there is a log");
  return log;
}

/** What a reader is shown, where it stands then, and the last stable offset. */
export async function read(node: TestNode, isolation: Isolation, from = 0, bytesMax = 1e6) {
  const request = { topic: "t", partition: 0, from, bytesMax };
  const options = { bytesMin: 0, bytesMax: 1e6, waitMs: 0, isolation };
  const [answer] = await settled(node, node.broker.read(somebody, [request], options));
  if (!answer) throw new Error("one answer a request");
  const isHidden = hiddenBy(answer.aborted);
  const shown: string[] = [];
  let next = answer.from;
  for (const run of answer.batches) {
    for (const { at, header } of walkBatches(run)) {
      next = header.baseOffset + header.lastOffsetDelta + 1;
      if (isHidden(header)) continue;
      for (const { offset, value } of readRecords(run, at, { decompressedBytesMax: 1e6 })) {
        shown.push(`${offset}: ${new TextDecoder().decode(value ?? new Uint8Array())}`);
      }
    }
  }
  return {
    shown,
    next,
    lastStable: answer.lastStable,
    aborted: answer.aborted,
    refused: answer.refusal?.code ?? null,
  };
}

export async function restarted(
  { disk, metadata, clock }: TestNode,
  { limits, verify, wrap }: Given = {},
): Promise<TestNode> {
  disk.crash();
  clock.abandon();
  const verifier = { verify: verify ?? (() => Promise.resolve()) };
  return openTestNode({
    disk,
    metadata,
    verifier,
    ...(limits ? { limits } : {}),
    ...(wrap ? { wrap } : {}),
  });
}

/**
 * Apache Kafka's own performance tools as loads: each run is one JVM, whose figures are read from what the tool prints.
 */
import { kafkaTool } from "../peers/kafka.ts";

/** A tool waits for ever for a broker that has gone. */
const TOOL_MS_MAX = 10 * 60_000;

export interface ProduceFigures {
  readonly recordsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ProduceOptions {
  readonly port: number;
  readonly topic: string;
  readonly records: number;
  readonly recordBytes: number;
  readonly properties: Readonly<Record<string, string>>;
}

/** `kafka-producer-perf-test`: as fast as it goes. */
export async function producePerformance(options: ProduceOptions): Promise<ProduceFigures> {
  const properties = Object.entries(options.properties).map(([key, value]) => `${key}=${value}`);
  const said = await toolSaid("ProducerPerformance", [
    "--bootstrap-server",
    `127.0.0.1:${options.port}`,
    "--topic",
    options.topic,
    "--num-records",
    String(options.records),
    "--record-size",
    String(options.recordBytes),
    "--throughput",
    "-1",
    "--command-property",
    ...properties,
  ]);
  const last = said.trim().split("\n").at(-1) ?? "";
  const found = /([\d.]+) records\/sec.*?([\d.]+) ms 50th, ([\d.]+) ms 95th, ([\d.]+) ms 99th/.exec(
    last,
  );
  if (!found) throw new Error(`the producer tool said: ${said.slice(-500)}`);
  return {
    recordsPerSecond: Number(found[1]),
    p50Ms: Number(found[2]),
    p99Ms: Number(found[4]),
  };
}

export interface ConsumeFigures {
  readonly recordsPerSecond: number;
  /** The same without the time until the first assignment. */
  readonly fetchedPerSecond: number;
}

/** `kafka-consumer-perf-test` from the beginning, in a group of its own. */
export async function consumePerformance(
  port: number,
  topic: string,
  records: number,
): Promise<ConsumeFigures> {
  const said = await toolSaid("ConsumerPerformance", [
    "--bootstrap-server",
    `127.0.0.1:${port}`,
    "--topic",
    topic,
    "--num-records",
    String(records),
    "--hide-header",
    "--timeout",
    "60000",
  ]);
  // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
  const fields = (said.trim().split("\n").at(-1) ?? "").split(", ");
  const [recordsPerSecond, fetchedPerSecond] = [Number(fields[5]), Number(fields[9])];
  if (Number(fields[4]) < records || !(recordsPerSecond > 0))
    throw new Error(`the consumer tool said: ${said.slice(-500)}`);
  return { recordsPerSecond, fetchedPerSecond };
}

export interface EndToEndFigures {
  /** The tool prints its percentiles in whole milliseconds, so the mean tells more. */
  readonly meanMs: number;
  readonly p99Ms: number;
}

/** `kafka-e2e-latency`: one record in flight, produced with acks=all and consumed by the same JVM. */
export async function endToEndLatency(
  port: number,
  topic: string,
  records: number,
  recordBytes: number,
): Promise<EndToEndFigures> {
  const said = await toolSaid("EndToEndLatency", [
    `127.0.0.1:${port}`,
    topic,
    String(records),
    "all",
    String(recordBytes),
  ]);
  const found = /Avg latency: ([\d.]+) ms[\s\S]*99th = ([\d.]+)/.exec(said);
  if (!found) throw new Error(`the latency tool said: ${said.slice(-500)}`);
  return { meanMs: Number(found[1]), p99Ms: Number(found[2]) };
}

/** What a tool printed; throws with that when it fails. */
async function toolSaid(tool: string, words: readonly string[]): Promise<string> {
  const { code, out, err } = await kafkaTool(tool, words, { timeoutMs: TOOL_MS_MAX });
  if (code === 0) return out;
  throw new Error(`${tool} ${words.join(" ")}: ${(err || out).slice(-1000)}`);
}

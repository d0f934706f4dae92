/**
 * Requests that no client sends and that Kafka answers all the same: things named twice, names that nothing can have, numbers
 * below zero, types that are not there. What Apache Kafka answers is kept in `test/fixtures/kafka-odd-answers.json`, written by
 * `bun test/peers/make-odd-answers.ts`; every door must answer the same, code by code.
 *
 * - Names and ids are told by the order in which a case makes them, lists without regard to their order; sentences for people,
 *   times and addresses are left out.
 * - A case has a connection of its own; that it is closed is an answer, too.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import type { Api } from "../../src/kafka/define-api.ts";
import type { Encodable, Fields } from "../../src/wire/schema.ts";
import { connectKafka, type KafkaConnection } from "./kafka-connection.ts";
import { freshGroup, patiently } from "./kafka-members.ts";
import { fetchPart, metadataRequest, askedTopic, type Topic } from "./kafka-records.ts";
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import type { KafkaDoorUnderTest, OpenDoor } from "./kafka-suite.ts";
import { freshId, TransactionalClient } from "./kafka-transactional.ts";

export class OddWorld {
  readonly connection: KafkaConnection;
  readonly #labels = new Map<string, string>();

  constructor(connection: KafkaConnection) {
    this.connection = connection;
  }

  /** A new topic of so many partitions. */
  async topic(
    partitions = 2,
    configs: readonly { readonly name: string; readonly value: string }[] = [],
  ): Promise<Topic> {
    const name = freshGroup().replace("group", "odd");
    const made = {
      name,
      numPartitions: partitions,
      replicationFactor: 1,
      assignments: [],
      configs,
    };
    await this.connection.send(createTopics, 7, {
      topics: [made],
      timeoutMs: 5_000,
      validateOnly: false,
    });
    const id = await this.#idOf(name);
    for (let partition = 0; partition < partitions; partition++)
      await this.#led({ name, id }, partition);
    this.#named(name, "topic");
    this.#named(id, "id");
    return { name, id };
  }

  /** A group's name that nobody has used. */
  group(): string {
    return this.#named(freshGroup(), "group");
  }

  /** A transactional id that nobody has used. */
  transactionalId(): string {
    return this.#named(freshId(), "transactional id");
  }

  /** What a broker made up, told by this word from here on. */
  call(said: string, label: string): void {
    this.#labels.set(said, label);
  }

  /** Sends a request; the answer as it is compared. */
  async ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    request: Encodable<Req>,
  ): Promise<unknown> {
    return this.told(await this.connection.send(api, version, request));
  }

  /** Several answers stay in order. */
  told(answer: unknown): unknown {
    const told = plain(answer, this.#labels);
    return Array.isArray(told) ? told.map((each) => sorted(each)) : sorted(told);
  }

  #named(name: string, kind: string): string {
    const known = [...this.#labels.values()].filter((label) => label.startsWith(`${kind} `));
    this.#labels.set(name, `${kind} ${known.length + 1}`);
    return name;
  }

  async #idOf(name: string): Promise<string> {
    for (;;) {
      const asked = metadataRequest([askedTopic(name)]);
      const { topics } = await this.connection.send(metadata, 12, asked);
      if (topics[0]?.errorCode === 0) return topics[0].topicId;
      await Bun.sleep(20);
    }
  }

  /** Apache Kafka tells of a partition a moment before it serves it. */
  async #led(topic: Topic, partition: number): Promise<void> {
    for (;;) {
      const { errorCode } = await fetchPart(this.connection, topic, 0, { partition });
      if (errorCode === 0) return;
      await Bun.sleep(20);
    }
  }
}

export type OddCase = (world: OddWorld) => Promise<unknown>;
export type OddCases = Readonly<Record<string, OddCase>>;
export type OddAnswers = Readonly<Record<string, unknown>>;

const leftOut = new Set([
  "throttleTimeMs",
  "errorMessage",
  "logAppendTimeMs",
  "host",
  "port",
  "documentation",
  "clusterId",
  "transactionStartTimeMs",
  "lastTimestamp",
  "authorizedOperations",
  "topicAuthorizedOperations",
]);

/** As JSON has it, without what is left out. */
function plain(value: unknown, labels: ReadonlyMap<string, string>): unknown {
  if (typeof value === "bigint") return labels.get(String(value)) ?? String(value);
  if (typeof value === "string") return labels.get(value) ?? value;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map((each) => plain(each, labels));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !leftOut.has(key));
  return Object.fromEntries(kept.map(([key, each]) => [key, plain(each, labels)]));
}

/** Lists by what they hold, since Kafka answers many in an order of its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value
      .map((each) => [JSON.stringify(sorted(each)), sorted(each)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, each]) => each);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, sorted(each)]));
}

const CASE_MS = 20_000;

/** What this door answers; "closed" where it closes the connection. */
export async function oddAnswer(address: string, ask: OddCase): Promise<unknown> {
  const connection = await connectKafka(address);
  try {
    return await ask(new OddWorld(connection));
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("the connection closed"))
      return "closed";
    throw error;
  } finally {
    connection.close();
  }
}

/** Makes the coordinators' topics, which Apache Kafka does when they are first asked for. */
export async function warmUp(address: string): Promise<void> {
  const connection = await connectKafka(address);
  await patiently(() => connection, freshGroup());
  await new TransactionalClient(connection).begin();
  connection.close();
}

export function kafkaOddSuite(
  name: string,
  open: OpenDoor,
  cases: OddCases,
  answers: OddAnswers,
): void {
  describe(`${name}: odd requests`, () => {
    let door: KafkaDoorUnderTest | null = null;
    beforeAll(async () => {
      door = await open();
      await warmUp(door.address);
    }, 60_000);
    afterAll(() => door?.close(), 60_000);
    test.each(Object.entries(cases))(
      "%s",
      async (title, ask) => {
        if (!door) throw new Error("the door is open once tests run");
        expect(await oddAnswer(door.address, ask)).toEqual(answers[title]);
      },
      CASE_MS,
    );
  });
}

/**
 * Every declared message against Kafka's own: its published definition, and its Java encoder, both ways round.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  consumerGroupCurrentMemberAssignment,
  consumerGroupMemberMetadata,
  consumerGroupMetadata,
  consumerGroupRegularExpression,
  consumerGroupTargetAssignmentMember,
  consumerGroupTargetAssignmentMetadata,
} from "../../src/coordinators/consumer/records.ts";
import { groupMetadata, offsetCommit } from "../../src/coordinators/groups/records.ts";
import { transactionLog } from "../../src/coordinators/transactions/records.ts";
import { apis } from "../../src/kafka/apis/index.ts";
import { type Message, message } from "../../src/wire/message.ts";
import { Reader } from "../../src/wire/reader.ts";
import type { RecordSchema } from "../../src/wire/record-schema.ts";
import type { Fields } from "../../src/wire/schema.ts";
import { noVersions } from "../../src/wire/versions.ts";
import { joined } from "../../src/lib/bytes.ts";
import { Writer } from "../../src/wire/writer.ts";
import { type Java, startJava } from "../peers/java.ts";
import { kafkaMissing } from "../peers/kafka.ts";
import {
  type MessageDefinition,
  differences,
  parseDefinition,
} from "../peers/message-definitions.ts";
import { dice, randomFields } from "../peers/random-message.ts";

interface Answer {
  readonly error?: string;
  readonly keys?: readonly number[];
  readonly text?: string;
  readonly bytes?: string;
}

/** What a broker of Kafka's may advertise and this house does not declare. */
const leftOut = {
  80: "AddRaftVoter: the controllers are changed by this house's own means",
  81: "RemoveRaftVoter: as AddRaftVoter",
  83: "InitializeShareGroupState: between brokers",
  84: "ReadShareGroupState: between brokers",
  85: "WriteShareGroupState: between brokers",
  86: "DeleteShareGroupState: between brokers",
  87: "ReadShareGroupStateSummary: between brokers",
};

/** Records of internal topics: the package of Kafka's generated classes, and our declarations. */
const records: readonly {
  readonly java: string;
  readonly schemas: readonly RecordSchema<Fields, Fields>[];
}[] = [
  {
    java: "org.apache.kafka.coordinator.group.generated",
    schemas: [
      groupMetadata,
      offsetCommit,
      consumerGroupMetadata,
      consumerGroupMemberMetadata,
      consumerGroupTargetAssignmentMetadata,
      consumerGroupTargetAssignmentMember,
      consumerGroupCurrentMemberAssignment,
      consumerGroupRegularExpression,
    ],
  },
  { java: "org.apache.kafka.coordinator.transaction.generated", schemas: [transactionLog] },
];

/** Random messages of one version. */
const ROUNDS = 12;

const missing = kafkaMissing();
if (missing !== null) console.error(`Kafka's messages are left out: ${missing}`);
describe.skipIf(missing !== null)("Kafka's messages", () => {
  let java: Java<Answer>;
  beforeAll(() => {
    java = startJava<Answer>("Messages.java");
  });
  afterAll(() => java.close());

  async function definition(name: string): Promise<MessageDefinition> {
    const { text, error } = await java.ask({ op: "definition", name });
    expect(error).toBeUndefined();
    return parseDefinition(text ?? "");
  }

  /** The declaration says what the definition says, and both encoders write the same bytes. */
  async function compare(name: string, of: Message<Fields>, javaClass: string): Promise<void> {
    // Only a request's definition says that its newest version is unstable.
    const request = await definition(name.replace(/Response$/, "Request"));
    const unstable = request.latestVersionUnstable === true;
    expect(differences(of, await definition(name), unstable)).toEqual([]);
    for (let version = of.versions.min; version <= of.versions.max; version += 1)
      for (let round = 0; round < ROUNDS; round += 1) {
        const value = randomFields(of.fields, version, dice(1_000 * version + round));
        const bytes = encode(of, version, value);
        const base64 = Buffer.from(bytes).toString("base64");
        const place = `${name} version ${version} round ${round}`;
        const answer = await java.ask({ op: "recode", class: javaClass, version, bytes: base64 });
        expect({ place, ...answer }).toEqual({ place, bytes: base64 });
        const again = encode(of, version, of.decode(new Reader(bytes), version));
        expect(Buffer.from(again).toString("base64"), place).toBe(base64);
      }
  }

  for (const api of apis)
    for (const [side, of] of [
      ["Request", api.request],
      ["Response", api.response],
    ] as const)
      test(`${api.key} ${api.name}${side}`, () =>
        compare(
          `${api.name}${side}`,
          of,
          `org.apache.kafka.common.message.${api.name}${side}Data`,
        ));

  for (const { java: package_, schemas } of records)
    for (const schema of schemas)
      test(`record ${schema.type} ${schema.name}`, async () => {
        const key = message(schema.key, { min: 0, max: 0 }, noVersions);
        const value = message(schema.value, schema.versions, schema.flexible);
        await compare(`${schema.name}Key`, key, `${package_}.${schema.name}Key`);
        await compare(`${schema.name}Value`, value, `${package_}.${schema.name}Value`);
      });

  test("every API that a broker of Kafka's advertises is declared, or left out for a reason", async () => {
    const { keys } = await java.ask({ op: "keys" });
    const known = [...apis.map(({ key }) => key), ...Object.keys(leftOut).map(Number)];
    expect(known.toSorted((one, other) => one - other)).toEqual(
      [...(keys ?? [])].toSorted((one, other) => one - other),
    );
  });
});

function encode(of: Message<Fields>, version: number, value: Record<string, unknown>): Uint8Array {
  const writer = new Writer();
  of.encode(writer, version, value);
  return joined(writer.finish());
}

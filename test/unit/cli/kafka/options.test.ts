/**
 * How the options of Kafka's tools go together: what is refused, in Kafka's words.
 */
import { expect, test } from "bun:test";
import { tellProperties, numberOf } from "../../../../src/cli/kafka/client-properties.ts";
import { checkConfigOptions, typedEntity } from "../../../../src/cli/kafka/config-options.ts";
import { checkConsumerOptions } from "../../../../src/cli/kafka/consumer-options.ts";
import { checkGroupOptions } from "../../../../src/cli/kafka/group-options.ts";
import { assignmentOf, checkTopicOptions } from "../../../../src/cli/kafka/topic-options.ts";

/** Options as typed: a set of their names, and by camel case what they hold. */
function typed(words: string) {
  const given = new Set<string>();
  const options: Record<string, string | boolean | string[]> = {};
  for (const word of words.split(" ")) {
    const [name = "", value] = word.split("=");
    given.add(name);
    const key = name.replaceAll(/-(\w)/g, (_whole, letter: string) => letter.toUpperCase());
    options[key] = value ?? true;
  }
  return { given, options };
}

const refused = (check: (line: ReturnType<typeof typed>) => void, words: string) => {
  try {
    check(typed(words));
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
  return null;
};

test.each([
  ["list exclude-internal", null],
  ["create", 'Missing required argument "[topic]"'],
  ["alter topic", 'Missing required argument "[partitions]"'],
  ["alter topic partitions config", 'can\'t be used with option "[alter]"'],
  ["describe partitions", 'Option "[partitions]" can\'t be used with option "[describe]"'],
  ["create topic if-exists", 'Option "[if-exists]" can\'t be used with option "[create]"'],
  ["delete topic if-not-exists", 'Option "[if-not-exists]" can\'t be used with'],
  ["create topic replica-assignment partitions", 'can\'t be used with option "[partitions]"'],
  ["delete topic topic-id", 'Option "[topic-id]" can\'t be used with option "[delete]"'],
  ["describe if-exists", "--topic or --topic-id is required to describe a topic"],
  ["describe topics-with-overrides unavailable-partitions", "[topics-with-overrides]"],
])("kafka-topics %s", (words, sentence) => {
  const found = refused(({ given }) => checkTopicOptions(given), words);
  if (sentence === null) expect(found).toBeNull();
  else expect(found).toContain(sentence);
});

test("assignments of replicas are of one size, and name no node twice", () => {
  expect(assignmentOf("1:2,2:1")).toEqual([
    [1, 2],
    [2, 1],
  ]);
  expect(() => assignmentOf("1:1")).toThrow("may not contain duplicate entries: 1");
  expect(() => assignmentOf("1:2,1")).toThrow("Partition 1 has different replication factor: [1]");
});

test.each([
  ["list state=stable", null],
  ["list describe", "Command must include exactly one action"],
  ["list group", 'Option "[group]" can\'t be used with option "[list]"'],
  ["list verbose", "--verbose goes with --describe"],
  ["list execute", "--execute goes with --reset-offsets"],
  ["describe", "Option [describe] takes one of these options: [group], [all-groups]"],
  ["describe group members state", "takes at most one of these options"],
  ["describe group state=stable", "Option [describe] does not take a value for [state]"],
  ["delete group topic", "does not support topic-specific offset deletion"],
  ["reset-offsets group to-latest", "One of the reset scopes should be defined"],
  ["reset-offsets group topic", "requires one of the following scenarios"],
  ["reset-offsets group topic to-latest execute dry-run", "only accepts one of [execute] and"],
  ["reset-offsets group topic to-latest to-earliest", "[to-earliest]"],
])("kafka-consumer-groups %s", (words, sentence) => {
  const found = refused(({ given, options }) => checkGroupOptions(given, options), words);
  if (sentence === null) expect(found).toBeNull();
  else expect(found).toContain(sentence);
});

test.each([
  ["describe topic=t", null],
  ["describe alter topic=t", "Command must include exactly one action: --describe, --alter"],
  ["describe", "At least one entity type must be specified"],
  ["describe topic=t add-config=a=b", 'Option "[describe]" can\'t be used with'],
  ["describe broker=x", "must be a valid integer broker id, but it is: x"],
  ["describe topic=t broker=1", "Only 'users' and 'clients' entity types may be specified"],
  ["alter topic=t", "At least one of --add-config, --add-config-file, or --delete-config"],
  ["alter topic=t add-config=a add-config-file=b", "Only one of --add-config or"],
])("kafka-configs %s", (words, sentence) => {
  const found = refused(
    ({ given, options }) => checkConfigOptions(given, options, typedEntity(options, [])),
    words,
  );
  if (sentence === null) expect(found).toBeNull();
  else expect(found).toContain(sentence);
});

test.each([
  ["topic=t", null],
  ["topic=t include=u", "Exactly one of the following arguments is required: [topic], [include]"],
  ["topic=t offset=1", "The partition is required when offset is specified."],
  ["include=t partition=1", "The topic is required when partition is specified."],
  ["topic=t partition=1 offset=x", "The provided offset value 'x' is incorrect."],
  ["topic=t property formatter-property", "--property and --formatter-property cannot be"],
])("kafka-console-consumer %s", (words, sentence) => {
  const found = refused(({ given, options }) => {
    checkConsumerOptions(given, { formatter: "", ...options });
  }, words);
  if (sentence === null) expect(found).toBeNull();
  else expect(found).toContain(sentence);
});

test("what a client's properties do not change is told, the unknown by name", async () => {
  const notes: string[] = [];
  const note = async (text: string) => void notes.push(text);
  const session = { note } as Parameters<typeof tellProperties>[0];
  const properties = new Map(
    ["acks", "linger.ms", "sasl.mechanism", "group.id", "lnger.ms"].map((name) => [name, "1"]),
  );
  await tellProperties(session, "producer", properties);
  expect(notes).toEqual([
    "The configuration 'group.id' was supplied but isn't a known config.",
    "The configuration 'lnger.ms' was supplied but isn't a known config.",
    "Without effect here: linger.ms, sasl.mechanism",
  ]);
  expect(() => numberOf(new Map([["a", "x"]]), "a", { unless: 1 })).toThrow(
    "Invalid value x for configuration a: Not a number of type INT",
  );
});

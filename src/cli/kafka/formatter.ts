/**
 * Records as kafka-console-consumer.sh prints them (Kafka's DefaultMessageFormatter).
 *
 * Left out: formatters of Kafka's internal topics, and those that are loaded.
 */
import type { LogRecord } from "../../records/record.ts";
import { ToolError } from "./connect.ts";
import { deserializer } from "./deserializers.ts";
import type { FetchedRecord } from "./fetcher.ts";

export type Format = (fetched: FetchedRecord) => Uint8Array;

const utf8 = new TextEncoder();

const packages = ["org.apache.kafka.tools.consumer.", "kafka.tools."];
/** LoggingMessageFormatter's log is below what Kafka's tool shows. */
const printing = ["DefaultMessageFormatter", "LoggingMessageFormatter"];
const SILENT = "NoOpMessageFormatter";

/** The formatter of this class. Throws ToolError for one that is not known, or properties that cannot be. */
export function formatterOf(name: string, properties: ReadonlyMap<string, string>): Format {
  const known = [...printing, SILENT];
  const short = known.find((each) => packages.some((prefix) => name === `${prefix}${each}`));
  if (short === undefined)
    throw new ToolError(
      `--formatter ${name} cannot be loaded here; of ${packages[0]?.slice(0, -1)} these are known: ${known.join(", ")}`,
    );
  return short === SILENT ? () => new Uint8Array() : formatter(properties);
}

/**
 * By the properties print.*, key.separator, line.separator, headers.separator, null.literal and the deserializers.
 * It throws ToolError for a record that is not what its deserializer takes.
 */
function formatter(properties: ReadonlyMap<string, string>): Format {
  const is = (name: string, unless: boolean) => {
    const text = properties.get(name)?.trim().toLowerCase();
    return text === undefined ? unless : text === "true";
  };
  const separator = utf8.encode(properties.get("key.separator") ?? "\t");
  const lineEnd = utf8.encode(properties.get("line.separator") ?? "\n");
  const headersSeparator = utf8.encode(properties.get("headers.separator") ?? ",");
  const none = utf8.encode(properties.get("null.literal") ?? "null");
  const reading = (property: string) => {
    const read = deserializer(property, properties.get(property));
    return (bytes: Uint8Array | null) => (bytes === null ? none : read(bytes));
  };
  const keyText = reading("key.deserializer");
  const valueText = reading("value.deserializer");
  const headerText = reading("headers.deserializer");
  const [timestamp, partition, offset, delivery, epoch, headers, key, value] = [
    is("print.timestamp", false),
    is("print.partition", false),
    is("print.offset", false),
    is("print.delivery", false),
    is("print.epoch", false),
    is("print.headers", false),
    is("print.key", false),
    is("print.value", true),
  ];
  return (fetched) => {
    const { record } = fetched;
    const fields: Uint8Array[] = [];
    if (timestamp) fields.push(utf8.encode(timestampText(fetched)));
    if (partition) fields.push(utf8.encode(`Partition:${fetched.partition}`));
    if (offset) fields.push(utf8.encode(`Offset:${record.offset}`));
    // Kafka's tool hands neither on to its formatter.
    if (delivery) fields.push(utf8.encode("Delivery:NOT_PRESENT"));
    if (epoch) fields.push(utf8.encode("Epoch:NOT_PRESENT"));
    if (headers) fields.push(headerBytes(record, headersSeparator, headerText));
    if (key) fields.push(keyText(record.key));
    if (value) fields.push(valueText(record.value));
    if (fields.length === 0) return new Uint8Array();
    const parts = fields.flatMap((field, at) => (at === 0 ? [field] : [separator, field]));
    return new Uint8Array(Buffer.concat([...parts, lineEnd]));
  };
}

function timestampText({ record, timestampType }: FetchedRecord): string {
  if (record.timestampMs < 0) return "NO_TIMESTAMP";
  return `${timestampType === "append" ? "LogAppendTime" : "CreateTime"}:${record.timestampMs}`;
}

function headerBytes(
  { headers }: LogRecord,
  separator: Uint8Array,
  text: (value: Uint8Array | null) => Uint8Array,
): Uint8Array {
  if (headers.length === 0) return utf8.encode("NO_HEADERS");
  const parts = headers.flatMap(({ name, value }, at) => [
    ...(at === 0 ? [] : [separator]),
    utf8.encode(`${name}:`),
    text(value),
  ]);
  return new Uint8Array(Buffer.concat(parts));
}

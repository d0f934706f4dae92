/**
 * The classes of `key.deserializer`, `value.deserializer` and `headers.deserializer` that the console consumer knows, so that
 * what Kafka Streams counted can be read: Kafka's own for strings, numbers, booleans and UUIDs.
 *
 * - The text is what Java prints of the value: `1.0E7` is a double's, for one.
 * - Left out: classes that are loaded (Avro and the like), and those of bytes, of which Java prints no content.
 */
import { ToolError } from "./connect.ts";
import { javaText } from "./java-text.ts";

type Deserialize = (bytes: Uint8Array) => Uint8Array;

const PACKAGE = "org.apache.kafka.common.serialization.";
const UUID_LENGTH = 36;
/** Digits that tell every float of 32 bits from its neighbours. */
const FLOAT_DIGITS = 9;

interface Known {
  /** How many bytes each value has; undefined for any. */
  readonly bytes?: number;
  readonly text: (view: DataView) => string;
}

const known: ReadonlyMap<string, Known> = new Map([
  ["StringDeserializer", { text: utf8 }],
  ["LongDeserializer", { bytes: 8, text: (view) => String(view.getBigInt64(0)) }],
  ["IntegerDeserializer", { bytes: 4, text: (view) => String(view.getInt32(0)) }],
  ["ShortDeserializer", { bytes: 2, text: (view) => String(view.getInt16(0)) }],
  ["DoubleDeserializer", { bytes: 8, text: (view) => javaText(view.getFloat64(0)) }],
  ["FloatDeserializer", { bytes: 4, text: (view) => javaText(shortest(view.getFloat32(0))) }],
  ["BooleanDeserializer", { bytes: 1, text: (view) => String(view.getUint8(0) === 1) }],
  ["UUIDDeserializer", { bytes: UUID_LENGTH, text: utf8 }],
]);

/** The deserializer of this class; bytes as they are without one. Throws ToolError for a class that is not known. */
export function deserializer(property: string, name: string | undefined): Deserialize {
  if (name === undefined) return (bytes) => bytes;
  const short = name.startsWith(PACKAGE) ? name.slice(PACKAGE.length) : name;
  const found = known.get(short);
  if (!found)
    throw new ToolError(
      `${property} ${name} cannot be loaded here; of ${PACKAGE.slice(0, -1)} these are known: ${[...known.keys()].join(", ")}`,
    );
  const { bytes: size, text } = found;
  return (bytes) => {
    if (size !== undefined && bytes.length !== size)
      throw new ToolError(
        `Size of data received by ${short} is not ${size}: it is ${bytes.length}. Leave ${property} out to see the bytes`,
      );
    return Buffer.from(text(new DataView(bytes.buffer, bytes.byteOffset, bytes.length)));
  };
}

function utf8({ buffer, byteOffset, byteLength }: DataView): string {
  return new TextDecoder().decode(new Uint8Array(buffer, byteOffset, byteLength));
}

/** A number of 64 bits with the fewest digits that are this one of 32 bits. */
function shortest(float: number): number {
  for (let digits = 1; digits < FLOAT_DIGITS; digits++) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === float) return short;
  }
  return float;
}

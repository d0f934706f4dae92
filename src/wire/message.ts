/**
 * A whole message: declared fields and the versions in which they are spoken. Codecs are made at a version's first use.
 */
import { assert } from "../lib/assert.ts";
import type { Steps } from "../lib/async.ts";
import { type Codec, structCodec } from "./codec.ts";
import type { Reader } from "./reader.ts";
import type { Decoded, Encodable, Fields } from "./schema.ts";
import { type VersionRange, holdsVersion } from "./versions.ts";
import type { Writer } from "./writer.ts";

/** Methods on purpose, so that a list may hold messages of any fields. */
export interface Message<F extends Fields> {
  readonly fields: F;
  readonly versions: VersionRange;
  /** Versions with compact lengths and tagged fields (KIP-482). */
  readonly flexible: VersionRange;
  /** Reads one message; refuses (`invalid_request`) what is none, and bytes that are left over. */
  decode(reader: Reader, version: number): Decoded<F>;
  /** The same, but what follows the message stays unread: Kafka's broker lets it pass, and librdkafka sends such bytes. */
  decodeHead(reader: Reader, version: number): Decoded<F>;
  encode(writer: Writer, version: number, value: Encodable<F>): void;
  /** `decodeHead` of a long message. */
  decodeInSteps(reader: Reader, version: number): Steps<Decoded<F>>;
  /** `encode` of a long message. */
  encodeInSteps(writer: Writer, version: number, value: Encodable<F>): Steps<void>;
}

export function message<F extends Fields>(
  fields: F,
  versions: VersionRange,
  flexible: VersionRange,
): Message<F> {
  const codecs: Codec<Record<string, unknown>>[] = [];
  const codecOf = (version: number) => {
    const made = codecs[version];
    if (made) return made;
    assert(holdsVersion(versions, version), `version ${version} of the message is declared`);
    const edition = { version, flexible: holdsVersion(flexible, version) };
    return (codecs[version] = structCodec(fields, edition));
  };
  // The codec was made from these fields: the one place where types and closures meet.
  const decodeHead = (reader: Reader, version: number): Decoded<F> =>
    codecOf(version).read(reader) as Decoded<F>;
  return {
    fields,
    versions,
    flexible,
    decode(reader, version) {
      const value = decodeHead(reader, version);
      reader.end();
      return value;
    },
    decodeHead,
    encode(writer, version, value) {
      codecOf(version).write(writer, value);
    },
    *decodeInSteps(reader, version) {
      const { inSteps } = codecOf(version);
      if (!inSteps) return decodeHead(reader, version);
      return (yield* inSteps.read(reader)) as Decoded<F>;
    },
    *encodeInSteps(writer, version, value) {
      const codec = codecOf(version);
      if (codec.inSteps) yield* codec.inSteps.write(writer, value);
      else codec.write(writer, value);
    },
  };
}

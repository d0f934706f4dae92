/**
 * A whole message: declared fields and the versions in which they are spoken. Codecs are made at a version's first use.
 */
import { assert } from "../lib/assert.ts";
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
  encode(writer: Writer, version: number, value: Encodable<F>): void;
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
  return {
    fields,
    versions,
    flexible,
    decode(reader, version) {
      const value = codecOf(version).read(reader);
      reader.end();
      // The codec was made from these fields: the one place where types and closures meet.
      return value as Decoded<F>;
    },
    encode(writer, version, value) {
      codecOf(version).write(writer, value);
    },
  };
}

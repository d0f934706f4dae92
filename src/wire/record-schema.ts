/**
 * Records of Kafka's internal topics: an int16, then a message. In a key the int16 is the type of the record, in a value the
 * version of its message; a tombstone has no value.
 *
 * - Keys have one form for ever (version 0, never flexible), since they are compared as bytes by compaction.
 * - Values are written in the newest version that the cluster's features allow, and read in all.
 */
import { joined } from "../lib/bytes.ts";
import { malformed } from "./malformed.ts";
import { message } from "./message.ts";
import { Reader } from "./reader.ts";
import type { Decoded, Encodable, Fields } from "./schema.ts";
import { type VersionRange, holdsVersion, noVersions, parseVersions } from "./versions.ts";
import { Writer } from "./writer.ts";

export interface RecordSchema<K extends Fields, V extends Fields> {
  /** The first two bytes of its keys. */
  readonly type: number;
  readonly name: string;
  readonly key: K;
  readonly value: V;
  readonly versions: VersionRange;
  readonly flexible: VersionRange;
  encodeKey(key: Encodable<K>): Uint8Array;
  /** Refuses (`invalid_request`) a key that is not of this type. */
  decodeKey(bytes: Uint8Array): Decoded<K>;
  encodeValue(value: Encodable<V>, version: number): Uint8Array;
  /** Refuses (`invalid_request`) a version that is not known, so that nothing is read wrongly. */
  decodeValue(bytes: Uint8Array): Decoded<V>;
}

/** Declares one record: the type of its key, and the versions of its value. */
export function defineRecord<K extends Fields, V extends Fields>(options: {
  readonly type: number;
  /** Kafka's name without the trailing Key or Value. */
  readonly name: string;
  readonly versions: string;
  readonly flexible: string;
  readonly key: K;
  readonly value: V;
}): RecordSchema<K, V> {
  const { type, name } = options;
  const versions = parseVersions(options.versions);
  const flexible = parseVersions(options.flexible);
  const keys = message(options.key, { min: 0, max: 0 }, noVersions);
  const values = message(options.value, versions, flexible);
  return {
    type,
    name,
    key: options.key,
    value: options.value,
    versions,
    flexible,
    encodeKey(key) {
      const writer = new Writer();
      writer.int16(type);
      keys.encode(writer, 0, key);
      return joined(writer.finish());
    },
    decodeKey(bytes) {
      const reader = new Reader(bytes);
      if (reader.int16() !== type) throw malformed(`The key is not one of ${name}.`);
      return keys.decode(reader, 0);
    },
    encodeValue(value, version) {
      const writer = new Writer();
      writer.int16(version);
      values.encode(writer, version, value);
      return joined(writer.finish());
    },
    decodeValue(bytes) {
      const reader = new Reader(bytes);
      const version = reader.int16();
      if (!holdsVersion(versions, version))
        throw malformed(`${name} is not known in version ${version}.`);
      return values.decode(reader, version);
    },
  };
}

/** The type of the record that a key belongs to. */
export function recordType(key: Uint8Array): number {
  return new Reader(key).int16();
}

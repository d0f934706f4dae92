import { describe, expect, test } from "bun:test";
import { apis } from "../../../src/kafka/apis/index.ts";
import { apiVersions } from "../../../src/kafka/apis/18-api-versions.ts";
import { fetch } from "../../../src/kafka/apis/01-fetch.ts";
import { metadata } from "../../../src/kafka/apis/03-metadata.ts";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  readRequestHeader,
} from "../../../src/kafka/frames.ts";
import { Reader } from "../../../src/wire/reader.ts";
import { joined } from "../../../src/lib/bytes.ts";

const hex = (chunks: readonly Uint8Array[]) => Buffer.from(joined(chunks)).toString("hex");
/** Hex digits that are grouped for the reader. */
const unspaced = (digits: string) => digits.replaceAll("_", "");

describe("frames", () => {
  test("ApiVersions, as Kafka's clients send it in version 3", () => {
    const header = { version: 3, correlationId: 7, clientId: "me" };
    const value = { clientSoftwareName: "kedge", clientSoftwareVersion: "1" };
    const sent = encodeRequest(apiVersions, header, value);
    expect(hex(sent)).toBe(
      unspaced("00000016_0012_0003_00000007_00026d65_00_066b65646765_0231_00"),
    );
    const reader = new Reader(joined(sent).subarray(4));
    expect(readRequestHeader(reader)).toEqual({ key: 18, ...header });
    expect(decodeRequest(apiVersions, reader, 3)).toEqual(value);
  });

  test("ApiVersions is answered with a header without tags", () => {
    const apiKeys = [{ apiKey: 18, minVersion: 0, maxVersion: 4 }];
    const header = { version: 3, correlationId: 7 };
    const answer = encodeResponse(apiVersions, header, {
      errorCode: 35,
      apiKeys,
      throttleTimeMs: 0,
    });
    expect(hex(answer)).toBe(unspaced("00000013_00000007_0023_02_001200000004_00_00000000_00"));
    expect(decodeResponse(apiVersions, header, joined(answer).subarray(4)).apiKeys).toEqual(
      apiKeys,
    );
  });

  test("an answer to another request is refused", () => {
    const answer = encodeResponse(
      metadata,
      { version: 12, correlationId: 1 },
      {
        brokers: [],
        errorCode: 0,
        controllerId: 1,
        topics: [],
        throttleTimeMs: 0,
      },
    );
    const asked = { version: 12, correlationId: 2 };
    expect(() => decodeResponse(metadata, asked, joined(answer).subarray(4))).toThrow("answer");
  });

  test("records of an answer are passed on, not copied", () => {
    const records = new Uint8Array(100_000).fill(7);
    const partition = {
      partitionIndex: 0,
      errorCode: 0,
      highWatermark: 9,
      abortedTransactions: null,
    };
    const topic = { topic: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAA" };
    const header = { version: 12, correlationId: 1 };
    const answer = encodeResponse(fetch, header, {
      throttleTimeMs: 0,
      errorCode: 0,
      responses: [{ ...topic, partitions: [{ ...partition, records: [records, records] }] }],
    });
    expect(answer.filter((chunk) => chunk === records)).toHaveLength(2);
    const decoded = decodeResponse(fetch, header, joined(answer).subarray(4));
    expect(decoded.responses[0]?.partitions[0]?.records).toHaveLength(200_000);
    expect(decoded.responses[0]?.partitions[0]?.currentLeader).toEqual({
      leaderId: -1,
      leaderEpoch: -1,
    });
  });

  test("keys rise, and versions are within what is advertised", () => {
    const keys = apis.map(({ key }) => key);
    expect(keys).toEqual(keys.toSorted((one, other) => one - other));
    expect(new Set(keys).size).toBe(keys.length);
    for (const { versions, advertised } of apis) {
      expect(advertised.min).toBeLessThanOrEqual(versions.min);
      expect(advertised.max).toBe(versions.max);
    }
  });
});

/**
 * Turns: whatever mix of requests gathers, the batches built cover the offsets answered without a gap, within every bound.
 */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { AppendRequest } from "../../../../src/log/appending/append-request.ts";
import { Opening } from "../../../../src/log/opening.ts";
import { parseTopicConfig } from "../../../../src/log/configs/topic-config.ts";
import type { KnownProducers } from "../../../../src/log/producers/turn-producers.ts";
import { buildTurn, type TurnReceipts } from "../../../../src/log/appending/turn.ts";
import { encodeBatch } from "../../../../src/records/batch-encode.ts";
import { readRecords } from "../../../../src/records/batch-read.ts";
import { walkBatches } from "../../../../src/records/batch.ts";
import type { NewRecord } from "../../../../src/records/record.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const nowMs = 1_700_000_000_000;
const noReceipts: TurnReceipts = {
  receipt: () => null,
  park() {},
  unpark: () => [],
};

const noProducers: KnownProducers = {
  state: () => null,
  verification: () => null,
  missed: () => null,
  open: new Map(),
};

const takesAll = parseTopicConfig({ "max.message.bytes": "7000000" }, {});

interface Asked {
  readonly raw: boolean;
  readonly sizes: readonly number[];
}

function recordsOf(name: number, { sizes }: Asked): NewRecord[] {
  return sizes.map((size, index) => ({
    key: new TextEncoder().encode(`${name}.${index}`),
    value: new Uint8Array(size),
    headers: [],
    timestampMs: index % 2 === 0 ? nowMs - 5 : null,
  }));
}

function requestOf(asked: Asked, name: number): AppendRequest {
  const records = recordsOf(name, asked);
  const stamped = () => records.map((record) => ({ ...record, timestampMs: nowMs - 5 }));
  const payload = asked.raw
    ? { type: "batch" as const, bytes: encodeBatch(stamped()) }
    : { type: "records" as const, records };
  return new AppendRequest({ acks: -1, payload }, takesAll, new Opening(new VirtualClock()));
}

const asked = fc.record({
  raw: fc.boolean(),
  sizes: fc.array(fc.oneof(fc.nat(50), fc.nat(5000), fc.constant(70_000)), {
    minLength: 1,
    maxLength: 5,
  }),
});

test("offsets, rows and batches agree with the answers, and refusals leave no hole", () => {
  const messageBytesMax = 60_000;
  const config = { ...parseTopicConfig({}, {}), messageBytesMax };
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 40 }), fc.nat(1e9), (all, end) => {
      const requests = all.map(requestOf);
      const turn = buildTurn(requests, { epoch: 3, end, config, nowMs }, noReceipts, noProducers);
      const found: string[] = [];
      let next = end;
      for (const row of turn.appends) {
        expect(row.base).toBe(next);
        let count = 0;
        for (const { at, header } of walkBatches(row.data)) {
          expect([header.baseOffset, header.leaderEpoch]).toEqual([next, 3]);
          expect(header.sizeBytes).toBeLessThanOrEqual(messageBytesMax);
          for (const record of readRecords(row.data, at, { decompressedBytesMax: 1e7 })) {
            expect(record.offset).toBe(next);
            found.push(new TextDecoder().decode(record.key ?? new Uint8Array()));
            next += 1;
          }
          count += 1;
        }
        expect([row.last, row.count]).toEqual([next - 1, count]);
      }
      expect(turn.end).toBe(next);
      const expected = turn.outcomes.flatMap((outcome) => {
        const name = requests.indexOf(outcome.request);
        if (outcome.type === "refused") {
          expect(outcome.refusal.code).toBe("message_too_large");
          return [];
        }
        const { baseOffset, count } = outcome.settled;
        expect(count).toBe(all[name]?.sizes.length ?? -1);
        return Array.from({ length: count }, (_, index) => [
          baseOffset + index,
          `${name}.${index}`,
        ]);
      });
      expect(turn.outcomes.length).toBe(all.length);
      expect(expected).toEqual(found.map((name, index) => [end + index, name]));
    }),
    { numRuns: 60 },
  );
});

test("small batches share a row, large ones have their own", () => {
  const config = { ...parseTopicConfig({}, {}), messageBytesMax: 1e6 };
  const sizes = [10, 20, 100_000, 30, 40];
  const requests = sizes.map((size, name) => requestOf({ raw: true, sizes: [size] }, name));
  const turn = buildTurn(requests, { epoch: 0, end: 0, config, nowMs }, noReceipts, noProducers);
  expect(turn.appends.map(({ count }) => count)).toEqual([2, 1, 2]);
  const large = requests[2]?.input.payload;
  // Not copied: a large batch goes to storage as it came.
  expect(large?.type === "batch" && turn.appends[1]?.data === large.bytes).toBe(true);
});

test("a row is as new as the newest of its batches, whichever came last", () => {
  const config = parseTopicConfig({}, {});
  const sent = [5, 30, 10].map((sentMs, name) => {
    const [record] = recordsOf(name, { raw: true, sizes: [10] });
    if (!record) throw new Error("one size is one record");
    const bytes = encodeBatch([{ ...record, timestampMs: nowMs + sentMs }]);
    const input = { acks: -1 as const, payload: { type: "batch" as const, bytes } };
    return new AppendRequest(input, takesAll, new Opening(new VirtualClock()));
  });
  const turn = buildTurn(sent, { epoch: 0, end: 0, config, nowMs }, noReceipts, noProducers);
  const found = turn.appends.map(({ count, maxTimestamp }) => [count, maxTimestamp - nowMs]);
  expect(found).toEqual([[3, 30]]);
});

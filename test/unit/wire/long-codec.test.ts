/** Long messages: the same bytes and values in steps as at once, and steps often enough. */
import { expect, test } from "bun:test";
import { apis } from "../../../src/kafka/apis/index.ts";
import { atOnce } from "../../../src/lib/async.ts";
import { ELEMENTS_AT_ONCE } from "../../../src/wire/long-codec.ts";
import { LongMessage } from "../../../src/wire/long-message.ts";
import { type Message, message } from "../../../src/wire/message.ts";
import { Reader } from "../../../src/wire/reader.ts";
import { array, type Fields, int32, string } from "../../../src/wire/schema.ts";
import { parseVersions } from "../../../src/wire/versions.ts";
import { joined } from "../../../src/lib/bytes.ts";
import { Writer } from "../../../src/wire/writer.ts";
import { dice, randomFields } from "../../peers/random-message.ts";

test("every message of every version is the same in steps as at once", () => {
  const roll = dice(1);
  for (const api of apis) {
    for (const of of [api.request, api.response] as Message<Fields>[]) {
      for (let version = of.versions.min; version <= of.versions.max; version += 1) {
        const value = randomFields(of.fields, version, roll);
        const writer = new Writer();
        of.encode(writer, version, value);
        const bytes = joined(writer.finish());
        const inSteps = new Writer();
        atOnce(of.encodeInSteps(inSteps, version, value));
        expect(joined(inSteps.finish())).toEqual(bytes);
        const read = atOnce(of.decodeInSteps(new Reader(bytes), version));
        expect(read).toEqual(of.decode(new Reader(bytes), version));
      }
    }
  }
});

const nested = message(
  { topics: array({ name: string(), partitions: array(int32()) }) },
  parseVersions("0"),
  parseVersions("0+"),
);

function topics(count: number, partitions: number) {
  const indexes = Array.from({ length: partitions }, (_, at) => at);
  return { topics: Array.from({ length: count }, () => ({ name: "t", partitions: indexes })) };
}

function encoded(value: ReturnType<typeof topics>): Uint8Array {
  const writer = new Writer();
  nested.encode(writer, 0, value);
  return joined(writer.finish());
}

for (const [many, few] of [
  [10_000, 1],
  [1, 20_000],
  [100, 200],
] as const)
  test(`a message of ${many} times ${few} elements takes a step every few hundred`, () => {
    const value = topics(many, few);
    const bytes = encoded(value);
    const once = { elementsAtOnce: ELEMENTS_AT_ONCE };
    expect(() => nested.decode(new Reader(bytes, once), 0)).toThrow(LongMessage);
    expect(() => nested.encode(new Writer(256, ELEMENTS_AT_ONCE), 0, value)).toThrow(LongMessage);
    const steps = Math.floor((many + many * few) / 500);
    expect([...nested.decodeInSteps(new Reader(bytes), 0)]).toHaveLength(steps);
    expect([...nested.encodeInSteps(new Writer(), 0, value)]).toHaveLength(steps);
  });

test("a message of as many elements as go at once is a short one", () => {
  const value = topics(1, ELEMENTS_AT_ONCE - 1);
  const writer = new Writer(256, ELEMENTS_AT_ONCE);
  nested.encode(writer, 0, value);
  const reader = new Reader(joined(writer.finish()), { elementsAtOnce: ELEMENTS_AT_ONCE });
  expect(nested.decode(reader, 0)).toEqual(value);
});

test("a count that its message cannot hold is refused, however many go at once", () => {
  const bytes = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f]);
  const reader = new Reader(bytes, { elementsAtOnce: 1 });
  expect(() => nested.decode(reader, 0)).toThrow("more than its message can hold");
});

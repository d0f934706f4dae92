/** Frames cut out of chunks of every size: exact, bounded, held up where there is no room. */
import { expect, test } from "bun:test";
import { array, assert, integer, property } from "fast-check";
import { BadFrame, FREE_BYTES, FrameReader } from "../../../src/kafka/frame-reader.ts";

function framed(...bodies: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.byteLength);
      return [length, body];
    }),
  );
}

function body(bytes: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + seed) & 255);
}

function readerOf(
  bytesMax = 10_000_000,
  admit: (bytes: number) => boolean = () => true,
): FrameReader {
  return new FrameReader({ bytesMax, admit });
}

test("whatever the chunks, the frames are those that were sent", () => {
  assert(
    property(
      array(integer({ min: 0, max: 200_000 }), { maxLength: 8 }),
      array(integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 20 }),
      (sizes, cuts) => {
        const bodies = sizes.map((size, at) => body(size, at));
        const stream = framed(...bodies);
        const reader = readerOf();
        const got: Uint8Array[] = [];
        for (let at = 0, cut = 0; at < stream.byteLength; cut += 1) {
          const size = cuts[cut % cuts.length] ?? 1;
          reader.push(new Uint8Array(stream.subarray(at, at + size)));
          at += size;
          for (let frame = reader.next(); frame; frame = reader.next()) {
            if (frame.owned)
              expect(frame.bytes.buffer.byteLength).toBeLessThan(frame.bytes.length + 5);
            got.push(frame.bytes);
          }
        }
        expect(got.map((bytes) => Buffer.from(bytes).toString("hex"))).toEqual(
          bodies.map((bytes) => Buffer.from(bytes).toString("hex")),
        );
        expect(reader.inFrame).toBe(false);
      },
    ),
    { numRuns: 30 },
  );
});

test("a frame that grows past what is set aside at once arrives whole", () => {
  const large = body(5_000_001);
  const stream = framed(large);
  const reader = readerOf();
  for (let at = 0; at < stream.byteLength; at += 60_000)
    reader.push(stream.subarray(at, at + 60_000));
  const frame = reader.next();
  expect(frame?.owned).toBe(true);
  expect(Buffer.compare(frame?.bytes ?? new Uint8Array(), large)).toBe(0);
});

test.each([
  ["negative", [255, 255, 255, 255]],
  ["the largest", [127, 255, 255, 255]],
  ["one past the limit", [0, 0, 3, 233]],
])("a length that is %s is a bad frame", (_, bytes) => {
  const reader = readerOf(1000);
  reader.push(Uint8Array.from(bytes));
  expect(() => reader.next()).toThrow(BadFrame);
});

test.each([
  ["a TLS handshake", [22, 3, 1, 2], /TLS.*PLAINTEXT/],
  ["an HTTP request", [...Buffer.from("GET / HTTP/1.1")], /HTTP request.*--http/],
  ["any other length", [127, 255, 255, 255], /a frame of 2147483647 bytes/],
])("%s is told by its name", (_, bytes, words) => {
  const reader = readerOf();
  reader.push(Uint8Array.from(bytes));
  expect(() => reader.next()).toThrow(words);
});

test("a large frame waits for room, a small one asks for none", () => {
  let room = false;
  const asked: number[] = [];
  const reader = readerOf(1_000_000, (bytes) => {
    asked.push(bytes);
    return room;
  });
  reader.push(framed(body(FREE_BYTES), body(FREE_BYTES + 1)));
  expect(reader.next()?.bytes.byteLength).toBe(FREE_BYTES);
  expect(reader.next()).toBeNull();
  expect(reader.blocked).toBe(true);
  expect(reader.admittedBytes).toBe(0);
  room = true;
  expect(reader.next()?.bytes.byteLength).toBe(FREE_BYTES + 1);
  expect(asked).toEqual([FREE_BYTES + 1, FREE_BYTES + 1]);
});

test("room is asked for what has come, four times that at most", () => {
  const asked: number[] = [];
  let room = true;
  const reader = readerOf(10_000_000, (bytes) => {
    asked.push(bytes);
    return room;
  });
  const large = body(2_000_000);
  const stream = framed(large);
  const push = (from: number, to: number) => {
    reader.push(new Uint8Array(stream.subarray(from, to)));
    return reader.next();
  };
  push(0, 4 + FREE_BYTES);
  expect([asked, reader.admittedBytes]).toEqual([[], 0]);
  push(4 + FREE_BYTES, 10_000);
  expect(asked).toEqual([65_536]);
  room = false;
  push(10_000, 100_000);
  expect([asked.at(-1), reader.blocked]).toEqual([4 * 99_996 - 65_536, true]);
  room = true;
  expect(reader.next()).toBeNull();
  expect([reader.admittedBytes, reader.blocked]).toEqual([4 * 99_996, false]);
  const frame = push(100_000, stream.byteLength);
  expect(Buffer.compare(frame?.bytes ?? new Uint8Array(), large)).toBe(0);
  expect(
    asked.filter((bytes, at) => bytes !== asked[at - 1]).reduce((sum, bytes) => sum + bytes),
  ).toBe(2_000_000);
});

test("a large chunk is let go of once it is copied, unless a frame is a view of it", () => {
  const stream = framed(body(30_000), body(100_000));
  const first = new Uint8Array(stream.subarray(0, 60_000));
  const second = new Uint8Array(stream.subarray(60_000));
  const reader = readerOf();
  for (const chunk of [first, second]) reader.push(chunk);
  const small = reader.next();
  expect(small?.bytes).toEqual(body(30_000));
  expect(reader.next()?.bytes).toEqual(body(100_000));
  expect([first, second].map(({ buffer }) => buffer.detached)).toEqual([false, true]);
  expect(small?.bytes).toEqual(body(30_000));
});

/** The gate's counts, by table and by holder. */
import { expect, test } from "bun:test";
import { Descriptors, descriptorsMax } from "../../../src/runtime/descriptors.ts";
import { countedAddress, Gate, Place } from "../../../src/runtime/gate.ts";

test("an address is refused past its own limit, and others are not", () => {
  const gate = new Gate({ connectionsMax: 5, connectionsPerAddressMax: 2 });
  expect([gate.enter("a"), gate.enter("a"), gate.enter("a"), gate.enter("b")]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  gate.leave("a");
  expect(gate.enter("a")).toBe(true);
  expect(gate.open).toBe(3);
});

test("loopback is bounded by the total alone", () => {
  const gate = new Gate({ connectionsMax: 3, connectionsPerAddressMax: 1 });
  expect([gate.enter(""), gate.enter(""), gate.enter(""), gate.enter("")]).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test("places of several gates take from the same descriptors, of which some stay for all else", () => {
  const descriptors = new Descriptors(4);
  const limits = { connectionsMax: 5, connectionsPerAddressMax: 2 };
  const [one, other] = [new Gate(limits, descriptors), new Gate(limits, descriptors)];
  expect([one.enter("a"), other.enter(""), other.enter("a"), one.enter("a")]).toEqual([
    true,
    true,
    true,
    false,
  ]);
  other.leave("a");
  expect([one.enter("a"), one.open, other.open]).toEqual([true, 2, 1]);
});

test("the process's limit is read, or there is none", () => {
  expect(descriptorsMax("Max open files            1024                 4096     files\n")).toBe(
    1024,
  );
  expect(descriptorsMax("")).toBe(Infinity);
});

test("a place is left when its last holder lets go, and each lets go once", () => {
  const gate = new Gate({ connectionsMax: 1, connectionsPerAddressMax: 1 });
  gate.enter("a");
  const place = new Place(() => gate.leave("a"));
  const release = place.keep();
  place.release();
  expect(gate.open).toBe(1);
  release();
  release();
  expect(gate.open).toBe(0);
});

test("addresses as they are counted", () => {
  const rows = [
    ["127.0.0.1", ""],
    ["127.8.9.1", ""],
    ["::1", ""],
    ["::ffff:127.0.0.1", ""],
    ["::ffff:10.0.0.7", "10.0.0.7"],
    ["2001:db8::1", "2001:db8::1"],
    ["", ""],
  ] as const;
  for (const [address, counted] of rows) expect(countedAddress(address), address).toBe(counted);
});

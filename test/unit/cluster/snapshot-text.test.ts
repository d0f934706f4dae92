/**
 * A snapshot's text made piece by piece is that of JSON.stringify, with turns in between.
 */
import { expect, test } from "bun:test";
import { Image } from "../../../src/cluster/image.ts";
import { snapshotText } from "../../../src/cluster/snapshot-text.ts";

function imageOf(quotas: number): Image {
  const image = new Image();
  for (let at = 0; at < quotas; at += 1) {
    const entity = [["client-id", `"c${at}`]] as const;
    const key = "producer_byte_rate";
    image.apply(at + 1, { type: "client-quota", version: 0, entity, key, value: at + 1 });
  }
  return image;
}

test.each([
  [0, 0],
  [1, 0],
  [1_000, 0],
  [1_001, 1],
  [4_500, 4],
])("of %i quotas takes %i turns", async (quotas, turns) => {
  const image = imageOf(quotas);
  let taken = 0;
  const text = await snapshotText(image.snapshot(), async () => {
    taken += 1;
  });
  expect(text).toBe(JSON.stringify(image.snapshot()));
  expect(taken).toBe(turns);
});

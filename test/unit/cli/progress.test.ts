/** How sizes are told: by backup and doctor alike. */
import { expect, test } from "bun:test";
import { sizeText } from "../../../src/cli/progress.ts";

test.each([
  [0, "0 bytes"],
  [1023, "1,023 bytes"],
  [1024, "1.0 KiB"],
  [3.44 * 2 ** 20, "3.4 MiB"],
  [9.96 * 2 ** 20, "10 MiB"],
  [250 * 2 ** 30, "250 GiB"],
  [2 ** 51, "2048 TiB"],
])("%p bytes are %p", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

/**
 * Holds the README to the code: its table of settings is the one that config.ts declares. `UPDATE_README=1` writes it.
 */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { settingsTable } from "../../src/cli/settings-text.ts";

const path = fileURLToPath(new URL("../../README.md", import.meta.url));
const table = /(?<=<!-- settings -->\n)[\s\S]*?(?=\n<!-- end of settings -->)/;

test("the README's table of settings is up to date", async () => {
  const readme = await Bun.file(path).text();
  if (process.env["UPDATE_README"]) await Bun.write(path, readme.replace(table, settingsTable()));
  const shown = table.exec(await Bun.file(path).text())?.[0];
  expect(shown, "run: UPDATE_README=1 bun test test/unit/readme.test.ts").toBe(settingsTable());
});

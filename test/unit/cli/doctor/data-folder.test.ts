/** What is said of a data folder that cannot be looked at. The errors are those of a user who is not root. */
import { afterAll, expect, test } from "bun:test";
import { accessSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkDataFolder } from "../../../../src/cli/doctor/data-folder.ts";
import { exitCodes, Failure } from "../../../../src/cli/exit.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-data-folder-"));
const log = join(folder, "log.db");
writeFileSync(log, "");
afterAll(() => rmSync(folder, { recursive: true }));

const denied = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
const deny = (): never => {
  throw denied;
};
const everything = { stat: statSync, access: accessSync };

function refusal(path: string, system = everything): readonly [number, string] | null {
  try {
    checkDataFolder(path, system);
    return null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [error.code, error.message];
  }
}

test("a folder that may be used is", () => {
  expect(refusal(folder)).toBeNull();
});

test("one that is not there, nor the folder it would be in", () => {
  for (const path of [join(folder, "none"), join(folder, "none", "none"), join(log, "none")])
    expect(refusal(path)).toEqual([exitCodes.notFound, `There is no folder ${path}.`]);
});

test("a file, and where its folder is if it is one of kedge's", () => {
  expect(refusal(log)).toEqual([
    exitCodes.failure,
    `${log} is a file, and a node's data is a folder: give the folder that it is in, --data ${folder}.`,
  ]);
});

test("one that may not be entered, and one behind another that may not be", () => {
  expect(refusal(folder, { ...everything, access: deny })).toEqual([
    exitCodes.notAllowed,
    expect.stringContaining(`no permission to read and write ${folder}: give the folder`),
  ]);
  expect(refusal(folder, { ...everything, stat: deny })).toEqual([
    exitCodes.notAllowed,
    expect.stringContaining(`no permission to enter the folder that ${folder} is in`),
  ]);
});

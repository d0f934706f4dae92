/**
 * What appears under its name once it is whole, where others are at work on the same name.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearLeft, makeWholeFolder, partialOf } from "../../../src/cli/whole.ts";

const folder = await mkdtemp(join(tmpdir(), "kedge-whole-"));
afterAll(() => rm(folder, { recursive: true }));

test("a folder that came to hold something meanwhile stays as it is", async () => {
  const path = join(folder, "data");
  await mkdir(path);
  const made = makeWholeFolder(path, async (partial) => {
    await writeFile(join(partial, "log.db"), "restored");
    await writeFile(join(path, "log.db"), "a node's");
  });
  expect(made).rejects.toThrow(`${path} is not empty: choose a new folder.`);
  await made.catch(() => {});
  expect(await readFile(join(path, "log.db"), "utf8")).toBe("a node's");
  expect(await readdir(folder)).toEqual(["data"]);
});

test("an empty folder gives way, and a link leads to what is made", async () => {
  const [path, link] = [join(folder, "target"), join(folder, "link")];
  await mkdir(path);
  await symlink(path, link);
  await makeWholeFolder(link, (partial) => writeFile(join(partial, "log.db"), "restored"));
  expect(await readdir(path)).toEqual(["log.db"]);
  expect(await readFile(join(link, "log.db"), "utf8")).toBe("restored");
});

test("what a killed process left is deleted, and what another is at work on is not", async () => {
  const path = join(folder, "left");
  const ended = Bun.spawn(["true"]);
  await ended.exited;
  const names = [
    `left.partial-${ended.pid}`,
    `left.partial-${process.ppid}`,
    "left.partial-x",
    "lefty.partial-1",
  ];
  for (const name of names) await mkdir(join(folder, name));
  await clearLeft(path);
  const left = (await readdir(folder)).filter((name) => name.includes("partial"));
  expect(left.toSorted()).toEqual(names.slice(1).toSorted());
  expect(partialOf(path)).toBe(`${path}.partial-${process.pid}`);
});

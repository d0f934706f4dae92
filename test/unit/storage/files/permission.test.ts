/** A data folder that belongs to another user is told by the file that stands in the way. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { permissionMissing } from "../../../../src/storage/files/permission.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-permission-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Root may do everything, so that a mode alone would show nothing here. */
const refusing = (wanted: string, code: string) => (path: string) => {
  if (path === wanted) throw Object.assign(new Error(code), { code });
};

test("the folder, or the first of its files that may not be used, is named", () => {
  const log = join(folder, "log.db-wal");
  expect(permissionMissing(folder, refusing(folder, "EACCES"))).toContain(`write ${folder}:`);
  expect(permissionMissing(folder, refusing(log, "EACCES"))).toBeNull(); // It is not there.
  writeFileSync(log, "");
  expect(permissionMissing(folder, refusing(log, "EACCES"))).toContain(`write ${log}:`);
  expect(permissionMissing(folder, refusing(folder, "EROFS"))).toContain("read-only");
  expect(permissionMissing(folder, refusing(folder, "EIO"))).toBeNull();
  expect(permissionMissing(folder)).toBeNull();
});

/**
 * The manifest of a backup: which files it has, their sizes and checksums.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { exitCodes, Failure } from "./exit.ts";
import type { ExtractedFile } from "./untar.ts";

const manifest = v.object({
  kedge_backup: v.literal(1),
  cluster_id: v.string(),
  node_id: v.number(),
  version: v.string(),
  made: v.string(),
  files: v.array(
    v.object({
      name: v.picklist(["log.db", "raft.db"]),
      bytes: v.number(),
      sha256: v.string(),
    }),
  ),
});

export type Manifest = v.InferOutput<typeof manifest>;

/** @throws Failure when the folder holds no whole backup. */
export async function readManifest(folder: string): Promise<Manifest> {
  if ((await stat(folder).catch(() => null))?.isFile() === true)
    throw new Failure(
      `${folder} is a file, and a backup is a folder. If it is the archive of "backup -", unpack it first: ` +
        `"mkdir NEW && tar -xf ${folder} -C NEW", then restore NEW.`,
    );
  const path = join(folder, "manifest.json");
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null)
    throw new Failure(
      `${folder} holds no kedge backup: it has no manifest.json.`,
      exitCodes.notFound,
    );
  try {
    const parsed = v.parse(manifest, JSON.parse(text));
    if (parsed.files.length === 2) return parsed;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new Failure(`${path} is not the manifest of a kedge backup: ${words}`);
  }
  throw new Failure(`${path} does not name log.db and raft.db.`);
}

/** @throws Failure when a file is missing or differs from what the manifest says. */
export function sameFiles(manifest: Manifest, files: readonly ExtractedFile[]): void {
  for (const { name, bytes, sha256 } of manifest.files) {
    const found = files.find((file) => file.name === name);
    if (!found || found.bytes !== bytes || found.sha256 !== sha256)
      throw new Failure(`${name} is not what the manifest says: the backup is damaged.`);
  }
}

export async function hashFile(folder: string, name: string): Promise<ExtractedFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  const path = join(folder, name);
  if (!existsSync(path))
    throw new Failure(`${path} is missing: the backup is not whole.`, exitCodes.notFound);
  for await (const piece of createReadStream(path)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { name, bytes, sha256: hash.digest("hex") };
}

/**
 * Where a Deno is that this machine can run: the one on the path if it is new enough, else the one of npm, installed into
 * the system's temporary folder once.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const VERSION = "2.9.6";

/** The program's path. Throws where it can neither be found nor installed. */
export async function denoBinary(): Promise<string> {
  const onPath = Bun.which("deno");
  if (onPath && (await versionOf(onPath)).startsWith("2.9.")) return onPath;
  const folder = join(tmpdir(), `kedge-deno-${VERSION}`);
  const found = installed(folder);
  if (found) return found;
  mkdirSync(folder, { recursive: true });
  // The npm package `deno` brings the binary of this machine as an optional dependency.
  await Bun.write(join(folder, "package.json"), `{"dependencies":{"deno":"${VERSION}"}}`);
  const install = Bun.spawn([process.execPath, "install", "--ignore-scripts"], { cwd: folder });
  await install.exited;
  const binary = installed(folder);
  if (!binary) throw new Error(`deno ${VERSION} could not be installed into ${folder}`);
  return binary;
}

function installed(folder: string): string | null {
  const scope = join(folder, "node_modules/@deno");
  if (!existsSync(scope)) return null;
  const binaries = readdirSync(scope).map((name) => join(scope, name, "deno"));
  return binaries.find((path) => existsSync(path)) ?? null;
}

async function versionOf(path: string): Promise<string> {
  const text = await new Response(Bun.spawn([path, "--version"]).stdout).text();
  return /^deno (\S+)/.exec(text)?.[1] ?? "";
}

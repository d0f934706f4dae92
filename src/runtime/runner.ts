/**
 * Started through a package runner (`npx bun run start`, `npm start`), a signal reaches the runner and not us: npm passes
 * it to a shell that dies of it, and leaves the node behind as an orphan that nobody knows how to stop. So the chain of
 * processes up to the topmost runner is remembered, and its breaking counts as the signal.
 *
 * - Who started the runner is not watched: a terminal may close over a node that was told to outlive it.
 * - Off Linux there is no /proc to walk, and only our own parent is watched.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { setInterval } from "node:timers";

const POLL_MS = 250;
const ANCESTORS_MAX = 8;
const runners = /^(?:npm|npx|pnpm|yarn|bun|bunx|deno)\b/;
const shells = /^(?:sh|bash|dash|zsh)$/;

interface Link {
  readonly child: number;
  readonly parent: number;
}

/** Calls `fire` once when the package runner that started this process is gone; does nothing without a runner. */
export function watchRunner(fire: () => void): void {
  if (!process.env["npm_lifecycle_event"] && !process.env["npm_execpath"]) return;
  const links = linksToRunner();
  if (links.length === 0) return;
  const timer = setInterval(() => {
    if (links.every(({ child, parent }) => parentOf(child)?.pid === parent)) return;
    clearInterval(timer);
    fire();
  }, POLL_MS);
  timer.unref();
}

/** From us up to the topmost runner, through runners and the shells between them. */
function linksToRunner(): Link[] {
  const links: Link[] = [];
  let certain = 0;
  let child = process.pid;
  while (links.length < ANCESTORS_MAX) {
    const parent = parentOf(child);
    if (parent === null || parent.pid <= 1) break;
    if (!runners.test(parent.name) && !shells.test(parent.name)) break;
    links.push({ child, parent: parent.pid });
    if (runners.test(parent.name)) certain = links.length;
    child = parent.pid;
  }
  return links.slice(0, certain);
}

function parentOf(child: number): { pid: number; name: string } | null {
  try {
    const pid = Number(statOf(child).rest[1]);
    return { pid, name: pid <= 1 ? "" : statOf(pid).name };
  } catch {
    // No /proc, or the process is gone.
    return child === process.pid ? { pid: process.ppid, name: "npm" } : null;
  }
}

/** `pid (name) state ppid …`; the name may hold anything. */
function statOf(pid: number): { name: string; rest: string[] } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const open = stat.indexOf("(");
  const close = stat.lastIndexOf(")");
  return { name: stat.slice(open + 1, close), rest: stat.slice(close + 2).split(" ") };
}

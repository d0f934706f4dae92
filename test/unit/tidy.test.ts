/**
 * Holds the source to the house's plan: rooms import downward only, doors never meet, guests know the client alone, and
 * nothing below the runtime touches a global clock, timer, random number or `fetch`.
 *
 * Imports are read as text, since scanners drop the type-only ones.
 */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { Glob } from "bun";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Rooms from the ground up; a room may import itself and any row above its own in this list. */
const floors: readonly (readonly string[])[] = [
  ["lib"],
  ["wire"],
  ["records"],
  ["storage"],
  ["raft"],
  ["cluster"],
  ["log"],
  ["coordinators"],
  ["security"],
  ["broker"],
  ["http", "kafka"],
  ["runtime"],
  ["config.ts"],
  ["node.ts"],
  ["cli"],
  ["main.ts"],
];

/** Rooms that stand beside the house: what each may import besides itself. */
const guests: Readonly<Record<string, readonly string[]>> = {
  client: [],
  connect: ["client"],
  streams: ["client"],
};

/** Rooms outside `guests` that may use a guest. */
const hosts: Readonly<Record<string, readonly string[]>> = { cli: ["client"] };

/** What only runtime/, the people's rooms (cli, main) and the guests may touch. */
const bannedGlobals =
  /(?<![.\w#])(?:fetch\(|setTimeout\(|setInterval\(|setImmediate\(|Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|crypto\.(?:getRandomValues|randomUUID)\()/;
const bannedIn = new Set(
  floors
    .slice(
      0,
      floors.findIndex((rooms) => rooms.includes("runtime")),
    )
    .flat(),
);

interface SourceFile {
  readonly path: string;
  readonly room: string;
  readonly text: string;
}

async function sources(): Promise<SourceFile[]> {
  const paths = await Array.fromAsync(new Glob("src/**/*.ts").scan({ cwd: root }));
  return Promise.all(
    paths.toSorted().map(async (path) => ({
      path,
      room: path.split("/")[1] ?? "",
      text: await Bun.file(root + path).text(),
    })),
  );
}

/** The rooms that a file reaches into, by its relative imports (type-only ones too); package.json is no room. */
function roomsImported(file: SourceFile): string[] {
  return [...file.text.matchAll(/(?:from|import\(|import)\s*["'](\.[^"']+)["']/g)]
    .map((match) => new URL(match[1] ?? "", `file:///${file.path}`).pathname)
    .filter((target) => target !== "/package.json")
    .map((target) => target.split("/")[2] ?? "");
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const guest = guests[from];
  if (guest) return guest.includes(to);
  if (hosts[from]?.includes(to)) return true;
  const floor = (room: string) => floors.findIndex((rooms) => rooms.includes(room));
  return floor(to) >= 0 && floor(from) > floor(to);
}

/** Source without comments, so that prose may name what code may not. */
function code(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(?<=^|\s)\/\/.*$/gm, "");
}

test("rooms import downward only", async () => {
  const arrows = (await sources()).flatMap((file) =>
    roomsImported(file)
      .filter((to) => !mayImport(file.room, to))
      .map((to) => `${file.path} -> ${to}`),
  );
  expect(arrows).toEqual([]);
});

test("every room is on the plan", async () => {
  const known = new Set([...floors.flat(), ...Object.keys(guests)]);
  const strangers = (await sources()).filter((file) => !known.has(file.room));
  expect(strangers.map((file) => file.path)).toEqual([]);
});

test("clock, timers, randomness and network are passed in", async () => {
  const lines = (await sources())
    .filter((file) => bannedIn.has(file.room))
    .flatMap((file) =>
      code(file.text)
        .split("\n")
        .filter((line) => bannedGlobals.test(line))
        .map((line) => `${file.path}: ${line.trim()}`),
    );
  expect(lines).toEqual([]);
});

test("every file opens by saying what it is", async () => {
  const silent = (await sources()).filter((file) => !/^(?:#!.*\n)?\/\*\*/.test(file.text));
  expect(silent.map((file) => file.path)).toEqual([]);
});

test("a clone may lie in a folder whose name has spaces", async () => {
  const glob = new Glob("{src,test,examples}/**/*.ts");
  const paths = await Array.fromAsync(glob.scan({ cwd: root }));
  expect(paths.length).toBeGreaterThan(500);
  const texts = paths.map(async (path) => [path, await Bun.file(root + path).text()] as const);
  // A URL's path is percent-encoded, so that it names no file there; `fileURLToPath` does.
  const encoded = /import\.meta\.url\)\s*\.pathname/;
  const wrong = (await Promise.all(texts)).filter(([, text]) => encoded.test(text));
  expect(wrong.map(([path]) => path)).toEqual([]);
});

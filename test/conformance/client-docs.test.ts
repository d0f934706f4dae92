/**
 * The examples in the client's doc comments run as they stand, against a node in process. One that goes on for ever is
 * left at its first word.
 */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { Glob } from "bun";
import * as v from "valibot";
import { Kedge, KedgeError, type KedgeOptions } from "../../src/client/client.ts";
import { openMemoryNode } from "./memory-node.ts";

const root = fileURLToPath(new URL("../../src/client/", import.meta.url));

interface Example {
  readonly place: string;
  readonly code: string;
}

async function examples(): Promise<Example[]> {
  const found: Example[] = [];
  for await (const path of new Glob("*.ts").scan({ cwd: root })) {
    const text = await Bun.file(root + path).text();
    for (const { 1: block = "", index } of text.matchAll(/ \* ```ts\n([\s\S]*?) \* ```/g)) {
      const code = block.replaceAll(/^ *\* ?/gm, "").replaceAll(/^import .*$/gm, "");
      found.push({ place: `${path}:${text.slice(0, index).split("\n").length}`, code });
    }
  }
  return found;
}

/** What an example finds around it. */
interface Scope extends Readonly<Record<string, unknown>> {
  run: () => Promise<void>;
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

class Enough extends Error {}

test("every example runs", async () => {
  const all = await examples();
  expect(all.length).toBeGreaterThanOrEqual(6);
  for (const { place, code } of all) {
    const fetch = await openMemoryNode();
    class Here extends Kedge {
      constructor(options: KedgeOptions) {
        super({ ...options, fetch });
      }
    }
    const kedge = new Here({ url: "http://127.0.0.1:8080" });
    if (!/createTopic\(\{ name: "orders"|no such topic/.test(code))
      await kedge.createTopic({ name: "orders" });
    const topic = kedge.topic("orders", { create: true });
    const writing = setInterval(() => void topic.produce({ value: "some" }), 20);
    const words: unknown[] = [];
    const say = (...given: unknown[]) => {
      words.push(given);
      if (code.includes("tail")) throw new Enough();
    };
    const names = { Kedge: Here, KedgeError, kedge, topic, v, lines: ["a", "b"] };
    try {
      const script = transpiler.transformSync(`scope.run = async () => {\n${code}\n};`);
      const inScope = `const { ${Object.keys(names).join(", ")}, console } = scope;`;
      const scope: Scope = { ...names, console: { log: say, warn: say }, run: async () => {} };
      // oxlint-disable-next-line typescript/no-implied-eval -- running the text is the test.
      new Function("scope", `${inScope}\n${script}`)(scope);
      await scope.run();
    } catch (error) {
      if (!(error instanceof Enough)) throw new Error(`${place} fails`, { cause: error });
    } finally {
      clearInterval(writing);
    }
    if (code.includes("console")) expect(words.length, place).toBeGreaterThan(0);
  }
});

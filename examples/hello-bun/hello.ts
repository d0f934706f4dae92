/**
 * Hello, with types: makes a topic, appends two greetings, reads them back.
 *
 *     bun run start                            # a node, in another terminal
 *     bun examples/hello-bun/hello.ts
 */
import * as v from "valibot";
import { Kedge, KedgeError } from "kedge/client";

const kedge = new Kedge({ url: process.env["KEDGE_URL"] ?? "http://127.0.0.1:8080" });

await kedge.createTopic({ name: "greetings", partitions: 3 }).catch((error: unknown) => {
  if (!(error instanceof KedgeError) || error.code !== "topic_already_exists") throw error;
});

// Any Standard Schema will do: Valibot, Zod, ArkType.
const greeting = v.object({ from: v.string(), text: v.string() });
const greetings = kedge.topic("greetings", { value: greeting });

await greetings.produce([
  { key: "ada", value: { from: "Ada", text: "hello, log" } },
  { key: "bob", value: { from: "Bob", text: "hello, Ada" } },
]);

for await (const { partition, offset, value } of greetings.records())
  console.log(`${partition}/${offset}: ${value?.from} says ${value?.text}`);

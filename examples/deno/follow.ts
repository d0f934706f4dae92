/**
 * Follows a topic live from Deno, for as many records as asked.
 *
 *     deno run --allow-net --allow-env=KEDGE_URL examples/deno/follow.ts greetings 2
 */
import { Kedge } from "../../src/client/client.ts";

// Deno's own global; the repository is type-checked without its types.
declare const Deno: {
  readonly args: string[];
  readonly env: { get(name: string): string | undefined };
};

const [topic = "greetings", count = "2"] = Deno.args;
const kedge = new Kedge({ url: Deno.env.get("KEDGE_URL") ?? "http://127.0.0.1:8080" });

let left = Number(count);
for await (const event of kedge.tail({ topics: [topic], from: "earliest" })) {
  if (event.type === "gap") {
    console.error("removed before we came to them:", event.gap);
    continue;
  }
  const { partition, offset, value } = event.record;
  console.log(`${partition}/${offset}: ${String(value)}`);
  left -= 1;
  if (left <= 0) break;
}

/**
 * One process of the flights example: reads a topic and sums up what it saw, key by key.
 * `bun consume.ts URL NAME COUNT events|poll|again`
 *
 * `events` follows live by server-sent events and `poll` by long polls, until COUNT records came; `again` reads what is
 * there from the beginning to the end.
 */
import { Kedge } from "kedge/client";
import { Ledger } from "./ledger.ts";

const [url = "", name = "", count = "", how = ""] = process.argv.slice(2);
const kedge = new Kedge({ url });
const topic = kedge.topic(name, { format: "json" });
const ledger = new Ledger();
const started = performance.now();

async function* live(): AsyncGenerator<{ key: unknown; value: unknown }, void, void> {
  for await (const event of kedge.tail({ topics: [name], from: "earliest" })) {
    if (event.type === "gap") throw new Error(`records were lost: ${JSON.stringify(event.gap)}`);
    const { key, value } = event.record;
    yield { key, value: JSON.parse(String(value)) };
  }
}

const records = how === "events" ? live() : topic.records({ follow: how === "poll" });
for await (const { key, value } of records) {
  ledger.add(String(key), value);
  if (how !== "again" && ledger.count === Number(count)) break;
}
const ms = performance.now() - started;
console.log(JSON.stringify({ count: ledger.count, ms, summary: ledger.summary() }));

/** Which signals stop a node, which are copies of the first, and which end it at once. */
import { expect, test } from "bun:test";
import { stopSignals } from "../../../src/cli/stop-signals.ts";

test("the first stops, its copies do nothing, one that comes a second later ends at once", () => {
  const heard: string[] = [];
  let nowMs = 5_000;
  const take = stopSignals<string>(
    { monotonicMs: () => nowMs },
    { stop: (signal) => heard.push(`stop ${signal}`), quit: () => heard.push("quit") },
  );
  take("SIGINT");
  nowMs += 3;
  take("SIGINT");
  nowMs += 996;
  take("SIGTERM");
  expect(heard).toEqual(["stop SIGINT"]);
  nowMs += 1;
  take("SIGINT");
  expect(heard).toEqual(["stop SIGINT", "quit"]);
});

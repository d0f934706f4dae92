/**
 * A group's member that is refused: when it joins again, and when it gives up.
 */
import { expect, test } from "bun:test";
import { Kedge } from "../../../src/client/client.ts";
import { problem, scripted, type Step } from "./fake-node.ts";

const joined: Step = () => Response.json({ member_epoch: 2, assignment: [] });

/** What the client asked of a node that goes by the script, until that ended it; and what it ended with. */
async function run(delayMs: number, steps: (stop: AbortController) => Step[]) {
  const stop = new AbortController();
  const { fetch, seen } = scripted(...steps(stop));
  const retry = { delayMs, delayMaxMs: delayMs };
  const kedge = new Kedge({ url: "http://node", fetch, retry });
  const records = kedge.group("g", { topics: ["t"], member: "m" }).records({ signal: stop.signal });
  const ended = await records.next().catch((error: unknown) => error);
  return { asked: seen.map(({ method }) => method), seen, ended };
}

test("who lost its seat joins again, as the same incarnation", async () => {
  const { asked, seen } = await run(1, (stop) => [
    joined,
    problem(404, "unknown_member_id"),
    joined,
    (call) => {
      stop.abort();
      return problem(409, "fenced_member_epoch")(call);
    },
  ]);
  expect(asked).toEqual(["PUT", "POST", "PUT", "POST"]);
  const incarnations = new Set(seen.map(({ body }) => Object(body).incarnation));
  expect(incarnations.size).toBe(1);
  expect([...incarnations][0]).toMatch(/^[0-9a-f]{32}$/);
});

test("it pauses before it joins again", async () => {
  const { asked } = await run(600_000, (stop) => [
    joined,
    (call) => {
      setImmediate(() => stop.abort());
      return problem(409, "fenced_member_epoch")(call);
    },
    joined,
    (call) => {
      stop.abort();
      return problem(409, "fenced_member_epoch")(call);
    },
  ]);
  expect(asked).toEqual(["PUT", "POST"]);
});

test("whose name another took over gives up, and asks for nothing more", async () => {
  const { asked, ended } = await run(1, () => [joined, problem(409, "fenced_instance_id")]);
  expect(ended).toMatchObject({ name: "KedgeError", code: "fenced_instance_id" });
  expect(asked).toEqual(["PUT", "POST"]);
});

/**
 * What commands say of a topic that is not there: which one may have been meant.
 */
import { type Kedge, KedgeError } from "../client/client.ts";
import { nearest } from "../lib/nearest.ts";
import { exitCodes, Failure } from "./exit.ts";
import { KEDGE } from "./kedge-command.ts";

/** Does something with a topic; for one that is not there, tells which one may have been meant, or how to make it. */
export async function withTopic<T>(
  kedge: Kedge,
  name: string,
  task: () => Promise<T>,
  make = true,
): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof KedgeError) || error.code !== "unknown_topic_or_partition") throw error;
    const others = await kedge.topics().catch(() => []);
    const names = others.map((topic) => topic.name);
    if (names.includes(name)) throw error;
    const near = nearest(name, names);
    const made = make ? ` Make it with "${KEDGE} topic create ${name}".` : "";
    const hint = near === null ? made : ` Did you mean ${near}?`;
    throw new Failure(`There is no topic ${name}.${hint}`, exitCodes.notFound);
  }
}

/**
 * `kedge kafka-delete-records`: Kafka's own spelling for letting partitions begin later (kafka-delete-records.sh).
 *
 * - A partition answers for itself; one that cannot is told in its line, and the exit code is 1.
 */
import type { Command } from "commander";
import * as v from "valibot";
import { deleteRecords } from "../../kafka/apis/21-delete-records.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check, KafkaError } from "../../kafka/client-error.ts";
import { Ended, exitCodes } from "../exit.ts";
import type { Session } from "../session.ts";
import { addConnectOptions, ToolError, withKafka, type ConnectOptions } from "./connect.ts";
import { keyOf } from "./group-queries.ts";
import type { Place } from "./offsets.ts";
import { addTool, requireAll, runsAs } from "./tool.ts";
import { readNamed } from "../input-file.ts";

interface Options extends ConnectOptions {
  readonly offsetJsonFile?: string;
}

const REQUEST_MS = 30_000;
const whole = v.pipe(v.number(), v.integer());
const plan = v.object({
  version: v.optional(v.literal(1), 1),
  partitions: v.array(v.object({ topic: v.string(), partition: whole, offset: whole })),
});

type Cut = Place & { readonly offset: number };

export function addKafkaDeleteRecords(program: Command, session: Session): void {
  const command = addTool(program, "kafka-delete-records", "delete records").option(
    "--offset-json-file <file>",
    'where partitions are to begin: {"partitions":[{"topic":"foo","partition":1,"offset":1}],"version":1}; -1 is the end',
  );
  runsAs<Options>(addConnectOptions(command), {
    session,
    tell: (reason) => session.note(reason),
    check: (given) => requireAll(given, "offset-json-file"),
    run: async (options) => {
      const cuts = cutsOf(await readNamed(options.offsetJsonFile ?? "", "--offset-json-file"));
      await withKafka(session, options, (client) => run(session, client, cuts));
    },
  });
}

/** What the file says, each partition once. Throws ToolError. */
function cutsOf(text: string): readonly Cut[] {
  const { success, output, issues } = v.safeParse(plan, parsed(text));
  if (!success) {
    const [issue] = issues;
    throw new ToolError(`the file's ${v.getDotPath(issue) ?? "content"}: ${issue.message}`);
  }
  const names = output.partitions.map((cut) => keyOf(cut));
  const twice = names.filter((name, at) => names.indexOf(name) < at);
  if (twice.length > 0)
    throw new ToolError(
      `Offset json file contains duplicate topic partitions: ${[...new Set(twice)].join(",")}`,
    );
  return output.partitions;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ToolError("The input string is not a valid JSON");
  }
}

async function run(
  { io: { stdout } }: Session,
  client: KafkaClient,
  cuts: readonly Cut[],
): Promise<void> {
  await stdout.write("Executing records delete operation\nRecords delete operation completed:\n");
  let failed = false;
  for (const cut of cuts) {
    const answer = await answerFor(client, cut);
    failed ||= answer.startsWith("error");
    await stdout.write(`partition: ${keyOf(cut)}\t${answer}\n`);
  }
  if (failed) throw new Ended(exitCodes.failure);
}

async function answerFor(client: KafkaClient, { topic, partition, offset }: Cut): Promise<string> {
  const request = {
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
    timeoutMs: REQUEST_MS,
  };
  try {
    const { topics } = await client.ask(
      { to: "leader", topic, partition },
      deleteRecords,
      request,
      (answer) => {
        for (const each of answer.topics)
          for (const { errorCode } of each.partitions) check(errorCode);
      },
    );
    return `low_watermark: ${topics[0]?.partitions[0]?.lowWatermark ?? -1}`;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return `error: ${error.message}`;
  }
}

/**
 * Every odd request (`kafka-odd.ts`), with what Apache Kafka answers.
 */
import { join } from "node:path";
import { kafkaOddSuite, type OddAnswers, type OddCases } from "./kafka-odd.ts";
import { oddAdmin } from "./kafka-odd-admin.ts";
import { oddBeside } from "./kafka-odd-beside.ts";
import { oddConfigs } from "./kafka-odd-configs.ts";
import { oddEpochs } from "./kafka-odd-epochs.ts";
import { oddFirst } from "./kafka-odd-first.ts";
import { oddGroups } from "./kafka-odd-groups.ts";
import { oddLookups } from "./kafka-odd-lookups.ts";
import { oddMaking } from "./kafka-odd-making.ts";
import { oddMembers } from "./kafka-odd-members.ts";
import { oddOffsets } from "./kafka-odd-offsets.ts";
import { oddOpen } from "./kafka-odd-open.ts";
import { oddProduce } from "./kafka-odd-produce.ts";
import { oddRecords } from "./kafka-odd-records.ts";
import { oddSettings } from "./kafka-odd-settings.ts";
import { oddTopics } from "./kafka-odd-topics.ts";
import { oddTransactions } from "./kafka-odd-transactions.ts";
import type { OpenDoor } from "./kafka-suite.ts";

export const oddCases: OddCases = {
  ...oddProduce,
  ...oddRecords,
  ...oddOffsets,
  ...oddGroups,
  ...oddTransactions,
  ...oddTopics,
  ...oddConfigs,
  ...oddAdmin,
  ...oddEpochs,
  ...oddOpen,
  ...oddLookups,
  ...oddSettings,
  ...oddMembers,
  ...oddMaking,
  ...oddBeside,
  ...oddFirst,
};

/** Written by `test/peers/make-odd-answers.ts`. */
export const oddAnswersFile = join(import.meta.dir, "../fixtures/kafka-odd-answers.json");

/** What Kafka is asked to do as the suite's other doors do. */
export const oddKafkaSettings = { "group.min.session.timeout.ms": "100" };

export async function kafkaOddSuites(name: string, open: OpenDoor): Promise<void> {
  const answers: OddAnswers = await Bun.file(oddAnswersFile).json();
  kafkaOddSuite(name, open, oddCases, answers);
}

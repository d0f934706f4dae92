/**
 * The verbs on a group's offsets: commit, in and out of a transaction, fetch, delete.
 */
import type { Image } from "../cluster/image.ts";
import { type GroupCoordinator, OFFSETS_TOPIC } from "../coordinators/group-coordinator.ts";
import type { OffsetOutcome } from "../coordinators/offset-state.ts";
import { withWord } from "../log/transactional-append.ts";
import type { TransactionVerifier } from "../log/verification.ts";
import { fetchOffsets } from "./committed-offsets.ts";
import type { GroupVerbs, OffsetRefusal, OffsetToCommit, OffsetsToCommit } from "./group-verbs.ts";

type OffsetVerbs = Pick<
  GroupVerbs,
  "commitOffsets" | "commitOffsetsIn" | "fetchOffsets" | "deleteOffsets"
>;

export function groupOffsetVerbs(
  driver: GroupCoordinator["driver"],
  image: Image,
  verifier: TransactionVerifier,
): OffsetVerbs {
  return {
    commitOffsets: (_context, request) =>
      commit(image, request, (known) =>
        driver.submit<readonly OffsetOutcome[]>(request.group, (ticket) => ({
          type: "commit",
          member: request.member,
          offsets: known,
          knowsMemberEpochs: request.knowsMemberEpochs,
          retentionMs: request.retentionMs,
          ticket,
        })),
      ),
    async commitOffsetsIn(_context, owner, request) {
      const { producerId, producerEpoch } = owner;
      const log = await driver.logOf(request.group);
      const batch = { producerId, producerEpoch, baseSequence: -1 };
      return withWord(log, OFFSETS_TOPIC, batch, owner, verifier, (guard) =>
        commit(image, request, (known) =>
          driver.submit<readonly OffsetOutcome[]>(request.group, (ticket) => ({
            type: "transactional-commit",
            transaction: { producerId, producerEpoch, guard },
            member: request.member,
            offsets: known,
            ticket,
          })),
        ),
      );
    },
    fetchOffsets: (_context, group, wanted) =>
      fetchOffsets(driver.state(group), group, wanted, image),
    async deleteOffsets(_context, group, partitions) {
      const known = partitions.filter(({ topic }) => image.topic(topic) !== null);
      const outcomes = await driver.submit<readonly OffsetOutcome[]>(group, (ticket) => ({
        type: "delete-offsets",
        partitions: known,
        ticket,
      }));
      const told = new Map(known.map((each, at) => [each, outcomes[at] ?? null]));
      return partitions.map((each) => {
        const outcome = told.get(each);
        return outcome === undefined ? "unknown_topic_or_partition" : outcome;
      });
    },
  };
}

type Known = Omit<OffsetToCommit, "topic"> & { readonly topic: string };

/** Leaves out offsets of topics that are not there, and commits the rest. */
async function commit(
  image: Image,
  { offsets }: OffsetsToCommit,
  submit: (known: readonly Known[]) => Promise<readonly OffsetOutcome[]>,
): Promise<readonly OffsetRefusal[]> {
  const refusals = new Map<OffsetToCommit, OffsetRefusal>();
  const known: Known[] = [];
  for (const each of offsets) {
    const topic =
      each.topic === null ? image.topicById(each.topicId ?? "") : image.topic(each.topic);
    if (!topic && each.topic === null) refusals.set(each, "unknown_topic_id");
    else if (!topic?.partitions[each.partition]) refusals.set(each, "unknown_topic_or_partition");
    else known.push({ ...each, topic: topic.name, topicId: topic.id });
  }
  // Also without an offset that could be committed: who asks must be a member.
  const outcomes = await submit(known);
  let next = 0;
  return offsets.map((each) => refusals.get(each) ?? outcomes[next++] ?? null);
}

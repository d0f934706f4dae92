/**
 * The verbs on a group's offsets: commit, in and out of a transaction, fetch, delete.
 *
 * - A commit of more than `OFFSETS_AT_ONCE` goes in several, one after the other, each all or none, with turns for others in
 *   between. Where one of them fails its error is everybody's, though those before it stand: as after an answer that was lost,
 *   the client commits again.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { Image } from "../../cluster/image.ts";
import type { Clock } from "../../lib/clock.ts";
import type { GroupCoordinator } from "../../coordinators/groups/coordinator.ts";
import { OFFSETS_TOPIC } from "../../coordinators/internal-topic.ts";
import type { OffsetOutcome } from "../../coordinators/offsets/state.ts";
import { withWord } from "../../log/transactions/transactional-append.ts";
import type { TransactionVerifier } from "../../log/transactions/verification.ts";
import { fetchOffsets } from "./committed-offsets.ts";
import type { GroupVerbs, OffsetRefusal, OffsetToCommit, OffsetsToCommit } from "./verbs.ts";

/** A step of a group's state machine is not interrupted: of so many offsets it takes a few milliseconds. */
const OFFSETS_AT_ONCE = 2_000;

type OffsetVerbs = Pick<
  GroupVerbs,
  "commitOffsets" | "commitOffsetsIn" | "checkOffsetsIn" | "fetchOffsets" | "deleteOffsets"
>;

export function groupOffsetVerbs(
  driver: GroupCoordinator["driver"],
  image: Image,
  verifier: TransactionVerifier,
  clock: Clock,
): OffsetVerbs {
  return {
    commitOffsets: (_context, request) =>
      commit(clock, image, request, (known) =>
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
      checkGroupId(request.group);
      const { producerId, producerEpoch } = owner;
      const log = await driver.logOf(request.group);
      const batch = { producerId, producerEpoch, baseSequence: -1 };
      return commit(clock, image, request, (known) =>
        withWord(log, OFFSETS_TOPIC, batch, owner, verifier, (guard) =>
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
    checkOffsetsIn: (_context, request) =>
      commit(clock, image, request, (known) =>
        driver.submit<readonly OffsetOutcome[]>(request.group, (ticket) => ({
          type: "transactional-commit",
          transaction: null,
          member: request.member,
          offsets: known,
          ticket,
        })),
      ),
    fetchOffsets: (_context, group, wanted) =>
      fetchOffsets(driver.state(group), group, wanted, image),
    async deleteOffsets(_context, group, partitions) {
      checkGroupId(group);
      const known = partitions.filter(
        ({ topic, partition }) => image.topic(topic)?.partitions[partition] !== undefined,
      );
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

/** Commits outside of transactions take the empty name, too, as in Kafka. Throws Refusal invalid_group_id. */
export function checkGroupId(group: string): void {
  if (group !== "") return;
  throw new Refusal("invalid_group_id", "A group's name has at least one character.");
}

type Known = Omit<OffsetToCommit, "topic"> & { readonly topic: string };

type Submit = (known: readonly Known[]) => Promise<readonly OffsetOutcome[]>;

async function commit(
  clock: Clock,
  image: Image,
  { offsets }: OffsetsToCommit,
  submit: Submit,
): Promise<readonly OffsetRefusal[]> {
  if (offsets.length <= OFFSETS_AT_ONCE) return commitAtOnce(image, offsets, submit);
  const refusals: OffsetRefusal[] = [];
  for (let from = 0; from < offsets.length; from += OFFSETS_AT_ONCE) {
    const some = offsets.slice(from, from + OFFSETS_AT_ONCE);
    refusals.push(...(await commitAtOnce(image, some, submit)));
    await clock.turn();
  }
  return refusals;
}

/** Leaves out offsets of topics that are not there, and commits the rest. */
async function commitAtOnce(
  image: Image,
  offsets: readonly OffsetToCommit[],
  submit: Submit,
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

/**
 * The verbs on consumer groups (KIP-848), over the groups' coordinator.
 *
 * - The feature `group.version` at 0 takes them out of use, as in Kafka: clients turn to classic groups.
 * - A pattern is compiled before the group sees it: what is no pattern is refused with invalid_regular_expression.
 */
import type { Image } from "../../cluster/image.ts";
import {
  type DescribedConsumerGroup,
  describeConsumerGroup,
} from "../../coordinators/consumer/describe.ts";
import {
  checkHeartbeat,
  type ConsumerHeartbeatAnswer,
} from "../../coordinators/consumer/request.ts";
import type { GroupCoordinator } from "../../coordinators/groups/coordinator.ts";
import { topicRegex } from "../../coordinators/consumer/topic-regex.ts";
import { randomUuid, type Random } from "../../lib/random.ts";
import { Refusal } from "../../lib/refusal.ts";
import { checkGroupId } from "./offsets.ts";
import type { ConsumerSays } from "./verbs.ts";
import type { Context } from "../verbs.ts";

export interface ConsumerGroupVerbsOptions {
  readonly groups: GroupCoordinator;
  readonly image: Image;
  readonly random: Random;
}

export function consumerGroupVerbs({ groups, image, random }: ConsumerGroupVerbsOptions) {
  const { driver } = groups;
  return {
    async consumerHeartbeat(
      { clientId, host }: Context,
      group: string,
      { makesId, ...says }: ConsumerSays,
    ): Promise<ConsumerHeartbeatAnswer> {
      checkInUse(image);
      checkHeartbeat(says, group, !makesId);
      // Who leaves may say anything.
      if (says.topicRegex && says.memberEpoch >= 0) await topicRegex(says.topicRegex);
      const request = {
        ...says,
        clientId,
        // Unknown leaves what the member said when it joined.
        clientHost: host === "" ? null : `/${host}`,
        newMemberId: says.memberId === "" ? randomUuid(random) : "",
      };
      return driver.submit<ConsumerHeartbeatAnswer>(group, (ticket) => ({
        type: "consumer-heartbeat",
        request,
        ticket,
      }));
    },
    describeConsumer(_context: Context, group: string): DescribedConsumerGroup {
      checkGroupId(group);
      const state = driver.state(group);
      if (!state) throw new Refusal("group_id_not_found", `Group ${group} not found.`);
      if (state.members.type !== "consumer") {
        throw new Refusal("group_id_not_found", `Group ${group} is not a consumer group.`);
      }
      return describeConsumerGroup(state.members, image);
    },
  };
}

/** A level that nobody has settled yet is the newest. */
function checkInUse({ features }: Image): void {
  if (features.get("group.version") !== 0) return;
  throw new Refusal("unsupported_version", "Consumer groups are not in use: group.version is 0.");
}

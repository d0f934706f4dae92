/**
 * The verbs on groups, over their coordinator.
 *
 * - What is told of a group is what has been synced, never what is under way.
 * - Left out: access rules, until security/ is there.
 */
import type { Image } from "../../cluster/image.ts";
import type {
  ClassicProtocol,
  JoinAnswer,
  LeaveAnswer,
  SyncAnswer,
} from "../../coordinators/classic/state.ts";
import type { GroupCoordinator } from "../../coordinators/groups/coordinator.ts";
import type { Group } from "../../coordinators/groups/group.ts";
import { newMemberId } from "../../coordinators/groups/member-id.ts";
import { protocolTypeOf, stateOf, typeOf } from "../../coordinators/groups/membership.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { TransactionVerifier } from "../../log/transactions/verification.ts";
import { consumerGroupVerbs } from "./consumer-groups.ts";
import { checkGroupId, groupOffsetVerbs } from "./offsets.ts";
import type { ClassicGroupDescription, GroupSummary, GroupVerbs } from "./verbs.ts";

export interface GroupVerbsOptions {
  readonly groups: GroupCoordinator;
  readonly image: Image;
  readonly nodeId: number;
  readonly random: Random;
  readonly verifier: TransactionVerifier;
  readonly clock: Clock;
}

export function groupVerbs(options: GroupVerbsOptions): GroupVerbs {
  const { groups, image, nodeId, verifier, clock } = options;
  const { driver } = groups;
  return {
    ...memberVerbs(options),
    ...groupOffsetVerbs(driver, image, verifier, clock),
    ...consumerGroupVerbs(options),
    async locate(_context, group) {
      await driver.locate(group);
      return nodeId;
    },
    list: () => Array.from(driver.states(), ([id, state]) => summaryOf(id, state)),
    describeClassic: (_context, group) => describeClassic(group, driver.state(group)),
    async delete(_context, group) {
      await driver.submit<"deleted">(group, (ticket) => ({ type: "delete-group", ticket }));
    },
  };
}

type MemberVerbs = Pick<GroupVerbs, "join" | "sync" | "heartbeat" | "leave">;

function memberVerbs({ groups, random }: GroupVerbsOptions): MemberVerbs {
  const { driver } = groups;
  return {
    async join(context, { group, ...join }) {
      checkGroupId(group);
      checkSession(join.sessionTimeoutMs, groups);
      const { clientId, host } = context;
      const request = {
        ...join,
        clientId,
        clientHost: `/${host}`,
        newMemberId: newMemberId(random, clientId, join.instanceId),
        // What is kept must not hold on to the request's frame.
        protocols: join.protocols.map(({ name, metadata }) => ({
          name,
          metadata: metadata.slice(),
        })),
      };
      return driver.submit<JoinAnswer>(group, (ticket) => ({ type: "join", request, ticket }));
    },
    async sync(_context, group, request) {
      checkGroupId(group);
      return driver.submit<SyncAnswer>(group, (ticket) => ({ type: "sync", request, ticket }));
    },
    async heartbeat(_context, group, member) {
      checkGroupId(group);
      try {
        await driver.submit<"heard">(group, (ticket) => ({ type: "heartbeat", member, ticket }));
      } catch (error) {
        // A member is not to blame while its group is read back: its session begins anew afterwards.
        if (!(error instanceof Refusal && error.code === "coordinator_load_in_progress"))
          throw error;
      }
    },
    async leave(_context, group, members) {
      checkGroupId(group);
      return driver.submit<readonly LeaveAnswer[]>(group, (ticket) => ({
        type: "leave",
        members,
        ticket,
      }));
    },
  };
}

function checkSession(sessionTimeoutMs: number, { config }: GroupCoordinator): void {
  const { sessionTimeoutMinMs, sessionTimeoutMaxMs } = config;
  if (sessionTimeoutMs >= sessionTimeoutMinMs && sessionTimeoutMs <= sessionTimeoutMaxMs) return;
  throw new Refusal(
    "invalid_session_timeout",
    `A session lasts ${sessionTimeoutMinMs} to ${sessionTimeoutMaxMs} ms here, not ${sessionTimeoutMs}.`,
    { leastMs: sessionTimeoutMinMs, mostMs: sessionTimeoutMaxMs },
  );
}

function summaryOf(group: string, { members }: Group): GroupSummary {
  return {
    group,
    type: typeOf(members),
    state: stateOf(members),
    protocolType: protocolTypeOf(members),
    members: members.members.size,
  };
}

function describeClassic(group: string, state: Group | null): ClassicGroupDescription {
  if (!state) throw new Refusal("group_id_not_found", `Group ${group} not found.`);
  const { members } = state;
  if (members.type !== "classic") {
    throw new Refusal("group_id_not_found", `Group ${group} is not a classic group.`);
  }
  const isStable = members.state === "Stable";
  return {
    group,
    state: members.state,
    protocolType: members.protocolType ?? "",
    protocol: isStable ? (members.protocol ?? "") : "",
    members: Array.from(members.members.values(), (member) => ({
      memberId: member.id,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: isStable ? metadataOf(member.protocols, members.protocol) : new Uint8Array(),
      assignment: isStable ? member.assignment : new Uint8Array(),
    })),
  };
}

function metadataOf(protocols: readonly ClassicProtocol[], name: string | null): Uint8Array {
  return protocols.find((each) => each.name === name)?.metadata ?? new Uint8Array();
}

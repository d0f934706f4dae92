/**
 * A consumer of a classic group, as clients are: joins, assigns when it leads, syncs, heartbeats, commits what it has read,
 * joins again when it is told to. Its requests take time on the way, and their answers may get lost.
 */
import type { JoinAnswer } from "../../src/coordinators/classic/state.ts";
import { Refusal } from "../../src/lib/refusal.ts";
import type { GroupRun } from "./group-run.ts";
import { GROUP, type PartitionOffset, passing, TOPIC } from "./members-run.ts";
import { somebody } from "./test-node.ts";

export const PARTITIONS = 4;
export const SESSION_MS = 6000;
/** Static members are given time to come back. */
export const STATIC_SESSION_MS = 20_000;
export const REBALANCE_MS = 9000;
const HEARTBEAT_MS = 2000;

const protocol = { name: "range", metadata: subscription(TOPIC) };

export class GroupClient {
  readonly name: string;
  readonly instanceId: string | null;
  over = false;
  owned: readonly number[] = [];
  generation = -1;
  #memberId = "";
  #joining = false;
  readonly #run: GroupRun;
  /** The next offset to read, by partition. */
  readonly #positions = new Map<number, number>();

  constructor(run: GroupRun, name: string, instanceId: string | null) {
    this.#run = run;
    this.name = name;
    this.instanceId = instanceId;
  }

  start(): void {
    this.#run.watch(this.#live());
  }

  /** The process is gone without a word. */
  crash(): void {
    this.over = true;
    this.#run.note(`${this.name} crashes`);
  }

  async leave(): Promise<void> {
    this.over = true;
    this.#run.note(`${this.name} leaves`);
    const member = { memberId: this.#memberId, instanceId: null, reason: "done" };
    await this.#run.call(() => this.#run.groups.leave(somebody, GROUP, [member])).catch(ignored);
  }

  async #live(): Promise<void> {
    while (!this.over) {
      try {
        if (this.generation < 0 || this.#joining) await this.#join();
        else await this.#work();
      } catch (error) {
        await this.#fail(error);
      }
    }
  }

  async #fail(error: unknown): Promise<void> {
    if (!(error instanceof Refusal)) throw error;
    if (this.over) return;
    const { code } = error;
    if (passing.has(code)) return this.#run.pause(200);
    if (code === "member_id_required") this.#memberId = String(error.facts["memberId"]);
    else if (code === "fenced_instance_id") this.over = true;
    else if (code === "rebalance_in_progress") this.#joining = true;
    else if (code === "illegal_generation") this.#reset();
    else if (code === "unknown_member_id") {
      this.#memberId = "";
      this.#reset();
    } else throw error;
  }

  #reset(): void {
    this.generation = -1;
    this.owned = [];
    this.#joining = true;
  }

  async #join(): Promise<void> {
    this.owned = [];
    const join = {
      group: GROUP,
      memberId: this.#memberId,
      instanceId: this.instanceId,
      protocolType: "consumer",
      protocols: [protocol],
      sessionTimeoutMs: this.instanceId === null ? SESSION_MS : STATIC_SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      memberIdRequired: this.instanceId === null,
      canSkipAssignment: true,
    };
    const joined = await this.#run.call(() => this.#run.groups.join(somebody, join));
    if (this.over) return;
    this.#memberId = joined.memberId;
    await this.#sync(joined);
  }

  async #sync(joined: JoinAnswer): Promise<void> {
    const { memberId, generation } = joined;
    const lead = joined.leader === memberId && !joined.skipAssignment;
    const request = {
      memberId,
      generation,
      instanceId: this.instanceId,
      protocolType: "consumer",
      protocol: joined.protocol,
      assignments: lead ? assign(joined.members) : new Map<string, Uint8Array>(),
    };
    const { assignment } = await this.#run.call(() =>
      this.#run.groups.sync(somebody, GROUP, request),
    );
    if (this.over) return;
    const owned = [...assignment];
    this.#run.assigned(this, generation, owned);
    const positions = await this.#run.call(() => Promise.resolve(this.#run.committed()));
    if (this.over) return;
    for (const partition of owned) this.#positions.set(partition, positions.get(partition) ?? 0);
    this.owned = owned;
    this.generation = generation;
    this.#joining = false;
  }

  async #work(): Promise<void> {
    // At times a process stands still, and goes on as if nothing had happened.
    const stalls = !this.#run.isPeace && this.#run.chance(0.03);
    await this.#run.pause(stalls ? 15_000 : HEARTBEAT_MS);
    if (this.over) return;
    const member = {
      memberId: this.#memberId,
      instanceId: this.instanceId,
      generation: this.generation,
    };
    if (this.owned.length > 0 && this.#run.chance(0.7))
      await this.#run.commit(member, this.#read());
    await this.#run.call(() => this.#run.groups.heartbeat(somebody, GROUP, member));
  }

  #read(): PartitionOffset[] {
    return this.owned.map((partition) => {
      const offset = (this.#positions.get(partition) ?? 0) + 1 + Math.floor(this.#run.random() * 5);
      // What was read is read, whatever becomes of the commit.
      this.#positions.set(partition, offset);
      this.#run.attempted({ partition, offset });
      return { partition, offset };
    });
  }
}

/** Partitions in turns over the members; an assignment is a byte a partition. */
function assign(members: JoinAnswer["members"]): Map<string, Uint8Array> {
  const ids = members.map(({ memberId }) => memberId).toSorted();
  return new Map(
    ids.map((id, at) => [
      id,
      Uint8Array.from(
        Array.from({ length: PARTITIONS }, (_, index) => index).filter(
          (index) => index % ids.length === at,
        ),
      ),
    ]),
  );
}

function subscription(topic: string): Uint8Array {
  const name = new TextEncoder().encode(topic);
  const bytes = new Uint8Array(12 + name.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(2, 1);
  view.setInt16(6, name.length);
  bytes.set(name, 8);
  return bytes;
}

function ignored(): void {}

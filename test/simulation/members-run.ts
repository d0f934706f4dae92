/**
 * A run whose clients are members of one group: each has a place that another takes once it is over, all read one topic, and
 * what they commit is held against what the group tells.
 *
 * - A commit that was kept is never undone; what is told is never less than it, or more than what anybody tried.
 */
import type { GroupVerbs } from "../../src/broker/groups/verbs.ts";
import { Violation } from "./ledger.ts";
import { Run } from "./run.ts";
import { somebody, type TestNode } from "./test-node.ts";

export const GROUP = "g";
export const TOPIC = "t";
export const CLIENTS = 4;
const STEP_MS = 700;

/** What members try again after a while. */
export const passing: ReadonlySet<string> = new Set([
  "coordinator_load_in_progress",
  "coordinator_not_available",
  "request_timed_out",
]);

interface Client {
  readonly name: string;
  /** Ended: crashed or left; another one takes its place. */
  readonly over: boolean;
  start(): void;
  crash(): void;
  leave(): Promise<void>;
}

export interface PartitionOffset {
  readonly partition: number;
  readonly offset: number;
}

export abstract class MembersRun<Member extends Client> extends Run {
  partitions = 0;
  topicId = "";
  protected commits = 0;
  protected readonly clients: Member[] = [];
  readonly #kept = new Map<number, number>();
  readonly #attempted = new Map<number, number>();
  #names = 0;

  get groups(): GroupVerbs {
    return this.broker.groups;
  }

  attempted({ partition, offset }: PartitionOffset): void {
    this.#attempted.set(partition, Math.max(offset, this.#attempted.get(partition) ?? 0));
  }

  kept({ partition, offset }: PartitionOffset): void {
    const before = this.#kept.get(partition) ?? 0;
    if (offset < before) {
      throw new Violation(`partition ${partition} goes back from ${before} to ${offset}`);
    }
    this.commits += 1;
    this.#kept.set(partition, offset);
  }

  /** What the group has committed. @throws Refusal while the coordinator loads. */
  committed(): Map<number, number> {
    const partitions = Array.from({ length: this.partitions }, (_, index) => index);
    const fetched = this.groups.fetchOffsets(somebody, GROUP, {
      topics: [{ topic: TOPIC, topicId: null, partitions }],
      requireStable: true,
      memberId: null,
      memberEpoch: -1,
    });
    const found = new Map<number, number>();
    for (const { partition, offset } of fetched.topics[0]?.partitions ?? []) {
      const least = this.#kept.get(partition) ?? -1;
      const most = this.#attempted.get(partition) ?? -1;
      if (offset < least || offset > most) {
        throw new Violation(
          `partition ${partition} is told at ${offset}, kept at ${least}, tried to ${most}`,
        );
      }
      if (offset >= 0) found.set(partition, offset);
    }
    return found;
  }

  /** A member's commit of what it has read. */
  commit(
    member: { memberId: string; instanceId: string | null; generation: number },
    offsets: readonly PartitionOffset[],
  ): Promise<void> {
    return this.call(async () => {
      const outcomes = await this.groups.commitOffsets(somebody, {
        group: GROUP,
        member,
        offsets: offsets.map((each) => ({
          ...each,
          topic: TOPIC,
          topicId: null,
          leaderEpoch: -1,
          metadata: "",
        })),
        knowsMemberEpochs: true,
        retentionMs: null,
      });
      if (outcomes.some((outcome) => outcome !== null)) throw new Error("every offset fits");
      // Known to be kept, whether or not the client hears of it.
      for (const each of offsets) this.kept(each);
    });
  }

  /** The client that comes at a place, the `number`th of the run. */
  protected abstract newClient(at: number, number: number): Member;

  /** Looks whether all is as it must be now. */
  abstract check(): void;

  /** Clients come and go, the disk and the node fail: `steps` times. */
  protected async live(steps: number): Promise<void> {
    await this.start();
    for (let at = 0; at < CLIENTS; at += 1) this.#come(at);
    for (let step = 0; step < steps; step += 1) {
      await this.step(this.random());
      this.refill();
      await this.clock.advance(Math.floor(this.random() * STEP_MS));
      this.check();
    }
  }

  /** What goes wrong in a step, if anything does. */
  protected async step(dice: number): Promise<void> {
    const client = this.clients[Math.floor(this.random() * this.clients.length)];
    if (dice < 0.06) client?.crash();
    else if (dice < 0.11 && client) this.watch(client.leave());
    else if (dice < 0.14) this.disk.full = !this.disk.full;
    else if (dice < 0.17) await this.restart();
  }

  /** Places that are free are taken again: some of them, all of them in peace. */
  protected refill(): void {
    for (const [at, { over }] of this.clients.entries()) {
      if (over && (this.isPeace || this.chance(0.3))) this.#come(at);
    }
  }

  #come(at: number): void {
    this.#names += 1;
    const client = this.newClient(at, this.#names);
    this.clients[at] = client;
    this.note(`${client.name} comes at place ${at}`);
    client.start();
  }

  protected async prepare({ broker }: TestNode): Promise<void> {
    const { partitions } = this;
    const topic = { name: TOPIC, partitions, replicationFactor: 1, configs: {} };
    this.topicId = (await this.until(broker.createTopic(somebody, topic))).id;
  }
}

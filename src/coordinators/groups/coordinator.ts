/**
 * The coordinator of groups as the node runs it: the driver over `groups.ts`, with what comes by itself.
 *
 * - Every `offsets.retention.check.interval.ms` each group is asked for offsets that have expired; when topics are deleted, for
 *   those of theirs. What a restart interrupted the next sweep makes good, since offsets remember their topic's id.
 */
import type { Controller } from "../../cluster/controller.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import type { Deadlines } from "../../lib/deadlines.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Random } from "../../lib/random.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Logs } from "../../log/logs.ts";
import type { Partition } from "../../log/partition.ts";
import { regexMatcher } from "../consumer/effects.ts";
import { Coordinator } from "../coordinator.ts";
import type { Group, GroupConfig, GroupEffect, GroupEnv, GroupInput } from "./group.ts";
import { groupCore } from "./groups.ts";
import type { CoordinatorLimits } from "../limits.ts";
import { compactedState, type InternalTopic, OFFSETS_TOPIC } from "../internal-topic.ts";

/** Groups looked at before other work gets its turn. */
const SWEEP_SLICE = 500;

export interface GroupCoordinatorOptions {
  readonly config: GroupConfig;
  readonly limits?: CoordinatorLimits;
  readonly controller: Controller;
  readonly logs: Logs<Partition>;
  readonly random: Random;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
}

export class GroupCoordinator {
  readonly driver: Coordinator<Group, GroupInput, GroupEnv, GroupEffect>;
  readonly config: GroupConfig;
  readonly #options: GroupCoordinatorOptions;
  #timer: Timer | null = null;
  #closed = false;

  constructor(options: GroupCoordinatorOptions) {
    const { config, controller, clock } = options;
    this.#options = options;
    this.config = config;
    this.driver = new Coordinator({
      ...options,
      topic: offsetsTopic(config),
      core: groupCore,
      env: () => ({ nowMs: clock.nowMs(), config, image: controller.image }),
      perform: regexMatcher({
        image: controller.image,
        clock,
        post: (groupId, input) => this.#closed || this.driver.post(groupId, input),
      }),
    });
    controller.onEffects((effects) => {
      const topics = new Set<string>();
      for (const effect of effects) {
        if (effect.type === "topic-removed") topics.add(effect.topic.name);
      }
      if (topics.size > 0) void this.#tell({ type: "topics-deleted", topics });
    });
  }

  /** Reads every group back and begins to look for what has expired. */
  start(): void {
    this.driver.loadAll();
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.driver.close();
  }

  #schedule(): void {
    const { clock, config } = this.#options;
    this.#timer = clock.after(config.offsetsCheckMs, () => {
      void this.#tell({ type: "sweep" }).then(() => {
        if (!this.#closed) this.#schedule();
      });
    });
  }

  /** Posts an input to every group, in slices; groups that are being loaded are left to the next sweep. */
  async #tell(input: GroupInput): Promise<void> {
    let told = 0;
    for (const id of this.#ids()) {
      if (this.#closed) return;
      this.driver.post(id, input);
      told += 1;
      if (told % SWEEP_SLICE === 0) await this.#options.clock.turn();
    }
  }

  #ids(): string[] {
    try {
      return Array.from(this.driver.states(), ([id]) => id);
    } catch (error) {
      if (error instanceof Refusal) return [];
      throw error;
    }
  }
}

function offsetsTopic({ offsetsPartitions }: GroupConfig): InternalTopic {
  return {
    name: OFFSETS_TOPIC,
    partitions: offsetsPartitions,
    // A large group's record must fit: assignments and subscriptions of all members are in it.
    configs: { ...compactedState, "max.message.bytes": String(7 * 1024 * 1024) },
  };
}

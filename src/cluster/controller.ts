/**
 * The controller: decides, commits and applies metadata commands, one submission at a time.
 *
 * - Save, then apply, then answer: a submission resolves once its commands are synced in the metadata store and applied
 *   to the image. All commands of a submission stand or fall together.
 * - Decisions are made by a function of the image at the submission's own turn, so that two that collide cannot both pass.
 * - When the store cannot say whether it kept the commands, they are looked up before anything else is decided; until
 *   that works, every submission fails and the image stays as it was.
 * - A snapshot is taken when as many commands have passed since the last one as it has objects, so that its cost a command
 *   is bounded and so is the replay at start.
 * - A start registers this incarnation. On a full disk the registration waits for the next submission that has something to
 *   commit, and goes before it in the same append: what else a start does is reading.
 * - With one node a command commits at once. Left out: the Raft core that comes underneath, and `not_controller`, which
 *   it brings.
 */
import { Sequence } from "../lib/async.ts";
import type { Logger } from "../lib/logger.ts";
import { randomUuid, type Random } from "../lib/random.ts";
import type { MetadataEntry, MetadataStore, NodeIdentity } from "../storage/metadata-store.ts";
import { StorageFault } from "../storage/storage.ts";
import type { Command } from "./commands.ts";
import { Image, type Effect } from "./image.ts";
import { applyEntries, imageOf, type LoadedImage, objectsIn } from "./loaded-image.ts";
import { snapshotText } from "./snapshot-text.ts";

/** Fewer commands than this are never worth a snapshot. */
const SNAPSHOT_COMMANDS_MIN = 1_000;

/** Commands that are made text of before others get their turn: a few milliseconds. */
const COMMANDS_PER_TURN = 1_000;

/** The one node of a cluster of one. */
const FIRST_NODE_ID = 1;

export interface Submitted {
  /** The index of the last command, or of the image where nothing had to be done. */
  readonly index: number;
}

/** Told after each submission what it did, in order; must not throw. */
export type EffectsListener = (effects: readonly Effect[]) => void;

interface ControllerOptions {
  readonly store: MetadataStore;
  readonly random: Random;
  readonly logger: Logger;
  readonly snapshotCommandsMin?: number;
  /** Called with what was read, before anything is written; throws where the start must not go on. */
  readonly check?: (image: Image, removed: ReadonlySet<string>) => void;
  /** Lets others go on in the midst of very many commands, and of a long snapshot. */
  readonly turn?: () => Promise<void>;
}

export class Controller {
  readonly identity: NodeIdentity;
  /** Changed in place, by this controller alone. */
  readonly image: Image;
  readonly #options: ControllerOptions;
  readonly #submissions = new Sequence();
  readonly #listeners: EffectsListener[] = [];
  readonly #epoch: number;
  /** The index from which on a snapshot is worth its cost. */
  #snapshotDue: number;
  /** True while the store may hold commands that the image does not. */
  #unsettled = false;
  /** What the start had no room for, to go before whatever is committed next. */
  #owed: readonly Command[] = [];
  /** A snapshot forgets which topics were removed; some may need to know. Nobody may while the start is under way. */
  #mustRemember: () => boolean = () => true;

  private constructor(identity: NodeIdentity, loaded: LoadedImage, options: ControllerOptions) {
    this.identity = identity;
    this.image = loaded.image;
    // What has no checksum is soon told anew, with one.
    this.#snapshotDue = loaded.isUnchecked
      ? 0
      : loaded.snapshotIndex + commandsBetween(loaded.snapshotObjects, options);
    // Raft begins a new epoch with every election; so does a node that elects itself.
    this.#epoch = loaded.epoch + 1;
    this.#options = options;
  }

  /**
   * Reads what the store holds, gives the node its identity on the first start, and registers this incarnation.
   * Rejects with StorageFault; a full disk is none where the node has been registered before.
   */
  static async open(options: ControllerOptions): Promise<Controller> {
    const identity = await loadIdentity(options);
    const loaded = await imageOf(await options.store.load());
    options.check?.(loaded.image, loaded.removed);
    const controller = new Controller(identity, loaded, options);
    const incarnationId = randomUuid(options.random);
    await controller.#register({
      type: "register-broker",
      version: 0,
      nodeId: identity.nodeId,
      incarnationId,
    });
    controller.#mustRemember = () => false;
    return controller;
  }

  get nodeId(): number {
    return this.identity.nodeId;
  }

  /** Begun anew with every start. */
  get epoch(): number {
    return this.#epoch;
  }

  /** No snapshot is taken while `isHeld`: a start after a kill must still find which topics were removed. */
  holdSnapshots(isHeld: () => boolean): void {
    const before = this.#mustRemember;
    this.#mustRemember = () => before() || isHeld();
  }

  /** Tells `listener` of what every later submission did. */
  onEffects(listener: EffectsListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Commits what `decide` gives for the image as it is when its turn comes; no commands: nothing to do.
   * Rejects with what `decide` throws, and with StorageFault; of `unknown` outcome the commands may stand all the same.
   */
  submit(decide: (image: Image) => readonly Command[]): Promise<Submitted> {
    return this.#submissions.run(async () => {
      if (this.#unsettled) await this.#settle();
      const commands = decide(this.image);
      if (commands.length > 0) await this.#commit([...this.#owed, ...commands]);
      return { index: this.image.index };
    });
  }

  async #register(command: Command & { readonly type: "register-broker" }): Promise<void> {
    try {
      await this.submit(() => [command]);
    } catch (error) {
      const known = this.image.brokers.has(command.nodeId);
      if (!known || !(error instanceof StorageFault) || error.kind !== "full") throw error;
      this.#owed = [command];
      this.#options.logger.warn("the disk is full: this start is registered once there is room");
    }
  }

  async #commit(commands: readonly Command[]): Promise<void> {
    const first = this.image.index + 1;
    const entries: MetadataEntry[] = [];
    for (const command of commands) {
      const index = first + entries.length;
      entries.push({ index, epoch: this.#epoch, command: JSON.stringify(command) });
      if (entries.length % COMMANDS_PER_TURN === 0) await this.#options.turn?.();
    }
    try {
      await this.#options.store.append(entries);
    } catch (error) {
      if (!(error instanceof StorageFault) || error.outcome !== "unknown") throw error;
      this.#unsettled = true;
      const kept = await this.#settle().catch((failure: unknown) => {
        if (failure instanceof StorageFault) return false; // The next submission asks again.
        throw failure;
      });
      if (!kept) throw error;
      return;
    }
    this.#apply(entries);
    await this.#maybeSnapshot();
  }

  /** Applies what the store kept of an append of unknown outcome; true when it was kept. */
  async #settle(): Promise<boolean> {
    const { entries } = await this.#options.store.load();
    const missed = entries.filter((entry) => entry.index > this.image.index);
    this.#unsettled = false;
    this.#apply(missed);
    return missed.length > 0;
  }

  #apply(entries: readonly MetadataEntry[]): void {
    if (entries.length > 0) this.#owed = [];
    const effects = applyEntries(this.image, entries);
    if (effects.length === 0) return;
    for (const listener of this.#listeners) listener(effects);
  }

  async #maybeSnapshot(): Promise<void> {
    const { image } = this;
    if (image.index < this.#snapshotDue || this.#mustRemember()) return;
    try {
      await this.#options.store.saveSnapshot({
        index: image.index,
        epoch: this.#epoch,
        image: await snapshotText(image.snapshot(), this.#options.turn ?? (async () => {})),
      });
      this.#snapshotDue = image.index + commandsBetween(objectsIn(image), this.#options);
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error;
      // The commands stand without it; the next submission tries again.
      this.#options.logger.warn("could not save a metadata snapshot", { error });
    }
  }
}

async function loadIdentity({ store, random, logger }: ControllerOptions): Promise<NodeIdentity> {
  const known = await store.identity();
  if (known) return known;
  const identity = {
    clusterId: randomUuid(random),
    nodeId: FIRST_NODE_ID,
    directoryId: randomUuid(random),
  };
  await store.saveIdentity(identity);
  logger.info("made a new cluster of one node", { ...identity });
  return identity;
}

function commandsBetween(objects: number, { snapshotCommandsMin }: ControllerOptions): number {
  return Math.max(snapshotCommandsMin ?? SNAPSHOT_COMMANDS_MIN, objects);
}

/**
 * A group of consumers as one handle: join, poll, commit and leave by themselves behind an async iteration.
 *
 * - A record is committed once the program has come back for what follows it; a program that stops in between, or fails, gets
 *   its last record again, here or in another member.
 * - An answer that was lost is asked for again and loses no record. A member that was thought dead joins again by itself,
 *   after a pause that grows while that does not help.
 * - Two clients under one member's name: the newer has it, and the older ends with `fenced_instance_id`.
 * - A topic that is not there is told (`onUnknownTopics`) and read once it is.
 * - Kafka consumers may be members of the same group.
 */
import { KedgeError } from "./errors.ts";
import type { Isolation } from "./fetch.ts";
import {
  decodeRecord,
  isRecord,
  placeChecks,
  type Codec,
  type LogRecord,
  type WireRecord,
} from "./records.ts";
import { Idling, randomKey } from "./retry.ts";
import { isText, isWhole, listOf, maybe, membersOf, orNull } from "./shape.ts";
import { sending, type Call, type Transport } from "./transport.ts";

/** The next offset to be read of one partition. */
export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** What was committed; null where nothing was. */
  readonly offset: number | null;
  readonly end: number;
  readonly lag: number;
  readonly memberId: string | null;
}

/** The partitions of one topic that a member has. */
export interface Assigned {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface GroupOptions {
  /** What to read; or `topicRegex`. */
  readonly topics?: readonly string[] | undefined;
  /** Topics by pattern, in RE2's syntax, those to come as well. */
  readonly topicRegex?: string | undefined;
  /**
   * The member's id; made up if not said. A member with a name keeps its place for `sessionMs` after it stopped. Whoever joins
   * by it last has it.
   */
  readonly member?: string | undefined;
  /** Where to begin where the group has committed nothing: `earliest` if not said. */
  readonly reset?: "earliest" | "latest" | "none" | undefined;
  /** How long the member may be silent: 45 s. What the program does with one page has to fit. */
  readonly sessionMs?: number | undefined;
  /** `uniform` or `range`. */
  readonly assignor?: string | undefined;
  readonly isolation?: Isolation | undefined;
  readonly recordsMax?: number | undefined;
  readonly bytesMax?: number | undefined;
  /** Called with each new assignment. */
  readonly onAssigned?: ((assigned: readonly Assigned[]) => void) | undefined;
  /**
   * Called with those of `topics` that are not there, misspelt or still to be made, and again whenever that changes; with none
   * once all are there. They are read from as soon as they exist.
   */
  readonly onUnknownTopics?: ((topics: readonly string[]) => void) | undefined;
}

/** What a join and a poll say alike; `unknown_topics` is left out where there are none. */
interface WireSeat {
  readonly member_epoch: number;
  readonly unknown_topics?: readonly string[];
}

interface WireJoined extends WireSeat {
  readonly assignment: readonly Assigned[];
}

interface WirePolled extends WireSeat {
  readonly assignment: readonly Assigned[] | null;
  readonly records: readonly WireRecord[];
  readonly next: readonly GroupOffset[];
}

interface WireLag {
  readonly lag: number;
  readonly partitions: readonly (Omit<PartitionLag, "memberId"> & {
    readonly member_id: string | null;
  })[];
}

const isOffset = membersOf<GroupOffset>(placeChecks);
const isOffsets = membersOf({ offsets: listOf(isOffset) });
const seatChecks = { member_epoch: isWhole, unknown_topics: maybe(listOf(isText)) };
const isAssignment = listOf(membersOf<Assigned>({ topic: isText, partitions: listOf(isWhole) }));
const isJoined = membersOf<WireJoined>({ ...seatChecks, assignment: isAssignment });

const isPolled = membersOf<WirePolled>({
  ...seatChecks,
  assignment: orNull(isAssignment),
  records: listOf(isRecord),
  next: listOf(isOffset),
});

const isLag = membersOf<WireLag>({
  lag: isWhole,
  partitions: listOf(
    membersOf({
      ...placeChecks,
      offset: orNull(isWhole),
      end: isWhole,
      lag: isWhole,
      member_id: orNull(isText),
    }),
  ),
});

/** How long one poll waits for records. */
const WAIT_MS = 20_000;

/**
 * @example
 * ```ts
 * const billing = kedge.group("billing", { topics: ["orders"], format: "text" });
 * for await (const { topic, offset, value } of billing.records()) {
 *   console.log(topic, offset, value);
 *   break; // Leaves the group; this record comes again.
 * }
 * ```
 */
export class Group<Value, Key> {
  readonly name: string;
  readonly #transport: Transport;
  readonly #codec: Omit<Codec, "topic">;
  readonly #options: GroupOptions;

  /** Made by `Kedge.group`. */
  constructor(
    transport: Transport,
    name: string,
    codec: Omit<Codec, "topic">,
    options: GroupOptions,
  ) {
    this.name = name;
    this.#transport = transport;
    this.#codec = codec;
    this.#options = options;
  }

  /**
   * The group's records as they come to this member, for ever: joins, polls, commits, and leaves at the end. What came before
   * the record at which the program stops is committed.
   *
   * @throws KedgeError, `fenced_instance_id` where another client took over the member's name. SchemaError for a record that does
   *   not fit (it is not committed).
   */
  async *records(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<LogRecord<Value, Key>, void, void> {
    const member = new Member(this.#transport, this.name, this.#options, options.signal);
    await member.join();
    try {
      for (;;) {
        for (const wire of await member.poll()) {
          const record = decodeRecord(wire, { ...this.#codec, topic: wire.topic });
          // What the codec gives is what the handle's types say.
          yield (await record) as LogRecord<Value, Key>;
          member.done(wire);
        }
        member.doneAll();
      }
    } catch (error) {
      if (!options.signal?.aborted) throw error;
    } finally {
      await member.leave();
    }
  }

  /** What the group has committed. @throws KedgeError `group_id_not_found` where there is no such group. */
  async offsets(): Promise<readonly GroupOffset[]> {
    const { offsets } = await this.#transport.json(this.#get("offsets"), isOffsets);
    return offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
  }

  /** How far the group is behind, in offsets: in all and by partition. @throws KedgeError `group_id_not_found`. */
  async lag(): Promise<{ readonly lag: number; readonly partitions: readonly PartitionLag[] }> {
    const { lag, partitions } = await this.#transport.json(this.#get("lag"), isLag);
    return {
      lag,
      partitions: partitions.map(({ member_id: memberId, ...each }) => ({ ...each, memberId })),
    };
  }

  /** Sets where a group without members goes on. @throws KedgeError `non_empty_group` while it has some. */
  async reset(offsets: readonly GroupOffset[]): Promise<void> {
    const path = ["v1", "groups", this.name, "offsets"];
    await this.#transport.done(sending("POST", path, { offsets }));
  }

  /** Deletes the group and what it committed. @throws KedgeError `non_empty_group` while it has members. */
  async delete(): Promise<void> {
    const path = ["v1", "groups", this.name];
    await this.#transport.done({ method: "DELETE", path, repeatable: true });
  }

  #get(what: string): Call {
    return { method: "GET", path: ["v1", "groups", this.name, what], repeatable: true };
  }
}

/** One membership, from joining to leaving. */
class Member {
  readonly #transport: Transport;
  readonly #options: GroupOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #id: string;
  readonly #path: readonly string[];
  readonly #group: string;
  /** Tells this program from another that joins by the same name. */
  readonly #incarnation = randomKey();
  #epoch = 0;
  #polls = 0;
  #polled = "";
  readonly #idling: Idling;
  /** What the program is done with and the group does not know of yet, by partition. */
  #done = new Map<string, GroupOffset>();
  #next: readonly GroupOffset[] = [];
  /** What the program was told last. */
  #unknownTopics: readonly string[] = [];

  constructor(
    transport: Transport,
    group: string,
    options: GroupOptions,
    signal: AbortSignal | undefined,
  ) {
    this.#transport = transport;
    this.#idling = new Idling(transport.retry);
    this.#options = options;
    this.#signal = signal;
    this.#group = group;
    this.#id = options.member ?? `client-${crypto.randomUUID()}`;
    this.#path = ["v1", "groups", group, "members", this.#id];
  }

  /** Goes on from what was committed; what was done since and not committed comes again. */
  async join(): Promise<void> {
    const { topics, topicRegex, reset, sessionMs, assignor } = this.#options;
    const terms = { topics, topic_regex: topicRegex, reset, session_ms: sessionMs, assignor };
    const body = { ...terms, incarnation: this.#incarnation };
    const call = { ...sending("PUT", this.#path, body), signal: this.#signal };
    const joined = await this.#transport.json(call, isJoined);
    this.#seated(joined);
    this.#next = [];
    this.#options.onAssigned?.(joined.assignment);
  }

  async poll(): Promise<readonly WireRecord[]> {
    const { isolation, recordsMax, bytesMax } = this.#options;
    this.#polls += 1;
    const body = {
      member_epoch: this.#epoch,
      incarnation: this.#incarnation,
      poll_id: `${this.#id} ${this.#polls}`,
      commit: [...this.#done.values()],
      wait_ms: WAIT_MS,
      isolation,
      max_records: recordsMax,
      max_bytes: bytesMax,
    };
    try {
      const call = { ...sending("POST", [...this.#path, "poll"], body), signal: this.#signal };
      const askedAt = performance.now();
      const polled = await this.#transport.json({ ...call, waitMs: WAIT_MS }, isPolled);
      const isEarly = performance.now() - askedAt < WAIT_MS;
      this.#seated(polled);
      this.#next = polled.next;
      if (polled.assignment) this.#options.onAssigned?.(polled.assignment);
      await this.#idling.rest(isEarly && !this.#moved(polled), this.#signal);
      return polled.records;
    } catch (error) {
      // What was done is no longer this client's to commit.
      if (isTakenOver(error)) this.#done = new Map();
      if (!isFenced(error)) throw error;
      await this.#idling.rest(true, this.#signal);
      await this.join();
      return [];
    }
  }

  /** Whether a poll brought anything that the one before did not. */
  #moved({ member_epoch, assignment, records, next }: WirePolled): boolean {
    const told = this.#polled;
    this.#polled = JSON.stringify([member_epoch, assignment, next]);
    return records.length > 0 || this.#polled !== told;
  }

  /** What was done before is committed, or comes again. */
  #seated({ member_epoch: epoch, unknown_topics: unknown = [] }: WireSeat): void {
    this.#epoch = epoch;
    this.#done = new Map();
    const told = this.#unknownTopics;
    this.#unknownTopics = unknown;
    if (JSON.stringify(unknown) !== JSON.stringify(told)) this.#options.onUnknownTopics?.(unknown);
  }

  done({ topic, partition, offset }: WireRecord): void {
    this.#done.set(`${partition} ${topic}`, { topic, partition, offset: offset + 1 });
  }

  /** A page may end behind its last record, where offsets hold none. */
  doneAll(): void {
    for (const each of this.#next) this.#done.set(`${each.partition} ${each.topic}`, each);
  }

  /** Commits what was done, and leaves unless the member has a name to come back by. Failing here is no news to anybody. */
  async leave(): Promise<void> {
    const offsets = [...this.#done.values()];
    try {
      if (offsets.length > 0) {
        const body = { member_id: this.#id, member_epoch: this.#epoch, offsets };
        const path = ["v1", "groups", this.#group, "offsets"];
        await this.#transport.done(sending("POST", path, body));
      }
      if (this.#options.member === undefined) {
        await this.#transport.done({ method: "DELETE", path: this.#path, repeatable: true });
      }
    } catch (error) {
      if (!(error instanceof KedgeError)) throw error;
    }
  }
}

function isTakenOver(error: unknown): boolean {
  return error instanceof KedgeError && error.code === "fenced_instance_id";
}

function isFenced(error: unknown): boolean {
  const codes = [
    "fenced_member_epoch",
    "stale_member_epoch",
    "unknown_member_id",
    "group_id_not_found",
  ];
  return error instanceof KedgeError && codes.includes(error.code);
}

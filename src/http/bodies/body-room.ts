/**
 * Room for request bodies under way, over all connections of a door: what is read of large ones is bounded together.
 *
 * - A body, or a line of an upload, up to `BODY_FREE_BYTES` waits for nobody and costs nothing here. A larger one claims all
 *   that it may become before it is read on; until then its connection is not read, so that TCP stops its client.
 * - Who finds no room within `bodyWaitMs` is refused; at once, where those who wait hold as much again of what they have sent.
 * - Nobody keeps room for ever: after `requestMs` its reading is cut off, and while others wait so is who falls `bodySlowMs`
 *   behind a slow line. Bytes earn time: a client that sends at `PACE_BYTES_PER_MS` is never pressed.
 * - Large lines are parsed one at a time, with turns for others in between.
 * - Left out: small bodies, of which each connection has one at most.
 */
import { Lanes, type Pause, turnBetween } from "../../lib/async.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import { type Holder, Room, within } from "../../lib/room.ts";
import { HttpRefusal } from "../answers/problem.ts";
import type { Asker } from "../answers/untaken.ts";
import type { HttpLimits } from "../limits.ts";

/** What each request may hold of its body without asking. */
export const BODY_FREE_BYTES = 64 * 1024;

/** Uploads of lines in zstd at a time: for as long as one is open, its decoder keeps a window of up to 8 MiB. */
const ZSTD_UPLOADS_MAX = 32;

/** What a slow line brings: 64 KB a second. */
const PACE_BYTES_PER_MS = 64;

/** What it costs to look a byte of JSON through and to parse it, in nanoseconds. */
const PARSE_COST_PER_BYTE = 15;

export class BodyRoom {
  readonly #clock: Clock;
  readonly #limits: HttpLimits;
  readonly #room: Room;
  readonly #parsing = new Lanes(1);
  readonly #pause: Pause;
  /** What has arrived of bodies that wait for room. */
  #heldWaiting = 0;
  #zstdUploads = 0;

  constructor(clock: Clock, limits: HttpLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#room = new Room(clock, limits.bodiesBytesMax, limits.bodySlowMs);
    this.#pause = turnBetween(clock);
  }

  /** Bytes that bodies under way have claimed. */
  get bytes(): number {
    return this.#room.bytes;
  }

  /**
   * Room for so many bytes of a body, to be given back, of which `heldBytes` are there already; `cut` ends its reading where it
   * takes too long.
   * @throws HttpRefusal too_many_bodies after `bodyWaitMs`, where those who wait hold too much, or when the client left.
   */
  async claim(bytes: number, asker: Asker, cut: () => void, heldBytes = 0): Promise<BodyClaim> {
    if (!this.#room.take(bytes)) await this.#waitHolding(heldBytes, bytes, asker);
    return new BodyClaim(bytes, this.#room, this.#clock, this.#limits.requestMs, cut);
  }

  /** Room for the decoder of an upload in zstd, until what it gives is called. @throws HttpRefusal too_many_bodies */
  enterZstd(): () => void {
    if (this.#zstdUploads >= ZSTD_UPLOADS_MAX) throw tooMany();
    this.#zstdUploads += 1;
    let isOpen = true;
    return () => {
      if (isOpen) this.#zstdUploads -= 1;
      isOpen = false;
    };
  }

  /** What `parse` makes of a large text of so many bytes, once those before it were parsed and others had their turn. */
  parse<T>(bytes: number, parse: () => T): Promise<T> {
    return this.#parsing.run(async () => {
      try {
        return parse();
      } finally {
        await this.#pause(bytes * PARSE_COST_PER_BYTE);
      }
    });
  }

  async #waitHolding(heldBytes: number, bytes: number, asker: Asker): Promise<void> {
    if (this.#heldWaiting + heldBytes > this.#limits.bodiesBytesMax) throw tooMany();
    this.#heldWaiting += heldBytes;
    try {
      await this.#wait(bytes, asker);
    } finally {
      this.#heldWaiting -= heldBytes;
    }
  }

  async #wait(bytes: number, { request, connection }: Asker): Promise<void> {
    connection?.hold(); // A connection that is not read looks idle.
    const place = this.#room.enter(bytes);
    if (await within(this.#clock, place, this.#limits.bodyWaitMs, request.signal)) return;
    place.leave();
    if (await place.taken) return;
    throw tooMany();
  }
}

function tooMany(): HttpRefusal {
  return new HttpRefusal(
    "too_many_bodies",
    "Too many large request bodies are under way; send it again later, or send less at once.",
  );
}

/** Room that one body holds, until it is released. */
export class BodyClaim implements Holder {
  readonly #bytes: number;
  readonly #room: Room;
  readonly #cut: () => void;
  readonly #timer: Timer;
  /** Up to when what has arrived has paid for the room. */
  #paidMs: number;
  #isCut = false;
  /** Nobody else was in need of its room: its own time was over. */
  #isLate = false;
  #isReleased = false;

  constructor(bytes: number, room: Room, clock: Clock, limitMs: number, cut: () => void) {
    this.#bytes = bytes;
    this.#room = room;
    this.#cut = cut;
    this.#paidMs = clock.monotonicMs();
    this.#timer = clock.after(limitMs, () => {
      this.#isLate = true;
      this.cut();
    });
    room.watch(this);
  }

  arrived(bytes: number): void {
    this.#paidMs += bytes / PACE_BYTES_PER_MS;
  }

  stalledSinceMs(): number {
    return this.#paidMs;
  }

  get isLate(): boolean {
    return this.#isLate;
  }

  cut(): void {
    this.#isCut = true;
    this.#unwatch();
    this.#cut();
  }

  /** All of it is there: nothing cuts it off any more. @throws HttpRefusal too_many_bodies where it was cut off before. */
  checkWhole(): void {
    this.#unwatch();
    this.check();
  }

  /** @throws HttpRefusal too_many_bodies where it was cut off. */
  check(): void {
    if (!this.#isCut) return;
    throw new HttpRefusal(
      "too_many_bodies",
      "The body came too slowly to keep its room in memory; send it again later, or send less at once.",
    );
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#unwatch();
    this.#room.release(this.#bytes);
  }

  #unwatch(): void {
    this.#room.forget(this);
    this.#timer.cancel();
  }
}

/**
 * One client's connection: requests come in, answers go out in the order of the requests.
 *
 * - As in Kafka, a request begins once those before it are answered, so that a client may rely on their order. One exception:
 *   Produce requests that follow one another run side by side, for here an answer waits for the disk; `begin` of each is
 *   called in order, and appends in order; one that takes turns to begin (a long one) holds those behind it meanwhile.
 * - A Fetch that waits for records is told to answer with what it has as soon as another kind of request stands behind it:
 *   clients that do all on one connection (kafkajs) do not miss their heartbeats.
 * - Held up in both directions: a client that sends more than it reads, or more than there is room for, is not read. Where
 *   others wait for room, a client that dribbles a large request is cut off, and large requests that wait for something to
 *   happen (a group to gather, records to come) are counted apart, so that what can be done at once never stands behind them.
 * - What cannot be understood closes this connection, and nothing else.
 */
import type { Expiring } from "../lib/deadlines.ts";
import type { Wire, WireHandlers } from "../lib/platform.ts";
import type { Place } from "../lib/room.ts";
import { assert } from "../lib/assert.ts";
import { noRoomToWait, type Reply, type Service, Slot } from "./exchange.ts";
import { BadFrame, FREE_BYTES, FrameReader } from "./frame-reader.ts";
import { keptRequests } from "./kept-requests.ts";
import type { Shared } from "./shared.ts";

/** A request's part of a turn's share: what is not Produce may take several times as long. */
const PRODUCE_PART = 1;
const OTHER_PART = 8;

export class Connection implements WireHandlers, Expiring {
  readonly #wire: Wire;
  readonly #shared: Shared;
  readonly #service: Service;
  readonly #closed: () => void;
  readonly #reader: FrameReader;
  /** Not answered yet, in order of arrival; the first `#begun` of them are being worked on. */
  readonly #slots: Slot[] = [];
  #begun = 0;
  /** Bytes of room that are held, for slots and for the frame under way. */
  #claimed = 0;
  /** Where it stands in line for room for the next frame. */
  #place: Place | null = null;
  #placeBytes = 0;
  #paused = false;
  /** What is left of this turn's share; one more request may begin while there is any. */
  #shareLeft: number;
  #inTurn = false;
  #gathering = false;
  #advancing = false;
  #again = false;
  /** No more requests are taken. */
  #ending = false;
  #over = false;
  #written = 0;
  /** Who wants to hear when so many bytes in all have been sent. */
  readonly #unsent: { readonly end: number; readonly sent: () => void }[] = [];
  readonly #released = (): void => this.#advance();
  #activeMs: number;
  /** Bytes that came since the last look at a large request under way; -1 without one. */
  #cameBytes = -1;

  constructor(wire: Wire, service: Service, shared: Shared, closed: () => void) {
    const { limits, clock } = shared;
    this.#wire = wire;
    this.#service = service;
    this.#shared = shared;
    this.#closed = closed;
    this.#shareLeft = limits.producesPerTurn;
    this.#reader = new FrameReader({
      bytesMax: limits.requestBytesMax,
      admit: (bytes) => this.#admit(bytes),
    });
    this.#activeMs = clock.monotonicMs();
    shared.deadlines.add(this, this.#checkMs());
  }

  data(bytes: Uint8Array): void {
    this.#activeMs = this.#shared.clock.monotonicMs();
    if (this.#cameBytes >= 0) this.#cameBytes += bytes.byteLength;
    if (!this.#inTurn) this.#shareLeft = this.#share();
    this.#reader.push(bytes);
    this.#advance();
  }

  drained(): void {
    this.#activeMs = this.#shared.clock.monotonicMs();
    this.#tellSent();
    this.#advance();
  }

  closed(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ending = true;
    const { deadlines, requests } = this.#shared;
    deadlines.remove(this);
    this.#place?.leave();
    if (this.#place?.isTaken) requests.release(this.#placeBytes);
    // What is being worked on still uses its frame; the others are forgotten, but for what stood behind a wait for a group.
    const kept = keptRequests(this.#slots, this.#begun, this.#shared.waiting);
    for (const slot of this.#slots.splice(this.#begun, Infinity, ...kept)) this.#giveBack(slot);
    this.#release(this.#roomForFrame());
    for (const slot of this.#slots) slot.hurry();
    for (const { sent } of this.#unsent.splice(0)) sent();
    this.#closed();
  }

  /** Takes no more requests, lets those that wait answer now, and closes once all are answered. */
  finish(): void {
    this.#ending = true;
    for (const slot of this.#slots) slot.hurry();
    this.#advance();
  }

  drop(): void {
    this.#wire.drop();
  }

  /** The regular look at whether the client still does its part. */
  expire(): void {
    const { limits, clock, deadlines, logger, unsent, requests } = this.#shared;
    const silentMs = clock.monotonicMs() - this.#activeMs;
    const dribbles = this.#dribbles();
    const untaken = this.#wire.unsentBytes() > 0;
    const stalls = untaken || (this.#reader.inFrame && !this.#paused);
    const pressed = unsent.pressed || (this.#claimed > 0 && requests.pressed);
    const stallMs = untaken && pressed ? limits.stallPressedMs : limits.stallMs;
    // Who was told that this is the end has not long to hear it.
    const idleMs = this.#ending ? limits.stallMs : limits.idleMs;
    const idle = this.#slots.length === 0 && silentMs >= idleMs;
    if (idle || dribbles || (stalls && silentMs >= stallMs)) {
      logger.debug("a Kafka client was cut off", { client: this.#wire.address, silentMs });
      this.#wire.drop();
    } else {
      deadlines.add(this, this.#checkMs());
    }
  }

  #checkMs(): number {
    const { idleMs, stallMs, stallPressedMs } = this.#shared.limits;
    const soon = this.#wire.unsentBytes() > 0 || this.#cameBytes >= 0;
    return Math.min(idleMs, soon ? stallPressedMs : stallMs);
  }

  /** True where too little has come of a large request since the last look, for its room, and others wait for that. */
  #dribbles(): boolean {
    const { limits, requests } = this.#shared;
    const came = this.#cameBytes;
    this.#cameBytes = this.#roomForFrame() > 0 ? 0 : -1;
    if (this.#cameBytes < 0 || came < 0 || this.#paused) return false;
    const fills = this.#roomForFrame() / limits.looksPressedMax;
    return requests.pressed && came < Math.max(limits.requestBytesPressedMin, fills);
  }

  /** Room that the frame under way holds. */
  #roomForFrame(): number {
    return this.#reader.admittedBytes;
  }

  #admit(bytes: number): boolean {
    if (!this.#place) {
      // A Fetch that waits for records keeps the next request from its turn.
      for (const slot of this.#slots) if (slot.kind === "fetch") slot.hurry();
      if (this.#mustWait(bytes)) return false;
      const { requests } = this.#shared;
      const grows = this.#roomForFrame() > 0;
      this.#place = grows
        ? requests.grow(bytes, this.#released, this)
        : requests.enter(bytes, this.#released);
      this.#placeBytes = bytes;
    }
    if (!this.#place.isTaken) return false;
    this.#place = null;
    this.#claimed += bytes;
    return true;
  }

  /** Whether the next frame could not begin: room that it held until then would be of use to nobody. */
  #mustWait(bytes: number): boolean {
    if (this.#slots.some(({ kind }) => kind !== "produce")) return true;
    const isOne = this.#claimed === this.#roomForFrame();
    return !isOne && this.#claimed + bytes > this.#shared.limits.requestsBytesPerConnection;
  }

  #release(bytes: number): void {
    if (bytes === 0) return;
    this.#claimed -= bytes;
    assert(this.#claimed >= 0, "a connection gives back what it claimed");
    this.#shared.requests.release(bytes);
    if (this.#claimed === 0) this.#shared.requests.ended(this);
  }

  #giveBack({ claimed, waits }: Slot): void {
    if (waits) this.#shared.waiting.giveBack(claimed);
    else this.#release(claimed);
  }

  /** Counts a request that may wait for long apart from those that are soon done; false: too many wait already. */
  #setApart(slot: Slot): boolean {
    if (slot.claimed === 0 || (slot.kind !== "fetch" && slot.kind !== "group")) return true;
    slot.waits = this.#shared.waiting.take(slot.claimed);
    if (slot.waits) this.#release(slot.claimed);
    // A Fetch need not wait.
    else if (slot.kind === "fetch") slot.hurry();
    else return false;
    return true;
  }

  /** Does whatever can be done now: send answers, begin requests, read more of them. */
  #advance(): void {
    if (this.#advancing) {
      this.#again = true;
      return;
    }
    this.#advancing = true;
    try {
      do {
        this.#again = false;
        this.#answer();
        this.#read();
      } while (this.#again);
    } catch (error) {
      if (error instanceof BadFrame) {
        this.#close(error.message);
        // What came before it is done with, and gives its room back.
        do this.#answer();
        while (this.#slots[0]?.reply);
      } else this.#shared.onBug(error);
    }
    this.#advancing = false;
    this.#hold();
  }

  #answer(): void {
    const pieces: Uint8Array[] = [];
    for (let slot = this.#slots[0]; slot?.reply; slot = this.#slots[0]) {
      this.#slots.shift();
      this.#begun -= 1;
      this.#giveBack(slot);
      this.#take(slot.reply, pieces);
    }
    this.#send(pieces);
    this.#begin();
    if (this.#ending && this.#slots.length === 0 && !this.#over) this.#wire.end();
  }

  /** Adds what the reply sends to `pieces`; after one that closes the connection nothing is sent. */
  #take(reply: Reply, pieces: Uint8Array[]): void {
    if (reply.type === "silence") return;
    if (reply.type === "close") {
      this.#send(pieces.splice(0));
      this.#close(reply.reason);
      return;
    }
    for (const piece of reply.pieces) {
      pieces.push(piece);
      this.#written += piece.byteLength;
    }
    if (reply.sent) this.#unsent.push({ end: this.#written, sent: reply.sent });
  }

  #send(pieces: readonly Uint8Array[]): void {
    if (pieces.length > 0 && !this.#over) {
      this.#activeMs = this.#shared.clock.monotonicMs();
      this.#wire.write(pieces);
      if (this.#wire.unsentBytes() > 0) this.#shared.deadlines.add(this, this.#checkMs());
    }
    this.#tellSent();
  }

  #begin(): void {
    for (let slot = this.#slots[this.#begun]; slot; slot = this.#slots[this.#begun]) {
      const before = this.#slots[this.#begun - 1];
      // All that is under way is Produce where the last of it is.
      if (before && !(before.kind === "produce" && slot.kind === "produce")) {
        if (before.kind === "fetch" && slot.kind !== "fetch") before.hurry();
        return;
      }
      if (before?.holds) return;
      // Those that stand behind an answer which nobody takes wait with it.
      if (this.#tooMuchUnsent() || !this.#takeShare(slot)) return;
      this.#begun += 1;
      const reply = this.#setApart(slot) ? this.#service.begin(slot) : noRoomToWait;
      if (reply instanceof Promise) void this.#await(slot, reply);
      else slot.reply = reply;
      if (slot.reply) this.#again = true;
    }
  }

  async #await(slot: Slot, reply: Promise<Reply>): Promise<void> {
    try {
      slot.reply = await reply;
    } catch (error) {
      this.#shared.onBug(error);
      return;
    }
    if (this.#begun === 1) this.#advance();
    else if (!this.#gathering) void this.#gather();
  }

  /** What one commit has answered goes out together: a system call each would be a third of the event loop's work. */
  async #gather(): Promise<void> {
    this.#gathering = true;
    await this.#shared.clock.turn();
    this.#gathering = false;
    this.#advance();
  }

  #read(): void {
    while (!this.#ending && !this.#inTurn) {
      if (this.#isFull()) return;
      const frame = this.#reader.next();
      if (!frame) return this.#watch();
      const size = frame.bytes.byteLength;
      const claimed = size > FREE_BYTES ? size : 0;
      this.#slots.push(new Slot(frame, this.#service.kindOf(frame), claimed, this.#released));
      this.#answer();
    }
  }

  /** Looks after a while how a large request comes along. */
  #watch(): void {
    if (this.#cameBytes >= 0 || this.#roomForFrame() === 0) return;
    this.#cameBytes = 0;
    this.#shared.deadlines.add(this, this.#checkMs());
  }

  /** False where the connection, or all of them, have had their share of this turn: it goes on in another one. */
  #takeShare({ kind }: Slot): boolean {
    const part = kind === "produce" ? PRODUCE_PART : OTHER_PART;
    if (this.#shareLeft > 0 && this.#shared.turns.take(part)) {
      this.#shareLeft -= part;
      return true;
    }
    if (this.#inTurn) return false;
    this.#inTurn = true;
    this.#shared.turns.wait(() => {
      this.#inTurn = false;
      this.#shareLeft = this.#shared.limits.producesPerTurn;
      this.#advance();
    });
    return false;
  }

  /** A single request may always begin; of many only while nobody waits for a turn. */
  #share(): number {
    return this.#shared.turns.crowded ? 1 : this.#shared.limits.producesPerTurn;
  }

  #isFull(): boolean {
    return this.#slots.length >= this.#shared.limits.requestsPerConnection || this.#tooMuchUnsent();
  }

  #tooMuchUnsent(): boolean {
    return !this.#over && this.#wire.unsentBytes() > this.#shared.limits.unsentBytesPerConnection;
  }

  /** Reads on, or lets TCP hold the client up: bytes are waiting that cannot be taken yet. */
  #hold(): void {
    const pause = this.#isFull() || this.#reader.blocked || this.#inTurn;
    if (pause === this.#paused || this.#over) return;
    this.#paused = pause;
    // What was not read for a while cannot have come along well.
    if (this.#cameBytes >= 0) this.#cameBytes = Infinity;
    if (pause) this.#wire.pause();
    else this.#wire.resume();
  }

  #tellSent(): void {
    if (this.#unsent.length === 0) return;
    const sent = this.#over ? Infinity : this.#written - this.#wire.unsentBytes();
    while (this.#unsent[0] && this.#unsent[0].end <= sent) this.#unsent.shift()?.sent();
  }

  #close(reason: string): void {
    if (this.#over) return;
    const { logger, told } = this.#shared;
    const client = this.#wire.address;
    if (told.mayTell(client)) logger.info("a Kafka connection was closed", { client, reason });
    this.#ending = true;
    this.#wire.end();
  }
}

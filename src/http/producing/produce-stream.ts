/**
 * NDJSON in, NDJSON out: each line of an upload is one record, each gets one receipt, in order, while the upload is still
 * open.
 *
 * - Each line stands alone: it is kept once its receipt is sent, and a bad line gets a receipt that says so. An upload that
 *   is cut keeps the whole lines before the cut.
 * - Back-pressure: past `streamBytesMax` of lines without a sent receipt the upload is not read on, so a client that does
 *   not read its receipts stops itself.
 * - A line that gets large takes part in the room for bodies; large lines are parsed one at a time over all uploads.
 * - An idempotent upload gives each line an identity: its place among the lines of its partition.
 */
import type { Idempotence } from "../../broker/verbs.ts";
import type { Timer } from "../../lib/clock.ts";
import { Refusal } from "../../lib/refusal.ts";
import { BODY_FREE_BYTES, type BodyClaim } from "../bodies/body-room.ts";
import { encodingOf, PIECES_PER_TURN } from "../bodies/body.ts";
import { decodedStream } from "../bodies/decode-stream.ts";
import { LineCutter, LineTooLong } from "../bodies/lines.ts";
import { HttpRefusal, isBug, problemOf } from "../answers/problem.ts";
import { appendIn } from "./append.ts";
import { appendRequest, createTopic, isMissing, Placer, type ProduceTerms } from "./produce.ts";
import { recordOf, type IncomingRecord } from "./record-in.ts";
import type { Reply } from "../answers/reply.ts";
import type { Call } from "../route.ts";
import { nodeStopping } from "../time-limit.ts";
import { parseJson } from "../bodies/validate.ts";

export const LINES_TYPE = "application/x-ndjson";

const TOPICS_KNOWN_MAX = 1_000;

/** Lines of one chunk that are taken in until others have their turn. */
const LINES_PER_TURN = 1_000;

const CUT_BY_STOP =
  "The node stopped before the upload ended; the lines before stand, send the others again.";

/** What a line's receipt counts for, beside the line: two bytes that are no record make a problem document. */
const RECEIPT_BYTES = 256;

/** The answer to an NDJSON upload: a stream of receipts. */
export function produceLines(call: Call, terms: ProduceTerms): Reply {
  const { request, door } = call;
  if (terms.expectOffset !== null)
    throw new HttpRefusal(
      "bad_request",
      "query.expect: an upload of lines cannot expect an offset.",
    );
  // Throws for an unknown topic while there is still a status to say it with.
  if (terms.topic !== null && !terms.create) door.broker.partitionCount(call.context, terms.topic);
  const encoding = encodingOf(request);
  if (request.body === null) return { status: 200, type: LINES_TYPE, body: "" };
  const leave = encoding === "zstd" ? door.bodies.enterZstd() : () => {};
  const source = encoding === null ? request.body : decodedStream(request.body, encoding);
  call.connection?.hold();
  const release = call.connection?.keep() ?? (() => {});
  const done = (): void => {
    leave();
    release();
  };
  const upload = new Upload(call, terms, source, done);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => upload.start(controller),
    pull: () => upload.receiptsWanted(),
    cancel: () => upload.stop(),
  });
  return { status: 200, type: LINES_TYPE, body, headers: { "cache-control": "no-store" } };
}

/** Receipts of the lines that came in one chunk. */
interface Pending {
  readonly bytes: number;
  readonly receipts: Promise<string>[];
}

class Upload {
  readonly #call: Call;
  readonly #terms: ProduceTerms;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #cutter: LineCutter;
  readonly #placer: Placer;
  readonly #done: () => void;
  readonly #encoder = new TextEncoder();
  readonly #pending: Pending[] = [];
  /** How many lines each partition has had, for their sequence. */
  readonly #counts = new Map<string, number>();
  /** Topics that need not be made any more; forgotten when they are many. */
  readonly #created = new Set<string>();
  /** Topics that this upload made. */
  #made = 0;
  /** Room for the line that has begun, once it is large. */
  #claim: BodyClaim | null = null;
  #pendingBytes = 0;
  #ended = false;
  #stopped = false;
  /** The node stops, and the upload has had its while. */
  #isOver = false;
  readonly #leaving: () => void;
  #leave: Timer | null = null;
  #wake: (() => void)[] = [];

  constructor(
    call: Call,
    terms: ProduceTerms,
    source: ReadableStream<Uint8Array>,
    done: () => void,
  ) {
    this.#call = call;
    this.#terms = terms;
    this.#reader = source.getReader();
    this.#cutter = new LineCutter(call.door.limits.lineBytesMax);
    this.#placer = new Placer(call, terms);
    this.#done = done;
    this.#leaving = () => {
      const { clock, limits } = call.door;
      this.#leave = clock.after(limits.stoppingMs, () => {
        this.#isOver = true;
        void this.#reader.cancel().catch(() => {});
      });
    };
    const { stopping } = call.door;
    if (stopping.aborted) this.#leaving();
    else stopping.addEventListener("abort", this.#leaving);
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    void this.#read();
    void this.#answer(controller);
  }

  receiptsWanted(): void {
    this.#changed();
  }

  /** The client is gone: what was read whole is still kept, nothing more is read. */
  stop(): void {
    this.#stopped = true;
    this.#changed();
    void this.#reader.cancel().catch(() => {});
  }

  async #read(): Promise<void> {
    try {
      for (let pieces = 1; !this.#stopped; pieces++) {
        if (pieces % PIECES_PER_TURN === 0) await this.#call.door.clock.turn();
        const part = await this.#reader.read();
        if (this.#isOver) throw nodeStopping(CUT_BY_STOP);
        this.#claim?.check();
        if (this.#stopped) break; // What was begun is no line: its end never came.
        const before = this.#cutter.ended;
        const lines = part.done ? this.#cutter.end() : this.#cutter.push(part.value);
        await this.#takeIn(lines, part.done ? 0 : part.value.length);
        if (part.done) break;
        if (this.#cutter.ended > before) this.#releaseLine();
        else this.#claim?.arrived(part.value.length);
        await this.#room();
        await this.#claimLine();
      }
    } catch (error) {
      // A cut upload has nobody to be told; a line too long or damaged compression does.
      const told = this.#errorReceipt(readError(error, this.#call), this.#cutter.ended > 0);
      this.#push(0, [Promise.resolve(told)]);
      void this.#reader.cancel().catch(() => {});
    }
    this.#releaseLine();
    this.#call.door.stopping.removeEventListener("abort", this.#leaving);
    this.#leave?.cancel();
    this.#ended = true;
    this.#changed();
  }

  /** Starts an append for each line; a cutter that throws leaves the lines before the throw appended. */
  async #takeIn(lines: Iterable<Uint8Array>, bytes: number): Promise<void> {
    let receipts: Promise<string>[] = [];
    try {
      for (const line of lines) {
        const where = `line ${this.#cutter.ended}`;
        try {
          const isLarge = line.length > BODY_FREE_BYTES;
          const value = isLarge ? await this.#parsed(line, where) : parseJson(line, where);
          const incoming = recordOf(value, where);
          if (this.#terms.create) await this.#createOnce(this.#terms.topic ?? incoming.topic);
          receipts.push(this.#append(incoming, where));
        } catch (error) {
          receipts.push(Promise.resolve(this.#errorReceipt(error)));
        }
        if (receipts.length < LINES_PER_TURN) continue;
        this.#push(0, receipts);
        receipts = [];
        await this.#room();
        await this.#call.door.clock.turn();
      }
    } finally {
      this.#push(bytes, receipts);
    }
  }

  #parsed(line: Uint8Array, where: string): Promise<unknown> {
    return this.#call.door.bodies.parse(line.length, () => parseJson(line, where));
  }

  /** A line that gets large needs room among all others until it ends. Throws too_many_bodies. */
  async #claimLine(): Promise<void> {
    if (this.#claim || this.#cutter.begunBytes <= BODY_FREE_BYTES || this.#stopped) return;
    const { bodies, limits } = this.#call.door;
    const cut = (): void => void this.#reader.cancel().catch(() => {});
    const { begunBytes } = this.#cutter;
    this.#claim = await bodies.claim(limits.lineBytesMax, this.#call, cut, begunBytes);
  }

  #releaseLine(): void {
    this.#claim?.release();
    this.#claim = null;
  }

  /** Waits until the client has taken enough receipts, or is gone. */
  async #room(): Promise<void> {
    const { streamBytesMax } = this.#call.door.limits;
    while (this.#pendingBytes > streamBytesMax && !this.#stopped) await this.#change();
  }

  /** Before any line of the topic is appended, so that lines keep their order. */
  async #createOnce(topic: string | null): Promise<void> {
    if (topic === null || this.#created.has(topic)) return;
    if (isMissing(this.#call, topic)) await this.#create(topic);
    if (this.#created.size >= TOPICS_KNOWN_MAX) this.#created.clear();
    this.#created.add(topic);
  }

  async #create(topic: string): Promise<void> {
    const { topicsMax } = this.#call.door.limits;
    if (this.#made >= topicsMax)
      throw new Refusal(
        "invalid_request",
        `An upload makes at most ${topicsMax} topics; make ${topic} first, or in another upload.`,
      );
    this.#made += 1;
    await createTopic(this.#call, topic);
  }

  #push(lineBytes: number, receipts: Promise<string>[]): void {
    if (receipts.length === 0 && lineBytes === 0) return;
    const bytes = lineBytes + receipts.length * RECEIPT_BYTES;
    this.#pending.push({ bytes, receipts });
    this.#pendingBytes += bytes;
    this.#changed();
  }

  async #append(incoming: IncomingRecord, where: string): Promise<string> {
    try {
      const place = this.#placer.place(incoming, where);
      const terms = {
        ...this.#terms,
        idempotence: this.#identity(`${place.partition}/${place.topic}`),
      };
      const payload = { type: "records", records: [incoming.record] } as const;
      const request = appendRequest(terms, place, payload);
      const answer = await appendIn(this.#call, terms.transaction, request);
      if (terms.acks === 0) return "{}\n";
      const name = terms.topic === null ? `"topic":${JSON.stringify(place.topic)},` : "";
      const timestamp = answer.timestampMs ?? incoming.record.timestampMs;
      const duplicate = answer.duplicate ? ',"duplicate":true' : "";
      return `{${name}"partition":${place.partition},"offset":${answer.baseOffset},"timestamp":${timestamp}${duplicate}}\n`;
    } catch (error) {
      return this.#errorReceipt(error);
    }
  }

  /** Which line of its partition this is: the upload's own sequence or key, counted on. */
  #identity(partition: string): Idempotence | null {
    const { idempotence } = this.#terms;
    if (idempotence === null) return null;
    const count = this.#counts.get(partition) ?? 0;
    this.#counts.set(partition, count + 1);
    if (idempotence.type === "sequence")
      return { ...idempotence, sequence: idempotence.sequence + count };
    return { type: "key", key: `${idempotence.key}#${count}` };
  }

  /** Of one line; or of the whole upload, which may have `effects` by the lines before. */
  #errorReceipt(error: unknown, effects = false): string {
    const { door, id } = this.#call;
    if (isBug(error)) door.logger.error("a line met a bug", { requestId: id, error });
    const problem = problemOf(error, id);
    const told = effects ? { ...problem, side_effects: "unknown" } : problem;
    return `${JSON.stringify({ error: told })}\n`;
  }

  /** Sends receipts in order, as far as the client reads them. */
  async #answer(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const first = this.#pending[0];
        if (!first && this.#ended) break;
        if (!first || (controller.desiredSize ?? 1) <= 0) {
          if (this.#stopped) return;
          await this.#change();
          continue;
        }
        const text = (await Promise.all(first.receipts)).join("");
        this.#pending.shift();
        this.#pendingBytes -= first.bytes;
        this.#changed();
        if (this.#stopped) return;
        if (text !== "") controller.enqueue(this.#encoder.encode(text));
      }
      controller.close();
    } catch {
      this.stop(); // The stream was cancelled under way.
    } finally {
      this.#done();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #changed(): void {
    const woken = this.#wake;
    this.#wake = [];
    for (const wake of woken) wake();
  }
}

/** Why the upload could not be read on. */
function readError(error: unknown, call: Call): unknown {
  if (error instanceof LineTooLong)
    return new HttpRefusal(
      "body_too_large",
      `A line may have ${call.door.limits.lineBytesMax} bytes; the upload was not read on.`,
    );
  if (error instanceof HttpRefusal) return error;
  return call.door.stopping.aborted
    ? nodeStopping(CUT_BY_STOP)
    : new HttpRefusal("bad_request", "The upload was cut or damaged; the lines before it stand.");
}

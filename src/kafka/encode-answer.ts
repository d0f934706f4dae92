/**
 * From an answer's value to its frame: at once where it is short, in steps with turns for others where it is long.
 *
 * - Answers that are given again (Metadata of all topics) are encoded once a version, also where several ask meanwhile.
 */
import { assert } from "../lib/assert.ts";
import { paused, turnBetween } from "../lib/async.ts";
import type { Clock } from "../lib/clock.ts";
import { ELEMENTS_AT_ONCE } from "../wire/long-codec.ts";
import { LongMessage } from "../wire/long-message.ts";
import type { Encodable, Fields } from "../wire/schema.ts";
import type { Api } from "./define-api.ts";
import { encodeResponse, encodeResponseInSteps, type RequestHeader } from "./frames.ts";

type Frame = readonly Uint8Array[];

/** The whole frame; `again` says that this very value will be given again. */
export function encodeAnswer<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: RequestHeader,
  value: Encodable<Res>,
  again: boolean,
  clock: Clock,
): Frame | Promise<Frame> {
  if (!again) return encoded(api, header, value, clock);
  const known = frames.get(value) ?? new Map<number, Frame | Promise<Frame>>();
  frames.set(value, known);
  const made = known.get(header.version) ?? encoded(api, header, value, clock);
  known.set(header.version, made);
  const { correlationId } = header;
  if (made instanceof Promise) return made.then((frame) => addressed(frame, correlationId));
  return addressed(made, correlationId);
}

/** Frames of answers that are given again, by version; gone with the answer. */
const frames = new WeakMap<object, Map<number, Frame | Promise<Frame>>>();
/** Size and correlation id: what differs between two frames of one answer. */
const FRAME_HEAD_BYTES = 8;

function encoded<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: RequestHeader,
  value: Encodable<Res>,
  clock: Clock,
): Frame | Promise<Frame> {
  try {
    return encodeResponse(api, header, value, ELEMENTS_AT_ONCE);
  } catch (error) {
    if (!(error instanceof LongMessage)) throw error;
    return paused(encodeResponseInSteps(api, header, value), turnBetween(clock));
  }
}

/** The frame as the answer to another request. */
function addressed([first, ...rest]: Frame, correlationId: number): Frame {
  assert(first && first.byteLength >= FRAME_HEAD_BYTES, "a frame begins with its head");
  const head = first.slice(0, FRAME_HEAD_BYTES);
  new DataView(head.buffer).setInt32(4, correlationId);
  return [head, first.subarray(FRAME_HEAD_BYTES), ...rest];
}

/**
 * FindCoordinator as the broker answers it: each key by itself, at the address of the client's own listener.
 */
import { mapInTurns } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import { StorageFault } from "../../storage/storage.ts";
import type { Call } from "../call.ts";
import { codeFor, codeOf, messageOf, NONE } from "../error-codes.ts";

const GROUP = 0;
const TRANSACTION = 1;
/** Several keys are asked for in one request from this version on. */
const KEYS_VERSION = 4;

interface Asked {
  readonly key: string;
  readonly keyType: number;
  readonly coordinatorKeys: readonly string[];
}

interface Found {
  readonly key: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export async function coordinatorsFor(asked: Asked, call: Call) {
  if (call.version >= KEYS_VERSION) {
    const keys = asked.coordinatorKeys;
    const find = (key: string) => found(key, asked, call);
    return severalAnswers(await mapInTurns(call.door.clock, keys, find));
  }
  const { key: _key, ...one } = await found(asked.key, asked, call);
  return { throttleTimeMs: 0, ...one, coordinators: [] };
}

export function noCoordinators(
  asked: Asked,
  errorCode: number,
  errorMessage: string,
  version: number,
) {
  const none = { ...nowhere, errorCode, errorMessage };
  if (version < KEYS_VERSION) return { throttleTimeMs: 0, ...none, coordinators: [] };
  return severalAnswers(asked.coordinatorKeys.map((key) => ({ key, ...none })));
}

/** The fields of a single answer have no place beside several: they are at their defaults. */
function severalAnswers(coordinators: readonly Found[]) {
  const single = { errorCode: NONE, errorMessage: "", nodeId: 0, host: "", port: 0 };
  return { throttleTimeMs: 0, ...single, coordinators };
}

const nowhere = { nodeId: -1, host: "", port: -1 };

async function found(key: string, { keyType }: Asked, call: Call): Promise<Found> {
  try {
    const nodeId = await locate(key, keyType, call);
    const node = call.nodes.find((each) => each.nodeId === nodeId);
    if (node) return { key, ...node, errorCode: NONE, errorMessage: null };
    const errorCode = codeFor("coordinator_not_available");
    return { key, ...nowhere, errorCode, errorMessage: "The coordinator is not there." };
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof StorageFault)) throw error;
    return { key, ...nowhere, errorCode: codeOf(error), errorMessage: messageOf(error) };
  }
}

function locate(key: string, keyType: number, { broker, context }: Call): Promise<number> {
  if (keyType === GROUP) return broker.groups.locate(context, key);
  if (keyType === TRANSACTION) return broker.transactions.locate(context, key);
  throw new Refusal("invalid_request", `There are no coordinators of type ${keyType} here.`);
}

/**
 * The name of an open transaction in paths and in the `Txn` header: transactional id, producer id and epoch, which are
 * Kafka's own. It keeps nothing on the node, so any node can go on with it, also after a restart.
 */
import type { ProducerIdentity } from "../../coordinators/transactions/state.ts";
import { Refusal } from "../../lib/refusal.ts";

export interface TransactionToken {
  readonly transactionalId: string;
  readonly producer: ProducerIdentity;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const EPOCH_MAX = 32_767;

export function tokenText({ transactionalId, producer }: TransactionToken): string {
  const { producerId, producerEpoch } = producer;
  const text = `${producerId}.${producerEpoch}.${transactionalId}`;
  return encoder.encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Reads a token back. @throws Refusal invalid_request for what is none. */
export function readToken(text: string, where: string): TransactionToken {
  const match = /^(\d{1,19})\.(\d{1,5})\.([^]{1,249})$/.exec(decoded(text));
  const [, id = "", epoch = "", transactionalId = ""] = match ?? [];
  if (!match || Number(epoch) > EPOCH_MAX) {
    throw new Refusal(
      "invalid_request",
      `${where}: is no transaction; send the txn that POST /v1/txns answered with.`,
    );
  }
  return {
    transactionalId,
    producer: { producerId: BigInt(id), producerEpoch: Number(epoch) },
  };
}

function decoded(text: string): string {
  try {
    return decoder.decode(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
  } catch {
    return "";
  }
}

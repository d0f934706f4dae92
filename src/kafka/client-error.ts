/**
 * An error code in an answer, as its reader sees it: Kafka's name for it, and whether to ask again.
 */
import { refusalKinds } from "../broker/errors.ts";

export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly code: number;
  /** Kafka's name in lower case, `unknown_server_error` for a code that is not known here. */
  readonly kind: string;
  readonly retriable: boolean;

  /** `detail` is the broker's own sentence, where it gave one; Kafka's is empty at times. */
  constructor(code: number, detail: string | null = null) {
    const known = byCode.get(code);
    super(detail || (known?.title ?? `The broker answered with error ${code}.`));
    this.code = code;
    this.kind = known?.kind ?? "unknown_server_error";
    this.retriable = settling.has(code);
  }
}

/**
 * The cluster is settling, and the very same request may be granted in a moment: leader not available or moved, coordinator
 * loading, not available or moved, too few replicas, controller moved, a transaction being completed, leader epochs, storage.
 */
const settling: ReadonlySet<number> = new Set([5, 6, 14, 15, 16, 19, 41, 51, 56, 74, 75]);

/** Throws a KafkaError for any code but 0. */
export function check(code: number, detail: string | null = null): void {
  if (code !== 0) throw new KafkaError(code, detail);
}

interface Known {
  readonly kind: string;
  readonly title: string;
}

/** The first of those that share a code is Kafka's own. */
const byCode: ReadonlyMap<number, Known> = new Map(
  Object.entries(refusalKinds)
    .map(([kind, { kafka, title }]) => {
      const known: Known = { kind, title };
      return [kafka, known] as const;
    })
    .toReversed(),
);

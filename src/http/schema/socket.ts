/** What a client says over the WebSocket: one JSON object a message, told apart by `op`. */
import * as v from "valibot";
import { recordForms } from "../reading/record-out.ts";
import { fromText } from "./fetch.ts";
import { envelope } from "./produce.ts";
import { base64Text, integer, OFFSET_MAX, topicName, wellFormedText } from "./shapes.ts";
import { selections } from "./tail.ts";

const NAME_LENGTH_MAX = 256;
export const ID_LENGTH_MAX = NAME_LENGTH_MAX;
const CREDIT_MAX = 1_000_000;
const EPOCH_MAX = 32_767;
const PARTITION_MAX = 2 ** 31 - 1;

/** The client's own name for what it asks; answers carry it. */
const id = v.union(
  [v.pipe(wellFormedText(), v.maxLength(NAME_LENGTH_MAX)), integer(0, OFFSET_MAX)],
  `must be text of at most ${NAME_LENGTH_MAX} characters, or an integer`,
);
const credit = integer(1, CREDIT_MAX);
const name = v.pipe(wellFormedText(), v.minLength(1), v.maxLength(NAME_LENGTH_MAX));

const sub = v.strictObject({
  op: v.literal("sub"),
  id,
  topics: v.optional(selections),
  from: v.optional(fromText),
  cursor: v.optional(v.string()),
  as: v.optional(v.picklist(recordForms), "auto"),
  events: v.optional(v.picklist(["record", "batch"]), "record"),
  isolation: v.optional(v.picklist(["read_committed", "read_uncommitted"]), "read_committed"),
  filter: v.optional(
    v.strictObject({ key: v.optional(wellFormedText()), key_b64: v.optional(base64Text()) }),
  ),
  credit: v.optional(credit, 1_000),
});

const pub = v.strictObject({
  op: v.literal("pub"),
  id,
  topic: v.optional(topicName),
  partition: v.optional(integer(0, PARTITION_MAX)),
  create: v.optional(v.boolean(), false),
  ...envelope.entries,
  idempotency_key: v.optional(name),
  producer: v.optional(
    v.strictObject({
      id: name,
      epoch: v.optional(integer(0, EPOCH_MAX), 0),
      seq: integer(0, OFFSET_MAX),
    }),
  ),
});

export const clientMessage = v.variant(
  "op",
  [
    sub,
    v.strictObject({ op: v.literal("unsub"), id }),
    v.strictObject({ op: v.literal("credit"), id, credit }),
    pub,
    v.strictObject({ op: v.literal("ping"), id: v.optional(id) }),
  ],
  "must be sub, unsub, credit, pub or ping",
);

export type MessageId = v.InferOutput<typeof id>;
export type SubMessage = v.InferOutput<typeof sub>;
export type PubMessage = v.InferOutput<typeof pub>;

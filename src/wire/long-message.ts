/** Thrown by a reader or writer with few elements allowed: the message has more, and is to begin anew in steps. */
export class LongMessage extends Error {
  override readonly name = "LongMessage";
}

/**
 * The appends that one request of a client brought. Where nothing waited to be written when the first of them came they all
 * pass the bound of the node's queue, however large they are together: what the door has taken in must not be too large to be
 * appended by itself. Its size is bounded by the door.
 */
export class Together {
  #alone: boolean | null = null;

  /** Whether they may pass; `queuedBytes` is what waits as one of them comes. */
  passes(queuedBytes: number): boolean {
    this.#alone ??= queuedBytes === 0;
    return this.#alone;
  }
}

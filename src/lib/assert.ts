/**
 * The third kind of error: a bug. Refusals answer the caller, faults answer with a retry; a broken invariant stops the
 * node before it can write anything wrong. Assertions stay on in production.
 */

/** Thrown by `assert`; never caught but by the process's last handler, which logs it and exits. */
export class Bug extends Error {
  override readonly name = "Bug";
}

/** Stops the node unless `condition` holds; `invariant` says in words what must always be true. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Bug(`invariant broken: ${invariant}`);
}

/** Gives `value` back where it cannot be missing by construction; `invariant` says why it cannot. */
export function present<T>(value: T | null | undefined, invariant: string): T {
  assert(value !== null && value !== undefined, invariant);
  return value;
}

/**
 * SCRAM credentials while nobody is asked for a password: there are none, and none are taken.
 *
 * - What Kafka would refuse is refused as there; a password that is good is refused too (`security_disabled`), since it would
 *   seem to protect something.
 */
import { codeFor } from "../error-codes.ts";

/** Kafka's codes, which no verb refuses with. */
const UNSUPPORTED_SASL_MECHANISM = 33;
const UNACCEPTABLE_CREDENTIAL = 93;

/** SCRAM-SHA-256 and SCRAM-SHA-512. */
const mechanisms: ReadonlySet<number> = new Set([1, 2]);
/** How often Kafka lets a password be hashed. */
const ITERATIONS_MIN = 4_096;
const ITERATIONS_MAX = 16_384;

export function describeUsers(names: readonly string[]) {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Array.from(counts, ([user, count]) => {
    const twice = count > 1;
    const errorCode = codeFor(twice ? "duplicate_resource" : "resource_not_found");
    const errorMessage = twice ? "The user is named twice." : "The user has no SCRAM credentials.";
    return { user, errorCode, errorMessage, credentialInfos: [] };
  });
}

interface AskedUsers {
  readonly deletions: readonly { readonly name: string }[];
  readonly upsertions: readonly {
    readonly name: string;
    readonly mechanism: number;
    readonly iterations: number;
  }[];
}

export function alterUsers({ deletions, upsertions }: AskedUsers) {
  const refused = (user: string, errorCode: number, errorMessage: string) => ({
    user,
    errorCode,
    errorMessage,
  });
  return [
    ...deletions.map(({ name }) =>
      refused(name, codeFor("resource_not_found"), "The user has no SCRAM credentials."),
    ),
    ...upsertions.map(({ name, mechanism, iterations }) => {
      if (name === "") return refused(name, UNACCEPTABLE_CREDENTIAL, "The user has no name.");
      if (!mechanisms.has(mechanism)) {
        return refused(name, UNSUPPORTED_SASL_MECHANISM, "The mechanism is not known.");
      }
      if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) {
        const allowed = `Iterations go from ${ITERATIONS_MIN} to ${ITERATIONS_MAX}.`;
        return refused(name, UNACCEPTABLE_CREDENTIAL, allowed);
      }
      const errorMessage = "Passwords are not in use on this node.";
      return refused(name, codeFor("security_disabled"), errorMessage);
    }),
  ];
}

/**
 * DescribeClientQuotas and AlterClientQuotas: entities and filters from Kafka's form into the broker's and back.
 *
 * - An entity that is named twice in a request is refused once and nothing is done to it, as in Kafka.
 */
import type { QuotaEntity, QuotaFilter } from "../../broker/quotas/verbs.ts";
import { mapInTurns, mapSlices } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Call } from "../call.ts";
import { codeFor, codeOf, messageOf, NONE } from "../error-codes.ts";

interface Component {
  readonly entityType: string;
  readonly matchType: number;
  readonly match: string | null;
}

export async function describeQuotas(
  { components, strict }: { readonly components: readonly Component[]; readonly strict: boolean },
  { broker, context, door }: Call,
) {
  const filter: QuotaFilter = {
    components: components.map((each) => ({ type: each.entityType, match: matchOf(each) })),
    strict,
  };
  return mapSlices(door.clock, broker.quotas.describe(context, filter), (some) =>
    some.map(({ entity, values }) => ({
      entity: told(entity),
      values: Array.from(values, ([key, value]) => ({ key, value })),
    })),
  );
}

/** By the code: 0 this name, 1 the default, 2 any. */
function matchOf({ matchType, match }: Component): QuotaFilter["components"][number]["match"] {
  const refuse = (detail: string) => new Refusal("invalid_request", detail);
  switch (matchType) {
    case 0:
      if (match === null) throw refuse("A filter by name needs the name.");
      return { name: match };
    case 1:
      if (match !== null) throw refuse("A filter for the default has no name.");
      return "default";
    case 2:
      if (match !== null) throw refuse("A filter for any has no name.");
      return "any";
    default:
      throw refuse(`There is no match type ${matchType}.`);
  }
}

interface AskedEntry {
  readonly entity: readonly { readonly entityType: string; readonly entityName: string | null }[];
  readonly ops: readonly {
    readonly key: string;
    readonly value: number;
    readonly remove: boolean;
  }[];
}

export async function alterQuotas(
  {
    entries,
    validateOnly,
  }: { readonly entries: readonly AskedEntry[]; readonly validateOnly: boolean },
  { broker, context, door }: Call,
) {
  const counts = new Map<string, number>();
  const changes = await mapInTurns(door.clock, entries, ({ entity: names, ops }) => {
    const entity = new Map(names.map(({ entityType, entityName }) => [entityType, entityName]));
    const sorted = new Map([...entity].sort(([one], [other]) => (one < other ? -1 : 1)));
    const key = JSON.stringify([...sorted]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    const values = ops.map((op) => ({ key: op.key, value: op.remove ? null : op.value }));
    return { key, entity: sorted, values };
  });
  const once = changes.filter(({ key }) => counts.get(key) === 1);
  const refusals = await broker.quotas.alter(context, once, validateOnly);
  let next = 0;
  const answers = await mapSlices(door.clock, once, (some) =>
    some.map(({ entity }) => answerOf(entity, refusals[next++] ?? null)),
  );
  const twice = new Map(
    changes.filter(({ key }) => counts.get(key) !== 1).map((each) => [each.key, each]),
  );
  const namedTwice = Array.from(twice.values(), ({ entity }) => ({
    errorCode: codeFor("invalid_request"),
    errorMessage: "The entity is named twice in the request.",
    entity: told(entity),
  }));
  return [...answers, ...namedTwice];
}

function answerOf(entity: QuotaEntity, refusal: Refusal | null) {
  return {
    errorCode: refusal ? codeOf(refusal) : NONE,
    errorMessage: refusal && messageOf(refusal),
    entity: told(entity),
  };
}

function told(entity: QuotaEntity) {
  return Array.from(entity, ([entityType, entityName]) => ({ entityType, entityName }));
}

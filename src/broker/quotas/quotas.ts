/**
 * Client quotas, checked by Kafka's rules and kept with the cluster's metadata.
 *
 * - An address is one of an IP version, or localhost: Kafka takes every name that it can resolve.
 * - Left out: throttling by them, until security/ knows who is who.
 */
import { nodeNet } from "../../lib/builtins.ts";
import type { Command } from "../../cluster/commands.ts";
import type { Controller } from "../../cluster/controller.ts";
import type { Image } from "../../cluster/image.ts";
import { mapSlices } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { LogNode } from "../../log/log-node.ts";
import type { ClientQuota, QuotaChange, QuotaEntity, QuotaFilter, QuotaVerbs } from "./verbs.ts";

/** Entities with quotas. */
const ENTITIES_MAX = 100_000;
/** Quotas that one request changes (Kafka's `MAX_RECORDS_PER_USER_OP`): a few ten milliseconds. */
const CHANGES_MAX = 10_000;

type Kind = "whole" | "fraction";

const clientKeys: Readonly<Record<string, Kind>> = {
  producer_byte_rate: "whole",
  consumer_byte_rate: "whole",
  request_percentage: "fraction",
  controller_mutation_rate: "fraction",
};

const keysOf: ReadonlyMap<string, Readonly<Record<string, Kind>>> = new Map([
  ["user", clientKeys],
  ["client-id", clientKeys],
  ["ip", { connection_creation_rate: "whole" }],
]);

export function quotaVerbs(
  controller: Controller,
  { clock, logger }: Pick<LogNode, "clock" | "logger">,
): QuotaVerbs {
  const { image } = controller;
  return {
    describe(_context, filter) {
      checkFilter(filter);
      return [...image.quotas()].filter((quota) => matches(quota, filter));
    },
    async alter(_context, changes, validateOnly) {
      const refusals = await mapSlices(clock, changes, (some) => some.map(refusalOf));
      const good = changes.filter((_, at) => refusals[at] === null);
      if (validateOnly) commandsOf(image, good);
      else if (good.length > 0) {
        await controller.submit((image) => commandsOf(image, good));
        logger.warn(
          "client quotas were changed: they are kept and shown, and nobody is held to them yet",
        );
      }
      return refusals;
    },
  };
}

/** What the changes come to. Refuses all of them where that is more than one request may bring, as Kafka does. */
function commandsOf(image: Image, changes: readonly QuotaChange[]): Command[] {
  checkRoom(image, changes.length);
  const commands: Command[] = [];
  for (const { entity, values } of changes) {
    for (const { key, value } of values) commands.push(...commandOf(image, entity, key, value));
    if (commands.length > CHANGES_MAX) {
      throw new Refusal(
        "policy_violation",
        `One request changes at most ${CHANGES_MAX} quotas; send the others with the next.`,
      );
    }
  }
  return commands;
}

function commandOf(
  image: Image,
  entity: QuotaEntity,
  key: string,
  value: number | null,
): Command[] {
  if ((image.quota(entity)?.values.get(key) ?? null) === value) return [];
  return [{ type: "client-quota", version: 0, entity: [...entity], key, value }];
}

function checkRoom(image: Image, more: number): void {
  if (image.quotaCount + more <= ENTITIES_MAX) return;
  throw new Refusal("policy_violation", `At most ${ENTITIES_MAX} clients can have quotas.`);
}

function refusalOf(change: QuotaChange): Refusal | null {
  const why = whatIsWrong(change);
  return why === null ? null : new Refusal("invalid_request", why);
}

function whatIsWrong({ entity, values }: QuotaChange): string | null {
  if (entity.size === 0) return "The quota is nobody's.";
  if (entity.has("ip") && entity.size > 1) return "An address has quotas alone.";
  for (const [type, name] of entity) {
    if (!keysOf.has(type)) return `There is no quota by ${type}.`;
    if (name === "") return `A ${type} has no empty name.`;
    if (type === "ip" && name !== null && name !== "localhost" && nodeNet().isIP(name) === 0) {
      return `"${name}" is no IP address.`;
    }
  }
  if (new Set(values.map(({ key }) => key)).size < values.length) return "A quota is named twice.";
  const [type = ""] = entity.keys();
  const keys = keysOf.get(type) ?? {};
  for (const { key, value } of values) {
    // What is taken away may be anything, as in Kafka.
    if (value === null) continue;
    const kind = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (kind === undefined) return `There is no quota ${key} by ${type}.`;
    if (!(value > 0 && Number.isFinite(value))) return `${key} must be greater than 0.`;
    if (kind === "whole" && !Number.isInteger(value)) return `${key} is a whole number.`;
  }
  return null;
}

function checkFilter({ components }: QuotaFilter): void {
  const types = components.map(({ type }) => type);
  if (types.includes("")) throw new Refusal("invalid_request", "A type of the filter is empty.");
  const strange = types.find((type) => !keysOf.has(type));
  if (strange !== undefined) {
    throw new Refusal("unsupported_version", `There is no quota by ${strange}.`);
  }
  if (new Set(types).size < types.length) {
    throw new Refusal("invalid_request", "A type is twice in the filter.");
  }
  if (types.includes("ip") && types.length > 1) {
    throw new Refusal("invalid_request", "An address has quotas alone.");
  }
}

function matches({ entity }: ClientQuota, { components, strict }: QuotaFilter): boolean {
  if (strict && entity.size !== components.length) return false;
  return components.every(({ type, match }) => {
    const name = entity.get(type);
    if (name === undefined) return false;
    if (match === "any") return true;
    return match === "default" ? name === null : name === match.name;
  });
}

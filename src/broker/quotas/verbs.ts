/**
 * The verbs on client quotas (KIP-546): limits of users, client ids and addresses, by entity.
 */
import type { Refusal } from "../../lib/refusal.ts";
import type { Context } from "../verbs.ts";

/** Names by type (`user`, `client-id`, `ip`); a null name is everybody who has no quota of that type. */
export type QuotaEntity = ReadonlyMap<string, string | null>;

export interface ClientQuota {
  readonly entity: QuotaEntity;
  readonly values: ReadonlyMap<string, number>;
}

export interface QuotaChange {
  readonly entity: QuotaEntity;
  /** A null value takes the quota away. */
  readonly values: readonly { readonly key: string; readonly value: number | null }[];
}

export interface QuotaFilter {
  /** `default` matches the null name, `any` every name and the null one. */
  readonly components: readonly {
    readonly type: string;
    readonly match: { readonly name: string } | "default" | "any";
  }[];
  /** True: entities have no types but these. */
  readonly strict: boolean;
}

export interface QuotaVerbs {
  describe(context: Context, filter: QuotaFilter): readonly ClientQuota[];
  /** In order, what was refused, null for what stands; an entity's changes stand or fall together. */
  alter(
    context: Context,
    changes: readonly QuotaChange[],
    validateOnly: boolean,
  ): Promise<readonly (Refusal | null)[]>;
}

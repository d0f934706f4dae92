/**
 * UpdateFeatures (key 57): raise or lower the levels of the cluster's features (KIP-584).
 *
 * - v1 tells how far a downgrade may go and may only try it; v2 fails all of them together, with no answer each.
 */
import { array, bool, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";

/** By the code of the upgrade type; both kinds of downgrade lose nothing here. */
const ways: readonly ("up" | "down" | null)[] = [null, "up", "down", "down"];
const way = (allowDowngrade: boolean) => (allowDowngrade ? "down" : "up");

const featureUpdateKey = {
  feature: string(),
  maxVersionLevel: int16(),
  allowDowngrade: bool({ versions: "0" }),
  upgradeType: int8({ versions: "1+", default: 1 }),
};

const updatableFeatureResult = {
  feature: string(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
};

export const updateFeatures = defineApi({
  key: 57,
  name: "UpdateFeatures",
  versions: "0-2",
  flexible: "0+",
  request: {
    timeoutMs: int32({ default: 60000 }),
    featureUpdates: array(featureUpdateKey),
    validateOnly: bool({ versions: "1+", default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    results: array(updatableFeatureResult, { versions: "0-1", ignorable: true }),
  },
  async handle({ featureUpdates, validateOnly }, { broker, context, version }) {
    const changes = featureUpdates.map((update) => ({
      name: update.feature,
      level: update.maxVersionLevel,
      direction: version === 0 ? way(update.allowDowngrade) : (ways[update.upgradeType] ?? null),
    }));
    await broker.cluster.updateFeatures(context, changes, validateOnly);
    const results = featureUpdates.map(({ feature }) => ({
      feature,
      errorCode: NONE,
      errorMessage: null,
    }));
    return { throttleTimeMs: 0, errorCode: NONE, errorMessage: null, results };
  },
  refuse: (_request, error) => ({ throttleTimeMs: 0, ...error, results: [] }),
});

/**
 * UpdateFeatures (key 57): raise or lower the levels of the cluster's features (KIP-584).
 *
 * - v1 tells how far a downgrade may go and may only try it; v2 fails all of them together, with no answer each.
 */
import { array, bool, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

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
});

/**
 * What ApiVersions tells: every API that has a handler, and the cluster's features (KIP-584).
 *
 * - Up to v3 a feature whose lowest level is 0 is left out, since older Java clients take it for damage (KAFKA-17011).
 */
import type { FeatureLevels } from "../../broker/verbs.ts";
import { Writer } from "../../wire/writer.ts";
import type { Api } from "../define-api.ts";
import { codeFor } from "../error-codes.ts";

/** From this version on a feature may have 0 as its lowest level. */
const LEAST_ZERO_VERSION = 4;

export function advertisedApis(apis: readonly Api[]) {
  return apis
    .filter((api) => api.handle)
    .map(({ key, advertised }) => ({
      apiKey: key,
      minVersion: advertised.min,
      maxVersion: advertised.max,
    }));
}

export function featuresOf(levels: readonly FeatureLevels[], version: number) {
  return {
    supportedFeatures: levels
      .filter(({ least }) => least > 0 || version >= LEAST_ZERO_VERSION)
      .map(({ name, least, greatest }) => ({ name, minVersion: least, maxVersion: greatest })),
    finalizedFeatures: levels
      .filter(({ finalized }) => finalized > 0)
      .map(({ name, finalized }) => ({
        name,
        maxVersionLevel: finalized,
        minVersionLevel: finalized,
      })),
  };
}

/** Version 0's layout whatever was asked: the code, and this API's own range. 16 bytes, as Kafka's. */
export function unsupportedApiVersions(
  { key, versions }: Api,
  correlationId: number,
): Uint8Array[] {
  const writer = new Writer();
  writer.int32(16);
  writer.int32(correlationId);
  writer.int16(codeFor("unsupported_version"));
  writer.int32(1);
  writer.int16(key);
  writer.int16(versions.min);
  writer.int16(versions.max);
  return writer.finish();
}

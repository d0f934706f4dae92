/**
 * ApiVersions (key 18): which APIs and versions the broker speaks, and which features it has.
 *
 * - A version that is not known is answered in the layout of version 0 with error 35 and the range of this API alone, so
 *   that the client can ask again (KIP-511).
 * - Answers have response header 0 in every version.
 * - v3 tells the client's software and the features (KIP-584), v4 may tell features whose lowest level is 0.
 * - Left out: `zkMigrationReady` is never true.
 */
import { array, bool, int16, int32, int64, string } from "../../wire/schema.ts";
import { advertisedApis, featuresOf } from "../answers/api-versions.ts";
import { defineApi } from "../define-api.ts";
import { codeFor, NONE } from "../error-codes.ts";

/** Kafka's rule for the names and versions of clients. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const SOFTWARE_VERSION = 3;

const finalizedFeatureKey = { name: string(), maxVersionLevel: int16(), minVersionLevel: int16() };

export const apiVersions = defineApi({
  key: 18,
  name: "ApiVersions",
  versions: "0-4",
  flexible: "3+",
  request: {
    clientSoftwareName: string({ versions: "3+", ignorable: true }),
    clientSoftwareVersion: string({ versions: "3+", ignorable: true }),
  },
  response: {
    errorCode: int16(),
    apiKeys: array({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    supportedFeatures: array(
      { name: string(), minVersion: int16(), maxVersion: int16() },
      { versions: "3+", tag: 0, ignorable: true },
    ),
    finalizedFeaturesEpoch: int64({ versions: "3+", tag: 1, default: -1, ignorable: true }),
    finalizedFeatures: array(finalizedFeatureKey, { versions: "3+", tag: 2, ignorable: true }),
    zkMigrationReady: bool({ versions: "3+", tag: 3, default: false, ignorable: true }),
  },
  handle({ clientSoftwareName, clientSoftwareVersion }, { broker, context, version, door }) {
    const named = SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion);
    if (version >= SOFTWARE_VERSION && !named) {
      return { errorCode: codeFor("invalid_request"), apiKeys: [], throttleTimeMs: 0 };
    }
    const { cluster } = broker;
    return {
      errorCode: NONE,
      apiKeys: advertisedApis(door.apis),
      throttleTimeMs: 0,
      ...featuresOf(cluster.features(context), version),
      finalizedFeaturesEpoch: cluster.version(context),
    };
  },
});

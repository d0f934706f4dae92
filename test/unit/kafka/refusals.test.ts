/** What an API says when all of a request failed can be said in each of its versions. */
import { expect, test } from "bun:test";
import { apis } from "../../../src/kafka/apis/index.ts";
import { encodeResponse } from "../../../src/kafka/frames.ts";
import { Reader } from "../../../src/wire/reader.ts";
import { Writer } from "../../../src/wire/writer.ts";
import { joined } from "../../../src/lib/bytes.ts";
import { dice, randomFields } from "../../peers/random-message.ts";

const requests = 20;
const error = { errorCode: -1, errorMessage: "no" };

test.each(apis.filter((api) => api.refuse).map((api) => [api.name, api] as const))(
  "%s",
  (_, api) => {
    for (let version = api.versions.min; version <= api.versions.max; version += 1) {
      const roll = dice(version);
      for (let count = 0; count < requests; count += 1) {
        const writer = new Writer();
        api.request.encode(writer, version, randomFields(api.request.fields, version, roll));
        const request = api.request.decode(new Reader(joined(writer.finish())), version);
        const answer = api.refuse?.(request, error, version);
        const header = { version, correlationId: 1 };
        expect(
          () => answer && encodeResponse(api, header, answer),
          `version ${version}`,
        ).not.toThrow();
      }
    }
  },
);

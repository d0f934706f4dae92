/**
 * DescribeLogDirs (key 35): the broker's directories and how much each partition takes in them.
 *
 * - All topics are asked for by null. v3 has an error for the whole answer, v4 tells the disk's size and room (KIP-827).
 * - v5 tells whether a directory is cordoned (KIP-1066).
 */
import { array, bool, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";
import { describeDirectory } from "../answers/log-dirs.ts";

const describeLogDirsPartition = {
  partitionIndex: int32(),
  partitionSize: int64(),
  offsetLag: int64(),
  isFutureKey: bool(),
};

const describeLogDirsResult = {
  errorCode: int16(),
  logDir: string(),
  topics: array({ name: string(), partitions: array(describeLogDirsPartition) }),
  totalBytes: int64({ versions: "4+", default: -1, ignorable: true }),
  usableBytes: int64({ versions: "4+", default: -1, ignorable: true }),
  isCordoned: bool({ versions: "5+", default: false, ignorable: true }),
};

export const describeLogDirs = defineApi({
  key: 35,
  name: "DescribeLogDirs",
  versions: "1-5",
  flexible: "2+",
  request: { topics: array({ topic: string(), partitions: array(int32()) }, { nullable: "0+" }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "3+", ignorable: true }),
    results: array(describeLogDirsResult),
  },
  async handle({ topics }, call) {
    return { throttleTimeMs: 0, errorCode: NONE, results: [await describeDirectory(topics, call)] };
  },
});

/**
 * AlterReplicaLogDirs (key 34): move replicas to other directories of the same broker.
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { moveEach } from "../answers/log-dirs.ts";

const alterReplicaLogDir = {
  path: string(),
  topics: array({ name: string(), partitions: array(int32()) }),
};

const alterReplicaLogDirTopicResult = {
  topicName: string(),
  partitions: array({ partitionIndex: int32(), errorCode: int16() }),
};

export const alterReplicaLogDirs = defineApi({
  key: 34,
  name: "AlterReplicaLogDirs",
  versions: "1-2",
  flexible: "2+",
  request: { dirs: array(alterReplicaLogDir) },
  response: { throttleTimeMs: int32(), results: array(alterReplicaLogDirTopicResult) },
  handle: async ({ dirs }, call) => ({ throttleTimeMs: 0, results: await moveEach(dirs, call) }),
});

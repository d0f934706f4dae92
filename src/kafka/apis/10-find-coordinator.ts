/**
 * FindCoordinator (key 10): which broker coordinates a group (type 0), a transactional id (1) or a share partition (2).
 *
 * - v1 has types and messages, v4 asks for several keys at once (KIP-699): `key` is until v3, `coordinatorKeys` after.
 * - v6 knows share groups (KIP-932): the type, not the fields.
 */
import { array, int16, int32, int8, string } from "../../wire/schema.ts";
import { coordinatorsFor, noCoordinators } from "../answers/find-coordinator.ts";
import { defineApi } from "../define-api.ts";

const coordinator = {
  key: string(),
  nodeId: int32(),
  host: string(),
  port: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "4+", ignorable: true }),
};

export const findCoordinator = defineApi({
  key: 10,
  name: "FindCoordinator",
  versions: "0-6",
  flexible: "3+",
  request: {
    key: string({ versions: "0-3" }),
    keyType: int8({ versions: "1+", default: 0 }),
    coordinatorKeys: array(string(), { versions: "4+" }),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16({ versions: "0-3" }),
    errorMessage: string({ versions: "1-3", nullable: "1-3", ignorable: true }),
    nodeId: int32({ versions: "0-3" }),
    host: string({ versions: "0-3" }),
    port: int32({ versions: "0-3" }),
    coordinators: array(coordinator, { versions: "4+" }),
  },
  handle: (request, call) => coordinatorsFor(request, call),
  refuse: (request, { errorCode, errorMessage }, version) =>
    noCoordinators(request, errorCode, errorMessage, version),
});

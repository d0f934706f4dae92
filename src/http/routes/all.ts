/**
 * Every route there is, in the order of the document.
 */
import type { Route } from "../route.ts";
import { backup } from "./backup.ts";
import { checkLog } from "./check.ts";
import { getChunk } from "./chunks.ts";
import { getDocs, getOpenApi, getRoot } from "./docs.ts";
import { getError, listErrors } from "./errors.ts";
import { fetchMany, fetchPartition } from "./fetch.ts";
import { joinGroup, leaveGroup, pollGroup, streamGroup } from "./group-members.ts";
import {
  commitGroup,
  deleteGroup,
  getGroup,
  getGroupLag,
  getGroupOffsets,
  listGroups,
} from "./groups.ts";
import { healthz, livez, readyz, startupz } from "./health.ts";
import { getMetrics } from "./metrics.ts";
import { getNode } from "./node.ts";
import { findOffset } from "./offsets.ts";
import { produceToMany, produceToPartition, produceToTopic } from "./produce.ts";
import {
  alterTopic,
  createTopic,
  deleteRecords,
  deleteTopic,
  getTopic,
  listTopics,
} from "./topics.ts";
import { socket } from "./socket.ts";
import { tail } from "./tail.ts";
import {
  abortTransaction,
  addOffsets,
  beginTransaction,
  commitTransaction,
  transact,
} from "./transactions.ts";

export const routes: readonly Route[] = [
  createTopic,
  listTopics,
  getTopic,
  alterTopic,
  deleteTopic,
  deleteRecords,
  produceToTopic,
  produceToPartition,
  produceToMany,
  transact,
  beginTransaction,
  addOffsets,
  commitTransaction,
  abortTransaction,
  fetchPartition,
  fetchMany,
  findOffset,
  checkLog,
  getChunk,
  tail,
  socket,
  listGroups,
  getGroup,
  deleteGroup,
  joinGroup,
  pollGroup,
  leaveGroup,
  commitGroup,
  getGroupOffsets,
  getGroupLag,
  streamGroup,
  getNode,
  backup,
  livez,
  healthz,
  readyz,
  startupz,
  getMetrics,
  getRoot,
  listErrors,
  getError,
  getDocs,
  getOpenApi,
];

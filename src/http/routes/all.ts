/**
 * Every route there is, in the order of the document.
 */
import type { Route } from "../route.ts";
import { getNode } from "./node.ts";
import { produceToMany, produceToPartition, produceToTopic } from "./produce.ts";
import {
  alterTopic,
  createTopic,
  deleteRecords,
  deleteTopic,
  getTopic,
  listTopics,
} from "./topics.ts";

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
  getNode,
];

/**
 * `kedge topic …`: the commands on topics, and what they share.
 */
import type { Command } from "commander";
import type { Session } from "../session.ts";
import { addAlter } from "./alter.ts";
import { addCreate } from "./create.ts";
import { addDelete } from "./delete.ts";
import { addDescribe } from "./describe.ts";
import { addList } from "./list.ts";

export function addTopic(program: Command, session: Session): void {
  const topic = program.command("topic").description("make, show, change and delete topics");
  addCreate(topic, session);
  addList(topic, session);
  addDescribe(topic, session);
  addAlter(topic, session);
  addDelete(topic, session);
}

/** Members of groups over an HTTP door: the two calls that every test of them makes. */
import { type Answer, ask, jsonType, post } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";

const pathOf = (group: string, member: string): string => `/v1/groups/${group}/members/${member}`;

export function joinGroup(
  door: HttpDoor,
  group: string,
  member: string,
  body: unknown,
): Promise<Answer> {
  const init = { method: "PUT", headers: jsonType, body: JSON.stringify(body) };
  return ask(door, pathOf(group, member), init);
}

export function pollGroup(
  door: HttpDoor,
  group: string,
  member: string,
  body: unknown,
): Promise<Answer> {
  return post(door, `${pathOf(group, member)}/poll`, body);
}

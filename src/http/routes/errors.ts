/**
 * Where the `type` of a problem document leads: what its code means and what to do, and the whole table of them. As a page
 * for who asks for HTML first.
 */
import type { InferOutput } from "valibot";
import { errorKinds, type ErrorKind } from "../answers/error-kinds.ts";
import { HttpRefusal } from "../answers/problem.ts";
import { json, type Reply } from "../answers/reply.ts";
import { defineRoute, type Call } from "../route.ts";
import { errorKind, errorList, errorParams } from "../schema/error.ts";
import { noQuery } from "../schema/shapes.ts";
import { HTML, pageHeaders } from "./docs.ts";

const TAG = "docs";

export const listErrors = defineRoute({
  method: "GET",
  path: "/errors",
  tag: TAG,
  summary: "Every kind of problem",
  description: "What each means, and what to do. A page where `Accept` names `text/html`.",
  query: noQuery,
  open: true,
  responses: { 200: { description: "By code.", content: { "application/json": errorList } } },
  handle: (call): Promise<Reply> | Reply =>
    wantsPage(call)
      ? page(errorKinds)
      : withVary(json({ errors: errorKinds } satisfies { errors: readonly unknown[] })),
});

export const getError = defineRoute({
  method: "GET",
  path: "/errors/{code}",
  tag: TAG,
  summary: "One kind of problem",
  description: "What it means, and what to do. A page where `Accept` names `text/html`.",
  params: errorParams,
  query: noQuery,
  open: true,
  responses: {
    200: { description: "What the code means.", content: { "application/json": errorKind } },
  },
  handle(call): Promise<Reply> | Reply {
    const { code: asked } = call.params;
    const found = errorKinds.find(({ code }) => code === asked);
    if (!found) throw new HttpRefusal("unknown_route", `No problem has the code ${asked}.`);
    if (wantsPage(call)) return page([found]);
    return withVary(json(found satisfies InferOutput<typeof errorKind>));
  },
});

function wantsPage({ request }: Pick<Call, "request">): boolean {
  return request.headers.get("accept")?.includes("text/html") ?? false;
}

async function page(kinds: readonly ErrorKind[]): Promise<Reply> {
  const { errorsPage } = await import("../openapi/docs-page.ts");
  return withVary({ status: 200, type: HTML, body: errorsPage(kinds), headers: pageHeaders });
}

function withVary(reply: Reply): Reply {
  return { ...reply, headers: { ...reply.headers, vary: "Accept" } };
}

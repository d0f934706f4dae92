/**
 * Where the `type` of a problem document leads: what its code means, and the whole table of them.
 */
import type { InferOutput } from "valibot";
import { errorKinds, HttpRefusal } from "../answers/problem.ts";
import { json, type Reply } from "../answers/reply.ts";
import { defineRoute } from "../route.ts";
import { errorKind, errorList, errorParams } from "../schema/error.ts";
import { noQuery } from "../schema/shapes.ts";

const TAG = "docs";

export const listErrors = defineRoute({
  method: "GET",
  path: "/errors",
  tag: TAG,
  summary: "Every kind of problem",
  query: noQuery,
  open: true,
  responses: { 200: { description: "By code.", content: { "application/json": errorList } } },
  handle: (): Reply => json({ errors: errorKinds } satisfies { errors: readonly unknown[] }),
});

export const getError = defineRoute({
  method: "GET",
  path: "/errors/{code}",
  tag: TAG,
  summary: "One kind of problem",
  params: errorParams,
  query: noQuery,
  open: true,
  responses: {
    200: { description: "What the code means.", content: { "application/json": errorKind } },
  },
  handle({ params }): Reply {
    const found = errorKinds.find(({ code }) => code === params.code);
    if (!found) throw new HttpRefusal("unknown_route", `No problem has the code ${params.code}.`);
    return json(found satisfies InferOutput<typeof errorKind>);
  },
});

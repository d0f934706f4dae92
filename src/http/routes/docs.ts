/**
 * The API about itself: the OpenAPI document, a page that renders it, and what to try first. All static, so without a
 * token; made when first asked.
 */
import type { Reply } from "../answers/reply.ts";
import { json } from "../answers/reply.ts";
import { defineRoute, type Door } from "../route.ts";
import { noQuery } from "../schema/shapes.ts";

const TAG = "docs";
export const HTML = "text/html; charset=utf-8";

/** No script, nothing from elsewhere. */
export const pageHeaders = {
  "cache-control": "no-cache",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
  "x-content-type-options": "nosniff",
};

interface Made {
  readonly document: string;
  readonly page: string;
}

const made = new WeakMap<Door, Promise<Made>>();

function docsOf(door: Door): Promise<Made> {
  const known = made.get(door);
  if (known) return known;
  const making = make(door);
  made.set(door, making);
  return making;
}

async function make(door: Door): Promise<Made> {
  const [{ openApiDocument }, { docsPage }] = await Promise.all([
    import("../openapi/openapi.ts"),
    import("../openapi/docs-page.ts"),
  ]);
  const document = openApiDocument(door.routes, door.version);
  return { document: JSON.stringify(document), page: docsPage(document) };
}

export const getOpenApi = defineRoute({
  method: "GET",
  path: "/openapi.json",
  tag: TAG,
  summary: "This API as OpenAPI 3.1",
  query: noQuery,
  open: true,
  responses: { 200: { description: "The document.", content: { "application/json": "binary" } } },
  async handle({ door }): Promise<Reply> {
    const { document } = await docsOf(door);
    const headers = { "cache-control": "no-cache" };
    return { status: 200, type: "application/json", body: document, headers };
  },
});

export const getDocs = defineRoute({
  method: "GET",
  path: "/docs",
  tag: TAG,
  summary: "This API as a page",
  query: noQuery,
  open: true,
  responses: { 200: { description: "The page.", content: { "text/html": "binary" } } },
  async handle({ door }): Promise<Reply> {
    const { page } = await docsOf(door);
    return { status: 200, type: HTML, body: page, headers: pageHeaders };
  },
});

export const getRoot = defineRoute({
  method: "GET",
  path: "/",
  tag: TAG,
  summary: "What to try",
  query: noQuery,
  open: true,
  responses: {
    200: { description: "A few first steps.", content: { "application/json": "binary" } },
  },
  handle({ request, door }): Reply {
    const { origin } = new URL(request.url);
    const curl = door.authenticated ? "curl -H 'Authorization: Bearer TOKEN'" : "curl";
    return json({
      kedge: door.version,
      docs: `${origin}/docs`,
      openapi: `${origin}/openapi.json`,
      try: [
        `${curl} -d hello '${origin}/v1/topics/greetings/records?create=true'`,
        `${curl} '${origin}/v1/topics/greetings/partitions/0/records'`,
        `${curl} -N '${origin}/v1/tail?topic=greetings&from=earliest'`,
      ],
    });
  },
});

/**
 * The OpenAPI 3.1 document, made from the same declarations that validate requests. Loaded when it is first asked for:
 * opening the doors does not need it.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import type { MediaSchemas, Route, RouteResponse } from "../route.ts";
import { problemSchema } from "../schema/problem.ts";
import { bodyExamples, jsonShapes, UNDOCUMENTED } from "../schema/shapes.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly JsonObject[];
  readonly requestBody?: JsonObject;
  readonly responses: JsonObject;
}

export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: JsonObject;
  readonly security: readonly JsonObject[];
}

/** The document of these routes. */
export function openApiDocument(routes: readonly Route[], version: string): OpenApiDocument {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const operations = (paths[route.path] ??= {});
    operations[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "kedge",
      version,
      description:
        "Kafka's partitioned logs by plain fetch. Every failure is an RFC 9457 problem document; only what is not HTTP " +
        "at all is closed, or answered without a body, by the runtime. A call " +
        "may be repeated without harm, but for records: sent again they are appended again, unless the request has an " +
        "`Idempotency-Key`, or a `Producer-Id` and `Producer-Seq`.",
    },
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      responses: {
        problem: {
          description:
            "What is wrong, whether it helps to try again, and whether anything happened.",
          content: {
            "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
          },
        },
      },
      schemas: { Problem: jsonSchema(problemSchema) },
    },
    security: [{ token: [] }, {}],
  };
}

function operationOf(route: Route): Operation {
  const parameters = [
    ...parametersOf(route.params, "path"),
    ...parametersOf(route.query, "query"),
    ...Object.entries(route.headers ?? {}).map(([name, description]) => ({
      name,
      in: "header",
      description,
      schema: { type: "string" },
    })),
  ];
  const bodies = route.body ? { "application/json": route.body } : route.consumes;
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(bodies ? { requestBody: { required: true, content: contentOf(bodies) } } : {}),
    responses: responsesOf(route),
  };
}

function responsesOf(route: Route): JsonObject {
  const problem = { $ref: "#/components/responses/problem" };
  const own = Object.entries(route.responses).map(([status, each]) => [status, responseOf(each)]);
  return { ...Object.fromEntries(own), "4XX": problem, "5XX": problem };
}

function responseOf({ description, content, headers }: RouteResponse): JsonObject {
  const described = Object.entries(headers ?? {}).map(([name, words]) => [
    name,
    { description: words, schema: { type: "string" } },
  ]);
  return {
    description,
    ...(described.length > 0 ? { headers: Object.fromEntries(described) } : {}),
    ...(content ? { content: contentOf(content) } : {}),
  };
}

function contentOf(content: MediaSchemas): JsonObject {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => {
      if (schema === "binary") return [type, {}];
      // Lines are described one by one: no schema can describe the whole.
      if (type === "application/x-ndjson") return [type, { "x-line-schema": jsonSchema(schema) }];
      const example = bodyExamples.get(schema);
      return [type, { schema: jsonSchema(schema), ...(example === undefined ? {} : { example }) }];
    }),
  );
}

/** `/v1/topics/{topic}/records` by POST is `postTopicsTopicRecords`. */
function operationId({ method, path }: Route): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "" && word !== "v1");
  return (
    method.toLowerCase() +
    words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("")
  );
}

function parametersOf(schema: GenericSchema | undefined, place: "path" | "query"): JsonObject[] {
  if (!schema) return [];
  const whole = jsonSchema(schema);
  const required = Array.isArray(whole["required"]) ? whole["required"] : [];
  const properties = (whole["properties"] ?? {}) as Readonly<Record<string, JsonObject>>;
  const documented = Object.entries(properties).filter(([, each]) => !(UNDOCUMENTED in each));
  return documented.map(([name, each]) => {
    const { description, ...shape } = each;
    return {
      name,
      in: place,
      required: place === "path" || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: shape,
    };
  });
}

function jsonSchema(schema: GenericSchema): JsonObject {
  const { $schema: _, ...shape } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: "input",
    errorMode: "ignore",
    overrideSchema: ({ valibotSchema, jsonSchema }) => {
      const shape = jsonShapes.get(valibotSchema);
      return shape ? ({ [SHAPE]: shape } as typeof jsonSchema) : jsonSchema;
    },
  });
  return finished(shape) as JsonObject;
}

/** Marks what `jsonShapes` says of a schema, whatever the converter adds beside it. */
const SHAPE = "x-shape";

/** Puts the shapes in their places, and says tuples as 2020-12 does: the converter has `items` as a list. */
function finished(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(finished);
  if (typeof value !== "object" || value === null) return value;
  if (SHAPE in value) return value[SHAPE];
  const { items, additionalItems, ...rest }: Record<string, unknown> = { ...value };
  const members = Object.entries(rest).map(([name, each]) => [name, finished(each)]);
  const shape: Record<string, unknown> = Object.fromEntries(members);
  if (Array.isArray(items))
    return { ...shape, prefixItems: finished(items), items: additionalItems ?? false };
  return items === undefined ? shape : { ...shape, items: finished(items) };
}

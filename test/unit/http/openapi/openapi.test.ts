/** What the document says of the calls: their examples are taken by their own schemas, and its sentences are true. */
import { describe, expect, test } from "bun:test";
import { docsPage } from "../../../../src/http/openapi/docs-page.ts";
import { openApiDocument } from "../../../../src/http/openapi/openapi.ts";
import { problemReply } from "../../../../src/http/answers/problem.ts";
import { routes } from "../../../../src/http/routes/all.ts";
import { bodyExamples } from "../../../../src/http/schema/shapes.ts";
import { validate } from "../../../../src/http/bodies/validate.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";

const document = openApiDocument(routes, "0");
const page = docsPage(document);

interface Described {
  readonly name: string;
  readonly description?: string;
}

function parameter(path: string, method: string, name: string): string {
  const { parameters = [] } = document.paths[path]?.[method] ?? {};
  const found = (parameters as readonly unknown[] as readonly Described[]).find(
    (each) => each.name === name,
  );
  return found?.description ?? "";
}

describe("the document", () => {
  const main = [
    "/v1/topics/{topic}/records",
    "/v1/produce",
    "/v1/fetch",
    "/v1/groups/{group}/members/{member}",
    "/v1/groups/{group}/members/{member}/poll",
    "/v1/transact",
  ];
  for (const path of main)
    test(`has an example of ${path}, which is taken`, () => {
      const route = routes.find((each) => each.path === path && each.method !== "GET");
      const schema = route?.body ?? route?.consumes?.["application/json"];
      if (!schema || schema === "binary") throw new Error("the route has a body");
      const example = bodyExamples.get(schema);
      expect(() => validate(schema, example, "body")).not.toThrow();
      expect(JSON.stringify(document.paths[path])).toContain(JSON.stringify(example));
      expect(page).toContain(", for example<pre>");
    });

  test("does not say that records may be sent twice", () => {
    expect(document.info.description).not.toContain("every call is safe");
    expect(document.info.description).toContain("Idempotency-Key");
  });

  test("says what each parameter of a produce request does, and offers none that is always refused", () => {
    const partition = "/v1/topics/{topic}/partitions/{partition}/records";
    for (const name of ["acks", "create", "timestamp", "raw", "expect"])
      expect(parameter(partition, "post", name)).not.toBe("");
    for (const name of ["acks", "create"])
      expect(parameter("/v1/produce", "post", name)).not.toBe("");
    const topic = document.paths["/v1/topics/{topic}/records"]?.["post"]?.parameters ?? [];
    expect(topic.map(({ name }) => name)).toContain("acks");
    expect(topic.map(({ name }) => name)).not.toContain("expect");
  });

  test("says what tail counts, what a sequence ahead waits for, and how headers arrive", () => {
    const records = "/v1/topics/{topic}/partitions/{partition}/records";
    expect(parameter(records, "get", "from")).toContain("counts offsets");
    expect(parameter(records, "post", "Producer-Seq")).toMatch(/held 5 s.*Producer-Expected-Seq/);
    expect(document.paths[records]?.["post"]?.description).toContain("lower case");
  });
});

test("a gap names the sequence that was awaited, in headers too", () => {
  const facts = { sequence: 5, expected: 3 };
  const gap = new Refusal("out_of_order_sequence_number", "a gap", facts);
  expect(problemReply(gap, "id").headers).toMatchObject({
    "producer-expected-seq": "3",
    "producer-received-seq": "5",
  });
});

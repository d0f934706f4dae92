/**
 * The OpenAPI document as one HTML page: no script, no style sheet from elsewhere, readable offline and by a terminal's
 * browser.
 */
import type { JsonObject, OpenApiDocument, Operation } from "./openapi.ts";
import { type ErrorKind, errorKinds } from "../answers/error-kinds.ts";

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font: 0.875rem/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8884; border-radius: 6px; }
summary { cursor: pointer; padding: 0.4rem 0; }
details { border-bottom: 1px solid #8884; }
details > div { padding: 0 0 1rem 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid #8882; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
.muted { opacity: 0.7; }
`;

/** The page of this document. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(tag));
    const rows = own.map(({ path, method, operation }) => operationHtml(path, method, operation));
    return `<h2 id="${text(tag)}">${text(tag)}</h2>\n${rows.join("\n")}`;
  });
  const { title, version, description } = document.info;
  const problem = schemaHtml((document.components["schemas"] as JsonObject)["Problem"]);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(title)} ${text(version)}: HTTP API</title><style>${STYLE}</style></head><body>
<h1>${text(title)} <span class="muted">${text(version)}</span></h1>
<p>${inline(description)}</p>
<p><a href="/openapi.json">openapi.json</a> · ${tags.map((tag) => `<a href="#${text(tag)}">${text(tag)}</a>`).join(" · ")}</p>
${sections.join("\n")}
<h2 id="errors">errors</h2><p>Every 4xx and 5xx is <code>application/problem+json</code>:</p>${problem}
${errorsHtml(errorKinds)}
</body></html>
`;
}

/** The page that the `type` of a problem leads to in a browser. */
export function errorsPage(kinds: readonly ErrorKind[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>kedge: errors</title><style>${STYLE}</style></head><body><h1>errors</h1>
${errorsHtml(kinds)}
<p><a href="/errors">all of them</a> · <a href="/docs">the API</a></p></body></html>
`;
}

function errorsHtml(kinds: readonly ErrorKind[]): string {
  const rows = kinds.map(
    ({ code, status, kafka_error, retryable, title, advice }) =>
      `<tr><td><code>${text(code)}</code></td><td>${status}</td><td>${kafka_error ?? ""}</td><td>${retryable ? "retry" : ""}</td><td>${text(title)} ${inline(advice)}</td></tr>`,
  );
  return `<table><thead><tr><th>code</th><th>status</th><th>Kafka</th><th></th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function operationHtml(path: string, method: string, operation: Operation): string {
  const { summary, description, parameters, requestBody, responses } = operation;
  const parts = [
    description ? `<p>${inline(description)}</p>` : "",
    parameters ? parametersHtml(parameters) : "",
    requestBody ? `<h4>Body</h4>${contentHtml(requestBody["content"])}` : "",
    ...Object.entries(responses)
      .filter(([status]) => !status.endsWith("XX"))
      .map(([status, response]) => responseHtml(status, response as JsonObject)),
  ];
  return `<details><summary><code><span class="method">${method.toUpperCase()}</span>${text(path)}</code> <span class="muted">${text(summary)}</span></summary><div>
${parts.filter((part) => part !== "").join("\n")}
</div></details>`;
}

function parametersHtml(parameters: readonly JsonObject[]): string {
  const rows = parameters.map((parameter) => {
    const { name, required, description, schema } = parameter;
    const place = String(parameter["in"]);
    return `<tr><td><code>${text(String(name))}</code></td><td>${text(place)}${required === true ? ", required" : ""}</td><td>${inline(typeof description === "string" ? description : "")} <code class="muted">${text(JSON.stringify(schema))}</code></td></tr>`;
  });
  return `<table><tbody>${rows.join("")}</tbody></table>`;
}

function responseHtml(status: string, response: JsonObject): string {
  const words = `<h4>${text(status)} <span class="muted">${inline(String(response["description"]))}</span></h4>`;
  return words + contentHtml(response["content"]);
}

function contentHtml(content: unknown): string {
  return Object.entries((content ?? {}) as Record<string, JsonObject>)
    .map(([type, media]) => {
      const schema = media["x-line-schema"] ?? media["schema"];
      const { example } = media;
      const shown = example === undefined ? "" : `, for example${schemaHtml(example)}`;
      return `<p><code>${text(type)}</code>${shown}</p>${schema ? schemaHtml(schema) : ""}`;
    })
    .join("");
}

function schemaHtml(schema: unknown): string {
  return `<pre>${text(JSON.stringify(schema, null, 2))}</pre>`;
}

/** Text with its `code` marked. */
function inline(words: string): string {
  return text(words).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function text(words: string): string {
  return words
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

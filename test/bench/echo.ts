/**
 * Ceilings: answers each POST with its own body, on Bun alone or through Hono, and each GET with as much of a log of zeros as
 * kedge gives at once. `bun echo.ts bun|hono PORT`.
 */
import { Hono } from "hono";

const [flavour, port] = process.argv.slice(2);

const app = new Hono();
app.post("/v1/topics/:topic/partitions/:partition/records", async (context) =>
  context.body(await context.req.arrayBuffer()),
);

const pageBytes = 8 * 1024 * 1024;
const page = new Uint8Array(pageBytes);

/** `/pages/NEXT/BYTES`: the page at NEXT of a log of BYTES. */
function servePage(path: string): Response {
  const [next = 0, bytes = 0] = path.split("/").slice(2).map(Number);
  const end = Math.min(next + pageBytes, bytes);
  return new Response(page.subarray(0, end - next), {
    headers: { "kafka-next": String(end), "kafka-up-to-date": String(end === bytes) },
  });
}
app.get("/pages/:next/:bytes", (context) => servePage(context.req.path));

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  fetch:
    flavour === "hono"
      ? app.fetch
      : async (request) =>
          request.method === "GET"
            ? servePage(new URL(request.url).pathname)
            : new Response(await request.arrayBuffer()),
});

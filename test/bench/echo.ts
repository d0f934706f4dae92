/**
 * A ceiling: answers each POST with its own body, on Bun alone or through Hono. `bun echo.ts bun|hono PORT`.
 */
import { Hono } from "hono";

const [flavour, port] = process.argv.slice(2);

const app = new Hono();
app.post("/v1/topics/:topic/partitions/:partition/records", async (context) =>
  context.body(await context.req.arrayBuffer()),
);

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  fetch:
    flavour === "hono" ? app.fetch : async (request) => new Response(await request.arrayBuffer()),
});

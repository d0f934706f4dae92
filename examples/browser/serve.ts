/**
 * Serves the page beside it on http://localhost:3000 (or PORT).
 */
const page = Bun.file(new URL("./index.html", import.meta.url));
const server = Bun.serve({
  port: Number(process.env["PORT"] ?? 3000),
  hostname: "localhost",
  fetch: () => new Response(page),
});
console.log(`http://localhost:${server.port}`);

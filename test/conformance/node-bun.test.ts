/** A node on Bun, from outside; and what its command line refuses. */
import { describe, expect, test } from "bun:test";
import { runServe } from "./node.ts";
import { nodeSuite } from "./node-suite.ts";

nodeSuite("on Bun", () => Promise.resolve({}));

describe("serve's command line", () => {
  test("a wrong flag exits 2 and says which was meant", async () => {
    const { code, errors } = await runServe(["--htp", "x"]);
    expect(code).toBe(2);
    expect(errors).toContain("did you mean --http?");
  });

  test("beyond loopback without a token exits 2 and says what to do", async () => {
    const { code, errors } = await runServe(["--data", ":memory:", "--http", "0.0.0.0:0"]);
    expect(code).toBe(2);
    expect(errors).toContain("--token-file FILE");
  });

  test("a token file that is not there exits 1", async () => {
    const args = ["--data", ":memory:", "--http", "127.0.0.1:0", "--token-file", "/nowhere/token"];
    const { code, errors } = await runServe(args);
    expect(code).toBe(1);
    expect(errors).toContain("--token-file");
  });
});

/**
 * Chromium for tests: the machine's own, else Debian's package, which wants root.
 */
const names = ["chromium", "chromium-browser", "google-chrome"];

/** Null with a reason on the console where there is none to be had. */
export async function chromiumBinary(): Promise<string | null> {
  const find = () => names.map((name) => Bun.which(name)).find((path) => path !== null) ?? null;
  const found = find();
  if (found !== null) return found;
  if (Bun.which("apt-get") !== null && process.getuid?.() === 0) {
    const install = "apt-get update && apt-get install -y --no-install-recommends chromium";
    const child = Bun.spawn(["sh", "-c", install], { stdout: "ignore", stderr: "ignore" });
    await child.exited;
  }
  const installed = find();
  if (installed === null) console.log("skipped: there is no Chromium, and none can be installed");
  return installed;
}

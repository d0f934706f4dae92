/**
 * Why a port could not be opened, in words that say what to do: the runtimes tell it each in their own way.
 */
import { errorCode } from "../lib/error-code.ts";

/** `flag` is what chose the address. */
export function whyNotListening(error: unknown, host: string, port: number, flag: string): string {
  const code = errorCode(error);
  const what = `cannot listen on ${host}:${port}`;
  if (code === "EADDRINUSE") {
    const none = flag === "--kafka" ? ", or serve it nowhere with --kafka none" : "";
    return `${what}: the port is taken; choose another with ${flag} HOST:PORT${none}`;
  }
  if (code === "EACCES") return `${what}: ports below 1024 need a right that this process lacks`;
  const reason = error instanceof Error ? error.message : String(error);
  if (reason.includes("PEM routines") || /certificate|private key/i.test(reason)) {
    return `cannot serve HTTPS with what --tls-cert and --tls-key name: ${reason}`;
  }
  return `${what}: ${reason}`;
}

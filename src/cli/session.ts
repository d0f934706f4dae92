/**
 * What every command works with: the outside, the node it speaks to, and how it shows what it found.
 */
import type { Command } from "commander";
import { Kedge, type KedgeError } from "../client/client.ts";
import { UsageError } from "../lib/setting.ts";
import { durationMs } from "./arguments.ts";
import type { Io } from "./io.ts";
import { readNamed } from "./input-file.ts";

const URL_DEFAULT = "http://127.0.0.1:8080";

/** Commands wait this long for a node that does not answer, retries and all. */
const PATIENCE_MS = 10_000;

export interface Session {
  readonly io: Io;
  /** Words for the person: stderr. */
  readonly note: (text: string) => Promise<void>;
  /** The node, by `--url` and `--token`, or their environment variables. */
  connect(): Promise<Kedge>;
}

interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly patience?: number;
}

export function addGlobalOptions(program: Command): void {
  program
    .option("--url <url>", `the node (KEDGE_URL, else ${URL_DEFAULT})`)
    .option("--token <token>", "the node's bearer token (KEDGE_TOKEN); a file is safer")
    .option("--token-file <file>", "a file that holds the token (KEDGE_TOKEN_FILE)")
    .option("--patience <span>", "how long to try a node that does not answer (10s)", durationMs);
}

export function sessionOf(program: Command, io: Io): Session {
  let toldRetry = false;
  const note = (text: string) => io.stderr.write(`${text}\n`);
  const onRetry = (error: KedgeError) => {
    if (toldRetry) return;
    toldRetry = true;
    void note(`kedge: ${error.message} Trying again …`);
  };
  return {
    io,
    note,
    connect: async () => {
      const options = program.opts<GlobalOptions>();
      const url = checkUrl(options.url ?? io.env["KEDGE_URL"] ?? URL_DEFAULT);
      const token = await tokenOf(options, io.env);
      const retry = { budgetMs: options.patience ?? PATIENCE_MS };
      return new Kedge({ url, token, fetch: io.fetch, retry, onRetry });
    },
  };
}

function checkUrl(text: string): URL {
  const withScheme = text.includes("://") ? text : `http://${text}`;
  if (!/^https?:/i.test(withScheme) || !URL.canParse(withScheme))
    throw new UsageError(`--url must be an address such as ${URL_DEFAULT}, not "${text}"`);
  return new URL(withScheme);
}

async function tokenOf(options: GlobalOptions, env: Io["env"]): Promise<string | undefined> {
  if (options.token !== undefined) return options.token;
  const { KEDGE_TOKEN: token, KEDGE_TOKEN_FILE: ofEnv } = env;
  if (options.tokenFile !== undefined)
    return (await readNamed(options.tokenFile, "--token-file")).trim();
  if (token !== undefined || ofEnv === undefined) return token;
  return (await readNamed(ofEnv, "KEDGE_TOKEN_FILE")).trim();
}

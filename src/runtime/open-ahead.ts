/**
 * What a start opens first: the files of secrets, then the stores. It needs little code, so that the stores open in their
 * Worker while this thread still loads all that is built on them.
 */
import { readFileSync } from "node:fs";
import type { Platform } from "../lib/platform.ts";
import {
  IN_MEMORY,
  openFolder,
  openMemoryStores,
  type Stores,
  type StoreSurroundings,
} from "./open-stores.ts";
import { StartError } from "./start-error.ts";
import { whyUnread } from "../lib/unreadable.ts";

/** What of a node's settings is needed here. */
export interface AheadSettings {
  readonly data: string;
  readonly "token-file": string | null;
  readonly "tls-cert": string | null;
  readonly "tls-key": string | null;
}

export interface Secrets {
  readonly auth: { token: string } | null;
  /** Nothing where HTTP goes in clear. */
  readonly tls: Parameters<Platform["serveHttp"]>[0]["tls"];
}

export interface Ahead {
  /** Rejects with StartError. */
  readonly parts: Promise<Secrets & { readonly stores: Stores }>;
  /** Closes what is open. */
  readonly opened: AsyncDisposableStack;
}

/** Begins to open; what goes wrong is told by `parts`. */
export function openAhead(settings: AheadSettings, surroundings: StoreSurroundings): Ahead {
  const opened = new AsyncDisposableStack();
  const open = async () => {
    // Before a data folder is made: what cannot be read leaves nothing behind.
    const secrets = { auth: readToken(settings), tls: readTls(settings) };
    const { data } = settings;
    const stores = data === IN_MEMORY ? openMemoryStores() : openFolder(data, surroundings, opened);
    return { ...secrets, stores: await stores };
  };
  const parts = open();
  parts.catch(() => {}); // Told where it is awaited.
  return { parts, opened };
}

function readToken(settings: AheadSettings): Secrets["auth"] {
  const path = settings["token-file"];
  if (path === null) return null;
  const token = readText(path, "--token-file").trim();
  if (/^[\x21-\x7e]+$/.test(token)) return { token };
  throw new StartError(`the file of --token-file, ${path}, must hold one word of printable ASCII`);
}

function readTls(settings: AheadSettings): Secrets["tls"] {
  const [cert, key] = [settings["tls-cert"], settings["tls-key"]];
  if (cert === null || key === null) return undefined;
  return { cert: readText(cert, "--tls-cert"), key: readText(key, "--tls-key") };
}

function readText(path: string, flag: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const why = whyUnread(error, path, flag) ?? `Cannot read ${path} (${flag}): ${String(error)}`;
    throw new StartError(why, { cause: error });
  }
}

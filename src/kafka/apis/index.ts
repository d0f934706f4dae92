/**
 * Every API that is declared, by key. Those with a handler are served.
 */
import type { Api } from "../define-api.ts";
import { produce } from "./00-produce.ts";
import { fetch } from "./01-fetch.ts";
import { listOffsets } from "./02-list-offsets.ts";
import { metadata } from "./03-metadata.ts";
import { apiVersions } from "./18-api-versions.ts";

export const apis: readonly Api[] = [produce, fetch, listOffsets, metadata, apiVersions];

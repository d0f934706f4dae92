/**
 * How kedge is started where the reader of a hint is: from a clone by the package's scripts, elsewhere by its name.
 */
const isPackage = import.meta.url.includes("/node_modules/");

/** What stands before a command: `bun run kedge topic list`. */
export const KEDGE = isPackage ? "kedge" : "bun run kedge";

/** Starts a node; flags may follow. */
export const START_NODE = isPackage ? "kedge serve" : "bun run start";

/**
 * Statements of `statements.ts`, prepared once on one connection and run by name of parameter.
 *
 * - Arguments always go as an array: a lone buffer aborts the process (libsql-js#114).
 * - One row at a time where rows are large (`first`): the driver's iterator fetches a hundred ahead.
 */
import type Database from "libsql";
import { Bug, assert } from "../../lib/assert.ts";

export type SqlValue = number | string | Uint8Array | null;

interface Compiled {
  readonly sql: string;
  readonly parameters: readonly string[];
  readonly columns: readonly string[];
}

type Values<S extends Compiled> = Readonly<Record<S["parameters"][number], SqlValue>>;
type Columns<S extends Compiled> = Readonly<Record<S["columns"][number], unknown>>;

class Prepared<S extends Compiled> {
  readonly #statement: Database.Statement;
  readonly #parameters: readonly (keyof Values<S>)[];
  readonly #columns: readonly string[];

  constructor(database: Database.Database, compiled: S) {
    this.#statement = database.prepare(compiled.sql);
    this.#parameters = compiled.parameters;
    this.#columns = compiled.columns;
    if (compiled.columns.length > 0) this.#statement.raw();
  }

  /** Runs it and tells how many rows it changed, and the last row id it gave. */
  run(values: Values<S>): { readonly changes: number; readonly rowId: number } {
    const { changes, lastInsertRowid } = this.#statement.run(this.#bind(values));
    return { changes, rowId: Number(lastInsertRowid) };
  }

  first(values: Values<S>): Columns<S> | null {
    const row = this.#statement.get(this.#bind(values));
    return row === undefined || row === null ? null : this.#named(row);
  }

  all(values: Values<S>): Columns<S>[] {
    return this.#statement.all(this.#bind(values)).map((row) => this.#named(row));
  }

  #bind(values: Values<S>): SqlValue[] {
    return this.#parameters.map((name) => values[name]);
  }

  #named(row: unknown): Columns<S> {
    assert(Array.isArray(row), "the driver gives rows as arrays");
    const named: Record<string, unknown> = {};
    for (const [at, column] of this.#columns.entries()) named[column] = row[at];
    // The statement's compiled columns are the keys of its type.
    return named as Columns<S>;
  }
}

type PreparedAll<G extends Readonly<Record<string, Compiled>>> = { [K in keyof G]: Prepared<G[K]> };

/** Prepares every statement of a group at its first use. */
export function prepareAll<G extends Readonly<Record<string, Compiled>>>(
  database: Database.Database,
  group: G,
): PreparedAll<G> {
  const prepared = {};
  for (const [name, compiled] of Object.entries(group)) {
    let statement: Prepared<Compiled> | null = null;
    Object.defineProperty(prepared, name, {
      get: () => (statement ??= new Prepared(database, compiled)),
    });
  }
  // Each name of the group was defined above.
  return prepared as PreparedAll<G>;
}

/** An INTEGER column's value. */
export function integer(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value))
    throw new Bug(`a column holds ${typeof value} where an exact integer belongs`);
  return value;
}

export function text(value: unknown): string {
  if (typeof value !== "string") throw new Bug(`a column holds ${typeof value} where text belongs`);
  return value;
}

export function blob(value: unknown): Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array) || !(value.buffer instanceof ArrayBuffer))
    throw new Bug(`a column holds ${typeof value} where bytes belong`);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

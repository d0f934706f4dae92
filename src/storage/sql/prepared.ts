/**
 * Statements of `statements.ts`, prepared once on one connection and run by name of parameter.
 *
 * - Arguments always go as an array: a lone buffer aborts the process (libsql-js#114).
 * - One row at a time where rows are large (`first`): the driver's iterator fetches a hundred ahead.
 * - A statement that met a damaged page is prepared anew: `get` of the old one would throw that error for good, whatever it is
 *   asked.
 */
import type Database from "libsql";
import { assert } from "../../lib/assert.ts";
import { Contradiction, isDamage } from "../files/sqlite-error.ts";

export type SqlValue = number | string | Uint8Array | null;

interface Compiled {
  readonly sql: string;
  readonly parameters: readonly string[];
  readonly columns: readonly string[];
}

type Values<S extends Compiled> = Readonly<Record<S["parameters"][number], SqlValue>>;
type Columns<S extends Compiled> = Readonly<Record<S["columns"][number], unknown>>;

class Prepared<S extends Compiled> {
  readonly #database: Database.Database;
  readonly #compiled: S;
  #statement: Database.Statement | null = null;
  readonly #parameters: readonly (keyof Values<S>)[];
  readonly #columns: readonly string[];

  constructor(database: Database.Database, compiled: S) {
    this.#database = database;
    this.#compiled = compiled;
    this.#parameters = compiled.parameters;
    this.#columns = compiled.columns;
  }

  /** Runs it and tells how many rows it changed, and the last row id it gave. */
  run(values: Values<S>): { readonly changes: number; readonly rowId: number } {
    const { changes, lastInsertRowid } = this.#ask((statement) =>
      statement.run(this.#bind(values)),
    );
    return { changes, rowId: Number(lastInsertRowid) };
  }

  first(values: Values<S>): Columns<S> | null {
    const row: unknown = this.#ask((statement) => statement.get(this.#bind(values)));
    return row === undefined || row === null ? null : this.#named(row);
  }

  all(values: Values<S>): Columns<S>[] {
    const rows = this.#ask((statement) => statement.all(this.#bind(values)));
    return rows.map((row) => this.#named(row));
  }

  #ask<T>(work: (statement: Database.Statement) => T): T {
    this.#statement ??= this.#prepare();
    try {
      return work(this.#statement);
    } catch (error) {
      if (isDamage(error)) this.#statement = null;
      throw error;
    }
  }

  #prepare(): Database.Statement {
    const statement = this.#database.prepare(this.#compiled.sql);
    return this.#columns.length > 0 ? statement.raw() : statement;
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
    throw holds(value, "an exact integer belongs");
  return value;
}

/** A number of 64 bits that is kept as text, from the bytes of that. */
export function int64(value: unknown): bigint {
  const digits = new TextDecoder().decode(blob(value));
  if (!/^-?\d{1,19}$/.test(digits)) throw holds(value, "a number's digits belong");
  return BigInt(digits);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text, from the bytes of it: the driver ends the process where they are not UTF-8. */
export function text(value: unknown): string {
  const bytes = blob(value);
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Contradiction("a column holds bytes that are no text where text belongs");
  }
}

/** Null for what is no text any more. */
export function textIfAny(value: unknown): string | null {
  try {
    return text(value);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return null;
  }
}

export function blob(value: unknown): Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array) || !(value.buffer instanceof ArrayBuffer))
    throw holds(value, "bytes belong");
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function holds(value: unknown, where: string): Contradiction {
  return new Contradiction(`a column holds ${typeof value} where ${where}`);
}

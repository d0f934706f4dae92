/**
 * Columns as they are read, and values as they are written, in Drizzle's terms. What a damaged page holds in a column must not
 * reach the driver as text: it ends the process where that is not UTF-8.
 */
import { sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";

export const value = sql.placeholder;

/** As a column's new value, where Drizzle's types ask for one. */
export function set(name: string) {
  return sql`${value(name)}`;
}

/** A column's number; null for what is none. */
export function number(column: SQLiteColumn) {
  return sql<number>`iif(typeof(${column}) = 'integer', ${column}, null)`;
}

/** The bytes of a column's text, or of its blob. */
export function asBytes(column: SQLiteColumn) {
  return sql`cast(${column} as blob)`;
}

/**
 * The one place that looks whether an answer is what the node's OpenAPI document says: a proxy's page, or a server that is no
 * node, must end in `bad_answer` and not in a TypeError far from here, nor pass for an acknowledgement.
 *
 * A check names every member that the client reads (the compiler holds that); what else is there is a later node's affair.
 */
import { badAnswer, isObject, type KedgeError } from "./errors.ts";

export type Check<Value> = (value: unknown) => value is Value;

/** Offsets, counts, times: the API has no other numbers. */
export const isWhole: Check<number> = (value): value is number => Number.isSafeInteger(value);

export const isText: Check<string> = (value): value is string => typeof value === "string";

export const isFlag: Check<boolean> = (value): value is boolean => typeof value === "boolean";

export function listOf<Each>(isEach: Check<Each>): Check<readonly Each[]> {
  return (value): value is readonly Each[] => Array.isArray(value) && value.every(isEach);
}

export function orNull<Value>(isValue: Check<Value>): Check<Value | null> {
  return (value): value is Value | null => value === null || isValue(value);
}

export function maybe<Value>(isValue: Check<Value>): Check<Value | undefined> {
  return (value): value is Value | undefined => value === undefined || isValue(value);
}

export function membersOf<Shape extends object>(checks: {
  readonly [Name in keyof Shape]-?: Check<Shape[Name]>;
}): Check<Shape> {
  const each = Object.entries<Check<unknown>>(checks);
  return (value): value is Shape =>
    isObject(value) && each.every(([name, isMember]) => isMember(value[name]));
}

/** What was read, once it is sure to have its shape. @throws KedgeError `bad_answer`. */
export function shaped<Shape>(value: unknown, isShape: Check<Shape>): Shape {
  if (isShape(value)) return value;
  throw strange(JSON.stringify(value));
}

/** JSON text as what it must be. @throws KedgeError `bad_answer`. */
export function parsed<Shape>(text: string, isShape: Check<Shape>): Shape {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw strange(text, cause);
  }
  return shaped(value, isShape);
}

function strange(text: string, cause?: unknown): KedgeError {
  return badAnswer(`No kedge node answers so: ${text.slice(0, 100)}`, 200, cause);
}

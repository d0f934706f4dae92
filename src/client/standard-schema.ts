/**
 * Standard Schema v1, as its authors ask that it be used: the interface copied as types (https://standardschema.dev).
 * Valibot, Zod, ArkType and Effect schemas are of this shape, so the client needs none of them.
 */

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** One line a person can read: `n: must be a number; name: is missing`. */
export function issueText(issues: readonly StandardIssue[]): string {
  return issues
    .map(({ message, path }) => {
      const where = (path ?? []).map((step) => String(typeof step === "object" ? step.key : step));
      return where.length === 0 ? message : `${where.join(".")}: ${message}`;
    })
    .join("; ");
}

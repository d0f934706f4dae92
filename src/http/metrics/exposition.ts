/**
 * Prometheus' text format, as far as gauges and counters go.
 */

export interface Sample {
  /** `name="value",…` without braces; values must have gone through `label`. */
  readonly labels: string;
  readonly value: number;
}

/** One metric with its help, type and samples. */
export function family(
  name: string,
  type: "gauge" | "counter",
  help: string,
  samples: readonly Sample[],
): string {
  const lines = samples.map(({ labels, value }) =>
    labels === "" ? `${name} ${value}` : `${name}{${labels}} ${value}`,
  );
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join("\n");
}

/** A label's value, escaped. */
export function label(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

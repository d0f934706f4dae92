/**
 * Every setting for people: the help of `serve`, and the README's table.
 */
import { shownSettings } from "../config.ts";
import { variable } from "../lib/setting-sources.ts";

/** What `kedge serve --help` says. */
export function helpText(): string {
  const rows = shownSettings().map(([name, { kind, fallback, repeats, sentence }]) => {
    const flag = `--${name}${kind.argument === "" ? "" : ` ${kind.argument}`}`;
    const notes = [repeats ? "may repeat" : "", fallback === "" ? "" : `default ${fallback}`];
    const note = notes.filter((each) => each !== "").join(", ");
    return `  ${flag.padEnd(40)}  ${sentence}${note === "" ? "" : ` (${note})`}`;
  });
  return [
    "Usage: kedge serve [flags]",
    "",
    "Starts a node. Each flag has a variable (--http is KEDGE_HTTP) and a key in the file of --config.",
    "",
    ...rows,
  ].join("\n");
}

/** The README's table of settings, in Markdown. */
export function settingsTable(): string {
  const rows = shownSettings().map(([name, { kind, kafka, fallback, sentence }]) => {
    const flag = `\`--${name}${kind.argument === "" ? "" : ` ${kind.argument.replaceAll("|", "\\|")}`}\``;
    const given = fallback === "" ? "" : `\`${fallback}\``;
    return `| ${flag} | \`${variable(name)}\` | ${kafka === null ? "" : `\`${kafka}\``} | ${given} | ${sentence} |`;
  });
  return ["| flag | variable | Kafka's key | default | |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

/**
 * `kedge doctor`: what is wrong with a node, or with a data folder that no node has open, and what to do.
 *
 * Either way every record is read again, by a node at its own pace. Exit 1 if anything is wrong. Each finding is `ok`, a
 * `note`, or `wrong`.
 */
import type { Command } from "commander";
import { UsageError } from "../../lib/setting.ts";
import { Ended, exitCodes } from "../exit.ts";
import { formatFor, outputOption, showList, type Column, type ListFormat } from "../output.ts";
import type { Session } from "../session.ts";
import { examineFolder, refuseUnrepairable } from "./examine-folder.ts";
import { examineNode } from "./examine-node.ts";
import type { Finding } from "./finding.ts";
import { repair } from "./repair.ts";

interface Options {
  readonly data?: string;
  readonly quick?: boolean;
  readonly repair?: string;
  readonly output?: ListFormat;
}

const columns: readonly Column<Finding>[] = [
  ["", (finding) => finding.state],
  ["WHAT", (finding) => finding.what],
  ["DETAIL", (finding) => finding.detail],
];

export function addDoctor(program: Command, session: Session): void {
  program
    .command("doctor")
    .description("look for what is wrong, with a running node or with a data folder at rest")
    .option("--data <folder>", "this folder's files, which no node may have open")
    .option("--repair <new-folder>", "with --data: what its tables have, with new indexes")
    .option(
      "--quick",
      "leave out reading every record; a node reads them slowly, so as not to disturb others",
    )
    .addOption(outputOption())
    .action(async (options: Options) => {
      const { stdout } = session.io;
      const { data } = options;
      if (options.repair !== undefined) {
        if (data === undefined) throw new UsageError("--repair wants --data, a folder at rest.");
        await refuseUnrepairable(data);
        return repair(session, data, options.repair);
      }
      const findings =
        data === undefined
          ? await examineNode(session, options.quick === true)
          : await examineFolder(session, data, options.quick === true);
      await showList(findings, columns, formatFor(options.output, stdout), stdout);
      const wrong = findings.filter(({ state }) => state === "wrong").length;
      if (wrong > 0) throw new Ended(exitCodes.failure);
    });
}

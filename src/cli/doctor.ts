/**
 * `kedge doctor`: what is wrong with a node, or with a data folder that no node has open, and what to do.
 *
 * Either way every record is read again, by a node at its own pace. Exit 1 if anything is wrong. Each finding is `ok`, a
 * `note`, or `wrong`.
 */
import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { type Kedge, KedgeError, type LogCheck } from "../client/client.ts";
import { checkDataFolder } from "./data-folder.ts";
import { Ended, exitCodes, Failure } from "./exit.ts";
import { UsageError } from "../lib/setting.ts";
import { formatFor, outputOption, showList, type Column, type ListFormat } from "./output.ts";
import { counted, Progress } from "./progress.ts";
import { repair } from "./repair.ts";
import type { Session } from "./session.ts";
import { KEDGE } from "./kedge-command.ts";

interface Options {
  readonly data?: string;
  readonly quick?: boolean;
  readonly repair?: string;
  readonly output?: ListFormat;
}

interface Finding {
  readonly state: "ok" | "note" | "wrong";
  readonly what: string;
  /** What is so, and what to do about it. */
  readonly detail: string;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

const SHOWN_MAX = 20;
const RESTORE = "restore a backup";

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

async function examineNode(session: Session, quick: boolean): Promise<Finding[]> {
  const kedge = await session.connect();
  const node = await kedge.node();
  const same = node.version === manifest.version;
  const findings: Finding[] = [
    {
      state: "ok",
      what: "node",
      detail: `node ${node.nodeId} of cluster ${node.clusterId}: ${counted(node.topics, "topics")}, ${counted(node.partitions, "partitions")}`,
    },
    {
      state: same ? "ok" : "note",
      what: "version",
      detail: same
        ? node.version
        : `the node is ${node.version}, this command line ${manifest.version}: update the older`,
    },
  ];
  const { ready, checks } = await kedge.ready();
  findings.push({
    state: ready ? "ok" : "wrong",
    what: "ready",
    detail: ready ? "every door serves" : "the node does not serve; its log says more",
  });
  for (const { name, ready, detail } of checks)
    findings.push({
      state: ready ? "ok" : "wrong",
      what: name,
      detail: detail ?? (ready ? "works" : "fails"),
    });
  const places: Place[] = [];
  for (const { name } of await kedge.topics({ internal: true })) {
    const { partitionList } = await kedge.describeTopic(name);
    for (const { partition, leader, isr, replicas } of partitionList) {
      places.push({ topic: name, partition });
      const what = `${name} ${partition}`;
      if (leader < 0) findings.push({ state: "wrong", what, detail: "has no leader" });
      else if (isr.length < replicas.length)
        findings.push({
          state: "wrong",
          what,
          detail: `in sync on ${isr.length} of ${replicas.length} nodes`,
        });
    }
  }
  if (!quick) findings.push(...(await recordsFindings(session, kedge, places)));
  return findings;
}

/** What the node finds as it reads its records again; a topic that goes meanwhile is left out. */
async function recordsFindings(
  session: Session,
  kedge: Kedge,
  places: readonly Place[],
): Promise<Finding[]> {
  const progress = new Progress(session.io.stderr, "bytes");
  const signal = session.io.interrupted;
  const damaged: Finding[] = [];
  let [batches, unnamed] = [0, 0];
  try {
    for (const { topic, partition } of places) {
      try {
        for await (const check of kedge.topic(topic).check(partition, { signal })) {
          batches += check.batches;
          progress.add(check.bytes);
          const found = check.damaged.map((span) => damagedFinding(`${topic} ${partition}`, span));
          damaged.push(...found.splice(0, SHOWN_MAX - damaged.length));
          unnamed += found.length;
        }
      } catch (error) {
        if (!(error instanceof KedgeError) || error.status !== 404) throw error;
        if (error.code !== "unknown_topic_or_partition") return [cannotLook];
      }
    }
  } finally {
    await progress.end();
  }
  const size = `${counted(batches, "batches")} in ${counted(places.length, "partitions")}, ${Math.round(progress.count / MIB)} MiB`;
  if (damaged.length === 0)
    return [{ state: "ok", what: "records", detail: `${size}: every checksum is right` }];
  const others = unnamed === 0 ? "" : `; ${unnamed} more places are damaged`;
  return [
    ...damaged,
    {
      state: "wrong",
      what: "records",
      detail: `${size}${others}: restore a backup, or export what can be read`,
    },
  ];
}

const cannotLook: Finding = {
  state: "note",
  what: "records",
  detail: "this node cannot look for damage while it serves: update it",
};

function damagedFinding(what: string, { from, next, why }: LogCheck["damaged"][number]): Finding {
  return { state: "wrong", what, detail: `offsets ${from} to ${next - 1} are damaged: ${why}` };
}

const FREE_BYTES_LOW = 1024 * 1024 * 1024;
const MIB = 1024 * 1024;

/** @throws Failure where opening the folder's files would be wrong. */
async function refuseUnrepairable(data: string): Promise<void> {
  const wrong = (await filesFindings(data)).find(({ state }) => state === "wrong");
  if (wrong) throw new Failure(`${wrong.what}: ${wrong.detail}.`);
}

/** What can be told of a folder's files without opening them. */
async function filesFindings(data: string): Promise<Finding[]> {
  checkDataFolder(data);
  const storage = await import("../storage/files/inspect.ts");
  const formats = storage.inspectFormats(data);
  if (formats.every(({ found }) => !found))
    throw new Failure(`${data} is not a kedge data folder: it has no log.db.`, exitCodes.notFound);
  const lock = storage.lockState(data);
  if (lock === "held")
    throw new Failure(
      `A node has ${data} open: stop it first, or ask it with "${KEDGE} doctor --url".`,
    );
  const findings: Finding[] = [];
  if (lock === "damaged")
    findings.push({ state: "wrong", what: "lock.db", detail: storage.LOCK_DAMAGED });
  for (const { name, found, isOurs, format, known } of formats)
    findings.push(
      isOurs
        ? formatFinding(name, found, format, known)
        : { state: "wrong", what: name, detail: storage.NOT_OURS },
    );
  for (const { name, damage } of storage.findDamagedWals(data))
    findings.push({ state: "wrong", what: `${name}-wal`, detail: walDetail(name, damage) });
  return findings;
}

async function examineFolder(session: Session, data: string, quick: boolean): Promise<Finding[]> {
  const findings = await filesFindings(data);
  const isWrong = () => findings.some(({ state, what }) => state === "wrong" && what !== "lock.db");
  if (isWrong()) return findings;
  const storage = await import("../storage/files/inspect.ts");
  const look = async (what: string, find: () => Finding | Promise<Finding>) => {
    try {
      findings.push(await find());
    } catch (error) {
      const why = storage.whyUnreadable(error);
      if (why === null) throw error;
      const detail = why.includes(RESTORE) ? why : `cannot be read: ${why}: ${RESTORE}`;
      findings.push({ state: "wrong", what, detail });
    }
  };
  for (const name of ["log.db", "raft.db"] as const) {
    const what = `${name} structure`;
    await look(what, () => {
      const damage = session.io.blocking(() => storage.checkStructure(data, name));
      if (damage.length === 0) return { state: "ok", what, detail: "whole" };
      const way = storage.isOfIndexes(data, name, damage) ? REPAIR : "restore a backup";
      return { state: "wrong", what, detail: `${damage.join("; ")}: ${way}` };
    });
  }
  if (isWrong()) return findings;
  await look("identity", () => identityFinding(storage.readIdentity(data), storage.hasLogs(data)));
  await look("logs", () => logsFinding(data));
  findings.push(...(await spaceFindings(data)));
  if (!quick) await look("records", () => recordsFinding(session, data));
  return findings;
}

const REPAIR = `of indexes alone: "${KEDGE} doctor --data DIR --repair NEW" makes a folder that has all the tables have`;

function walDetail(
  name: "log.db" | "raft.db",
  { atByte, commits }: { readonly atByte: number; readonly commits: number },
): string {
  const lost = `damaged at byte ${atByte}: ${counted(commits, "commits")} behind it cannot be replayed`;
  const next = {
    "log.db": "restore a backup, or start without them; no offset is given again",
    "raft.db": "a start is refused; restore a backup",
  };
  return `${lost}: ${next[name]}`;
}

function identityFinding(
  identity: { clusterId: string; nodeId: number } | null,
  hasLogs: boolean,
): Finding {
  const what = "identity";
  if (identity)
    return {
      state: "ok",
      what,
      detail: `node ${identity.nodeId} of cluster ${identity.clusterId}`,
    };
  if (!hasLogs) return { state: "ok", what, detail: "not started yet" };
  return {
    state: "wrong",
    what,
    detail:
      "log.db has logs, but raft.db has no cluster that they are of: raft.db or raft.db-wal is damaged; restore a backup",
  };
}

/** Logs that no topic claims: a start is refused for them. */
async function logsFinding(data: string): Promise<Finding> {
  const { readLogs, readStoredMetadata } = await import("../storage/files/inspect.ts");
  const { imageOf } = await import("../cluster/loaded-image.ts");
  const { unclaimedOf } = await import("../log/unclaimed.ts");
  const what = "logs";
  const { logs, unnamed } = readLogs(data);
  const { image, removed } = imageOf(readStoredMetadata(data));
  const unclaimed = unclaimedOf(logs, image, removed);
  if (unclaimed.length > 0) {
    const shown = unclaimed
      .slice(0, SHOWN_MAX)
      .map(
        ({ id, topicId, index, logStart, end }) =>
          `log ${id} (partition ${index} of topic id ${topicId}, offsets ${logStart} to ${end - 1})`,
      );
    const others = unclaimed.length > SHOWN_MAX ? " and others" : "";
    const detail = `${counted(unclaimed.length, "logs")} with records that no topic of raft.db claims: ${shown.join(", ")}${others}. A start is refused: ${RESTORE} of both files`;
    return { state: "wrong", what, detail };
  }
  if (unnamed.length > 0)
    return {
      state: "wrong",
      what,
      detail: `what topics the logs ${unnamed.slice(0, SHOWN_MAX).join(", ")} are of is known from an index alone: ${RESTORE}`,
    };
  return { state: "ok", what, detail: `${counted(logs.length, "logs")}, each of a topic` };
}

function formatFinding(name: string, found: boolean, format: number, known: number): Finding {
  if (!found)
    return {
      state: "wrong",
      what: name,
      detail: "is missing: restore a backup, or start in an empty folder",
    };
  if (format > known)
    return {
      state: "wrong",
      what: name,
      detail: `has format ${format}; this kedge knows up to ${known}: run the newer kedge that wrote it`,
    };
  if (format < known)
    return {
      state: "note",
      what: name,
      detail: `has format ${format}; the next start brings it to ${known}`,
    };
  return { state: "ok", what: name, detail: `format ${format}` };
}

async function spaceFindings(data: string): Promise<Finding[]> {
  const { bavail, bsize } = await statfs(data);
  const freeBytes = bavail * bsize;
  const free: Finding = {
    state: freeBytes < FREE_BYTES_LOW ? "wrong" : "ok",
    what: "free space",
    detail: `${Math.round(freeBytes / MIB)} MiB${freeBytes < FREE_BYTES_LOW ? ": make room, or writes will be refused" : ""}`,
  };
  const left = (await readdir(data)).filter((name) => name.startsWith("backup-"));
  const wal = await stat(join(data, "log.db-wal")).catch(() => null);
  const findings = [free];
  if (wal && wal.size > 0)
    findings.push({
      state: "note",
      what: "last end",
      detail: "the last run was cut off; the next start replays its write-ahead log",
    });
  if (left.length > 0)
    findings.push({
      state: "note",
      what: "leftovers",
      detail: `${left.join(", ")}: of a backup that was cut off; the next backup deletes them`,
    });
  return findings;
}

async function recordsFinding(session: Session, data: string): Promise<Finding> {
  const { scanLogs } = await import("../storage/files/inspect.ts");
  const progress = new Progress(session.io.stderr, "bytes");
  try {
    const scan = await scanLogs(data, async ({ bytes }) => {
      session.io.interrupted.throwIfAborted();
      progress.add(bytes - progress.count);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    });
    const { partitions, batches, bytes, damage, unindexed } = scan;
    if (damage.length === 0 && unindexed > 0)
      return {
        state: "wrong",
        what: "records",
        detail: `${counted(unindexed, "rows")} cannot be found, which is damage ${REPAIR}`,
      };
    if (damage.length > 0)
      return {
        state: "wrong",
        what: "records",
        detail: `${damage.join("; ")}: restore a backup, or export what can be read`,
      };
    const size = `${counted(batches, "batches")} in ${counted(partitions, "partitions")}, ${Math.round(bytes / MIB)} MiB`;
    return { state: "ok", what: "records", detail: `${size}: every checksum is right` };
  } finally {
    await progress.end();
  }
}

/**
 * What is wrong with a data folder that no node has open: its files, SQLite's own check of them, what a start would refuse, and every
 * record.
 */
import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { exitCodes, Failure } from "../exit.ts";
import { KEDGE } from "../kedge-command.ts";
import { counted, Progress, sizeText } from "../progress.ts";
import type { Session } from "../session.ts";
import { checkDataFolder } from "./data-folder.ts";
import { type Finding, RESTORE, SHOWN_MAX } from "./finding.ts";

const FREE_BYTES_LOW = 1024 * 1024 * 1024;

/** @throws Failure where opening the folder's files would be wrong. */
export async function refuseUnrepairable(data: string): Promise<void> {
  const wrong = (await filesFindings(data)).find(({ state }) => state === "wrong");
  if (wrong) throw new Failure(`${wrong.what}: ${wrong.detail}.`);
}

/** What can be told of a folder's files without opening them. */
async function filesFindings(data: string): Promise<Finding[]> {
  checkDataFolder(data);
  const storage = await import("../../storage/files/inspect.ts");
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

/** What is wrong with a folder that no node has open; `quick` leaves out reading its records. */
export async function examineFolder(
  session: Session,
  data: string,
  quick: boolean,
): Promise<Finding[]> {
  const findings = await filesFindings(data);
  const isWrong = () => findings.some(({ state, what }) => state === "wrong" && what !== "lock.db");
  if (isWrong()) return findings;
  const storage = await import("../../storage/files/inspect.ts");
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
      if (damage.length === 0) {
        const differing = session.io.blocking(() => storage.checkIndexes(data, name));
        if (differing.length === 0) return { state: "ok", what, detail: "whole" };
        return { state: "wrong", what, detail: `${differing.join("; ")}: damage ${REPAIR}` };
      }
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
  const { readLogs, readStoredMetadata } = await import("../../storage/files/inspect.ts");
  const { imageOf } = await import("../../cluster/loaded-image.ts");
  const { unclaimedOf } = await import("../../log/unclaimed.ts");
  const what = "logs";
  const { logs, unnamed } = readLogs(data);
  const { image, removed } = await imageOf(readStoredMetadata(data));
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
    detail: `${sizeText(freeBytes)}${freeBytes < FREE_BYTES_LOW ? ": make room, or writes will be refused" : ""}`,
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
  const { scanLogs } = await import("../../storage/files/inspect.ts");
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
    const size = `${counted(batches, "batches")} in ${counted(partitions, "partitions")}, ${sizeText(bytes)}`;
    return { state: "ok", what: "records", detail: `${size}: every checksum is right` };
  } finally {
    await progress.end();
  }
}

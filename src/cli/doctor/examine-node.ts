/**
 * What is wrong with a running node, as it tells by itself: its checks, its partitions, and what it finds as it reads every record
 * again at its own pace.
 */
import manifest from "../../../package.json" with { type: "json" };
import { type Kedge, KedgeError, type LogCheck } from "../../client/client.ts";
import { counted, Progress, sizeText } from "../progress.ts";
import type { Session } from "../session.ts";
import { type Finding, RESTORE, SHOWN_MAX } from "./finding.ts";

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** What is wrong with a running node; `quick` leaves out reading its records. */
export async function examineNode(session: Session, quick: boolean): Promise<Finding[]> {
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
  const size = `${counted(batches, "batches")} in ${counted(places.length, "partitions")}, ${sizeText(progress.count)}`;
  if (damaged.length === 0)
    return [{ state: "ok", what: "records", detail: `${size}: every checksum is right` }];
  const others = unnamed === 0 ? "" : `; ${unnamed} more places are damaged`;
  return [
    ...damaged,
    {
      state: "wrong",
      what: "records",
      detail: `${size}${others}: ${RESTORE}, or export what can be read`,
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

/**
 * Backup: a live copy of the node's database files, streamed as a tar archive, so that it can be taken from afar and no
 * client names a path on the node's disk.
 *
 * The last file is `manifest.json`, with every other file's size and SHA-256: an archive without it was cut off.
 */
import { nodeCrypto } from "../../lib/builtins.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { BackupSource } from "../probes.ts";
import type { Reply } from "../answers/reply.ts";
import { defineRoute, type Call } from "../route.ts";
import { noQuery } from "../schema/shapes.ts";
import { tarEnd, tarFile } from "../answers/tar.ts";

/** Nodes whose files are being read: their copies take space, so one at a time. */
const underWay = new WeakSet<object>();

const TAR = "application/x-tar";

export const backup = defineRoute({
  method: "POST",
  path: "/v1/node/backup",
  tag: "node",
  summary: "Copy the node's data while it serves",
  description:
    "A tar archive of `log.db`, `raft.db` and, last, `manifest.json` with their sizes and checksums. `kedge restore` makes a " +
    "data folder of it. One at a time.",
  query: noQuery,
  streams: true,
  responses: { 200: { description: "The archive.", content: { [TAR]: "binary" } } },
  async handle(call): Promise<Reply> {
    const { door } = call;
    const make = door.probes.backup;
    if (!make)
      throw new Refusal("policy_violation", "This node keeps nothing on disk: there is no backup.");
    if (underWay.has(door))
      throw new Refusal("throttling_quota_exceeded", "Another backup is under way.");
    underWay.add(door);
    try {
      call.connection?.hold();
      const source = await make();
      return { status: 200, type: TAR, body: streamOf(archive(call, source)) };
    } catch (error) {
      underWay.delete(door);
      throw error;
    }
  },
});

async function* archive({ door, context }: Call, source: BackupSource) {
  try {
    const timeMs = door.clock.nowMs();
    const files: { name: string; bytes: number; sha256: string }[] = [];
    for (const file of source.files) {
      const hash = nodeCrypto().createHash("sha256");
      const read = async function* () {
        for await (const piece of file.read()) {
          hash.update(piece);
          yield piece;
        }
      };
      yield* tarFile({ name: file.name, bytes: file.bytes, read }, timeMs);
      files.push({ name: file.name, bytes: file.bytes, sha256: hash.digest("hex") });
    }
    const { clusterId, nodeId, version } = door.broker.describeNode(context);
    const manifest = { kedge_backup: 1, cluster_id: clusterId, node_id: nodeId, version };
    const made = new Date(timeMs).toISOString();
    const text = JSON.stringify({ ...manifest, made, files }, null, 2);
    const bytes = new TextEncoder().encode(`${text}\n`);
    const read = async function* () {
      yield bytes;
    };
    yield* tarFile({ name: "manifest.json", bytes: bytes.length, read }, timeMs);
    // Who has the whole archive finds the copies gone.
    await source.discard();
    yield tarEnd();
  } finally {
    underWay.delete(door);
    await source.discard();
  }
}

/** Pulled as fast as the client reads; its leaving ends the generator. */
function streamOf(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await pieces.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
}

/**
 * Writes test/fixtures/records.json: batches made by the codecs of others, so that the quick suite meets real bytes
 * without them. Run by `bun test/peers/make-record-fixtures.ts` when a client's version moves.
 */
import { type Codec, codecNames } from "../../src/records/compression.ts";
import { kafkaMissing } from "./kafka.ts";
import { startJavaRecords } from "./records-java.ts";
import { base64, toJson } from "./records-json.ts";
import { encodeWithKafkaJs, kafkaJsCodecs } from "./records-kafkajs.ts";
import { encodeWithPlatformatic } from "./records-platformatic.ts";
import { samples } from "./record-samples.ts";

interface RecordFixture {
  readonly client: string;
  readonly codec: Codec;
  /** The sample's name, or `marker` or `empty`. */
  readonly sample: string;
  readonly batch: string;
}

async function make(): Promise<RecordFixture[]> {
  const missing = kafkaMissing();
  if (missing) throw new Error(`Kafka's Java client cannot be asked: ${missing}`);
  const java = startJavaRecords();
  const fixtures: RecordFixture[] = [];
  const add = (client: string, codec: Codec, sample: string, batch: string | null | undefined) => {
    if (!batch) throw new Error(`${client} made nothing of ${sample}`);
    fixtures.push({ client, codec, sample, batch });
  };
  for (const codec of codecNames)
    for (const { name, records, fixture } of samples) {
      if (!fixture || (name === "repetitive" && codec === "none")) continue;
      const write = { op: "write", codec, baseOffset: 0, leaderEpoch: 7 };
      const answer = await java.ask({ ...write, records: records.map(toJson) });
      add("kafka-clients 4.3.1", codec, name, answer.batch);
      if (name === "nulls and headers") continue;
      const theirs = encodeWithPlatformatic(records, codec);
      add("@platformatic/kafka 2.12.1", codec, name, base64(theirs));
      if (kafkaJsCodecs.includes(codec))
        add("kafkajs 2.2.4", codec, name, base64(await encodeWithKafkaJs(records, codec)));
    }
  for (const op of ["marker", "empty"])
    add("kafka-clients 4.3.1", "none", op, (await java.ask({ op })).batch);
  await java.close();
  return fixtures;
}

if (import.meta.main) {
  const file = `${import.meta.dir}/../fixtures/records.json`;
  await Bun.write(file, `${JSON.stringify(await make(), null, 1)}\n`);
}

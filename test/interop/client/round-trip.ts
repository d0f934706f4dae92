/**
 * What the client must do in any runtime, as one function: the interop suite bundles it for Node and hands it to Deno as
 * it is. Nothing in it is Bun's.
 */
import { type Gap, Kedge, KedgeError } from "../../../src/client/client.ts";

/** What is seen where all is well. */
export const wholeTrip = {
  first: '["text",[0,255],1000]',
  same: 500,
  sent: 500,
  inOrder: true,
  streamed: 1,
  followed: 800,
  followedOnce: 800,
  polled: ["late"],
  missing: "unknown_topic_or_partition",
};

/** Returns what was seen, for the suite to check. Browsers have no `duplex`: they cannot read an answer while they send. */
export async function roundTrip(
  url: string,
  name: string,
  duplex = true,
): Promise<Record<string, unknown>> {
  const kedge = new Kedge({ url });
  await kedge.createTopic({ name, partitions: 3 });
  const topic = kedge.topic(name);
  const raw = Uint8Array.of(0, 255);
  await topic.produce({ key: "k", value: "text", headers: { h: raw }, timestamp: 1_000 });
  const values = Array.from({ length: 500 }, (_, n) => ({ key: "same", value: { n } }));
  await topic.produce(values);
  for (let n = 0; n < 500; n++) await topic.send({ key: "sent", value: raw });
  await topic.flush();

  const seen = new Map<unknown, unknown[]>();
  let first: unknown;
  for await (const { key, value, headers, timestamp } of topic.records()) {
    if (key === "k") first = [value, headers[0]?.[1], timestamp];
    seen.set(key, [...(seen.get(key) ?? []), value]);
  }
  const inOrder = (seen.get("same") ?? []).every((value, n) => value === `{"n":${n}}`);

  const streamed: number[] = [];
  const alone = { value: "a", partition: 1 };
  if (!duplex) streamed.push((await topic.produce(alone)).offset);
  else for await (const { offset } of topic.produceStream([alone])) streamed.push(offset);

  const followed: unknown[] = [];
  let cursor: string | undefined;
  for (let round = 0; round < 2; round++) {
    for await (const event of kedge.tail({ topics: [name], from: "earliest", cursor })) {
      if (event.type !== "record") continue;
      followed.push(`${event.record.partition}/${event.record.offset}`);
      cursor = event.cursor;
      if (followed.length % 400 === 0) break;
    }
  }

  // Not "latest": whether the reader or the late record came first would be the machine's affair.
  const { partitionList } = await kedge.describeTopic(name);
  const ends = new Map(
    partitionList.map(({ partition, highWatermark }) => [partition, highWatermark]),
  );
  const polled: unknown[] = [];
  const stop = new AbortController();
  const late = new Promise((resolve) => setTimeout(resolve, 50)).then(() =>
    topic.produce({ value: "late", partition: 2 }),
  );
  const gaps: Gap[] = [];
  const reading = topic.records({
    from: ends,
    follow: true,
    signal: stop.signal,
    onGap: (gap) => gaps.push(gap),
  });
  for await (const { value } of reading) {
    polled.push(value);
    break;
  }
  await late;
  const missing = await kedge.describeTopic(`${name}-missing`).catch((error: unknown) => error);
  return {
    first: JSON.stringify(first, (_, value: unknown) =>
      value instanceof Uint8Array ? [...value] : value,
    ),
    same: seen.get("same")?.length,
    sent: seen.get("sent")?.length,
    inOrder,
    streamed: streamed.length,
    followed: followed.length,
    followedOnce: new Set(followed).size,
    polled,
    missing: missing instanceof KedgeError ? missing.code : String(missing),
  };
}

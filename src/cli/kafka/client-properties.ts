/**
 * What Kafka's clients can be told in properties files and `--command-property`, and what of it these commands heed.
 *
 * - A name that no client of Kafka's knows is told as unknown, and one that has no effect here as such: neither fails the
 *   command, as with Kafka's tools, which pass over both in silence.
 * - Names are those of Kafka 4.3 (ProducerConfig, ConsumerConfig, AdminClientConfig); all of `sasl.` and `ssl.` are known.
 */
import { UsageError } from "../../lib/setting.ts";
import type { Session } from "../session.ts";

export type ClientKind = "admin" | "producer" | "consumer";

const everywhere = words(`
  bootstrap.servers client.dns.lookup client.id config.providers connections.max.idle.ms
  enable.metrics.push metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms
  metadata.recovery.strategy metric.reporters metrics.num.samples metrics.recording.level
  metrics.sample.window.ms receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms
  request.timeout.ms retry.backoff.max.ms retry.backoff.ms security.protocol security.providers
  send.buffer.bytes socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
`);

const known: Readonly<Record<ClientKind, ReadonlySet<string>>> = {
  admin: new Set([
    ...everywhere,
    ...words(`
  bootstrap.controllers default.api.timeout.ms retries
`),
  ]),
  producer: new Set([
    ...everywhere,
    ...words(`
  acks batch.size buffer.memory compression.gzip.level compression.lz4.level compression.type
  compression.zstd.level delivery.timeout.ms enable.idempotence interceptor.classes key.serializer
  linger.ms max.block.ms max.in.flight.requests.per.connection max.request.size metadata.max.idle.ms
  partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms partitioner.class
  partitioner.ignore.keys retries transaction.timeout.ms transaction.two.phase.commit.enable
  transactional.id value.serializer
`),
  ]),
  consumer: new Set([
    ...everywhere,
    ...words(`
  allow.auto.create.topics auto.commit.interval.ms auto.offset.reset check.crcs client.rack
  default.api.timeout.ms enable.auto.commit exclude.internal.topics fetch.max.bytes
  fetch.max.wait.ms fetch.min.bytes group.id group.instance.id group.protocol group.remote.assignor
  heartbeat.interval.ms interceptor.classes internal.throw.on.fetch.stable.offset.unsupported
  isolation.level key.deserializer max.partition.fetch.bytes max.poll.interval.ms max.poll.records
  partition.assignment.strategy session.timeout.ms share.acknowledgement.mode share.acquire.mode
  value.deserializer
`),
  ]),
};

const heededEverywhere = words("bootstrap.servers client.id request.timeout.ms security.protocol");

const heeded: Readonly<Record<ClientKind, ReadonlySet<string>>> = {
  admin: new Set(heededEverywhere),
  producer: new Set([...heededEverywhere, ...words("acks batch.size compression.type")]),
  consumer: new Set([
    ...heededEverywhere,
    ...words("auto.offset.reset enable.auto.commit group.id isolation.level"),
  ]),
};

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** Tells what of a client's properties changes nothing. */
export async function tellProperties(
  { note }: Session,
  kind: ClientKind,
  properties: ReadonlyMap<string, string>,
): Promise<void> {
  const idle: string[] = [];
  for (const name of properties.keys()) {
    if (heeded[kind].has(name)) continue;
    if (known[kind].has(name) || /^(?:sasl|ssl)\./.test(name)) idle.push(name);
    else await note(`The configuration '${name}' was supplied but isn't a known config.`);
  }
  if (idle.length > 0) await note(`Without effect here: ${idle.join(", ")}`);
}

/** A property that is a whole number of at least `least`. Throws UsageError. */
export function numberOf(
  properties: ReadonlyMap<string, string>,
  name: string,
  { unless, least = 0 }: { readonly unless: number; readonly least?: number },
): number {
  const text = properties.get(name)?.trim();
  if (text === undefined) return unless;
  if (!/^-?\d{1,10}$/.test(text))
    throw new UsageError(
      `Invalid value ${text} for configuration ${name}: Not a number of type INT`,
    );
  if (Number(text) < least)
    throw new UsageError(
      `Invalid value ${text} for configuration ${name}: Value must be at least ${least}`,
    );
  return Number(text);
}

/**
 * The Kafka door: listeners with names, the connections that come in through them, and what these share.
 *
 * - Each listener tells its clients its own advertised address, so that one node can be reached by several networks.
 * - `stop` takes no new connections, lets long polls end, answers what was accepted within the grace, then closes the rest.
 * - Left out: TLS and SASL, until security/ is there; more nodes than this one.
 */
import type { Broker } from "../broker/verbs.ts";
import { Allowance } from "../lib/allowance.ts";
import type { Clock } from "../lib/clock.ts";
import { Deadlines } from "../lib/deadlines.ts";
import type { Logger } from "../lib/logger.ts";
import type { Platform, TcpLimits, TcpServer } from "../lib/platform.ts";
import type { Random } from "../lib/random.ts";
import { Room } from "../lib/room.ts";
import { apis } from "./apis/index.ts";
import { Connection } from "./connection.ts";
import type { Shared } from "./shared.ts";
import type { Door } from "./call.ts";
import { dispatcher } from "./dispatch.ts";
import { FetchSessions } from "./answers/fetch-sessions.ts";
import type { KafkaLimits } from "./limits.ts";
import { MetadataCache } from "./answers/metadata-cache.ts";
import { ToldClients } from "./told-clients.ts";
import { TurnQueue } from "./turn-queue.ts";
import { UnsentAnswers } from "./unsent-answers.ts";

export interface ListenerOptions {
  readonly name: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** What clients are told; null: host and port as bound. */
  readonly advertised: { readonly host: string; readonly port: number } | null;
}

export interface KafkaDoorOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: KafkaLimits;
  readonly tcp: TcpLimits;
  readonly listenTcp: Platform["listenTcp"];
  /** For a listener on all addresses that advertises none. */
  readonly hostname: string;
  /** `auto.create.topics.enable`. */
  readonly autoCreateTopics: boolean;
  readonly onBug: (error: unknown) => void;
}

export interface KafkaDoor {
  /** Where each listener is, by name. */
  readonly ports: ReadonlyMap<string, number>;
  /** Connections that are open. */
  open(): number;
  stop(graceMs: number): Promise<void>;
}

/** A listener could not be opened; `cause` is the runtime's own error. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly host: string;
  readonly port: number;

  constructor({ host, port }: ListenerOptions, cause: unknown) {
    super(`cannot listen on ${host}:${port}`, { cause });
    this.host = host;
    this.port = port;
  }
}

/** Opens every listener; when one cannot be, closes the others and throws ListenError. */
export async function openKafkaDoor(
  listeners: readonly ListenerOptions[],
  options: KafkaDoorOptions,
): Promise<KafkaDoor> {
  const { clock, logger, limits } = options;
  const connections = new Set<Connection>();
  const shared = sharedBy(options);
  const { deadlines, unsent } = shared;
  const door: Door = {
    apis,
    broker: options.broker,
    clock,
    deadlines,
    limits,
    autoCreateTopics: options.autoCreateTopics,
    sessions: new FetchSessions(limits, clock, options.random),
    metadata: new MetadataCache(),
    unsent,
  };
  const serviceFor = dispatcher(door, logger);
  let emptied: (() => void) | null = null;
  const servers = new Map<string, TcpServer>();
  const closeAll = () => Promise.all([...servers.values()].map((server) => server.stop()));
  for (const listener of listeners) {
    const endpoint = { name: listener.name, host: "", port: 0 };
    try {
      const server = await options.listenTcp({
        host: listener.host,
        port: listener.port,
        limits: options.tcp,
        open(wire) {
          const service = serviceFor(endpoint, wire.address);
          const connection = new Connection(wire, service, shared, () => {
            connections.delete(connection);
            if (connections.size === 0) emptied?.();
          });
          connections.add(connection);
          return connection;
        },
      });
      servers.set(listener.name, server);
      Object.assign(endpoint, advertisedOf(listener, server.port, options.hostname));
    } catch (error) {
      await closeAll();
      throw new ListenError(listener, error);
    }
  }
  return {
    ports: new Map([...servers].map(([name, { port }]) => [name, port])),
    open: () => connections.size,
    async stop(graceMs) {
      await closeAll();
      const { promise, resolve } = Promise.withResolvers<void>();
      emptied = resolve;
      const late = clock.after(graceMs, resolve);
      for (const connection of connections) connection.finish();
      if (connections.size > 0) await promise;
      late.cancel();
      for (const connection of connections) connection.drop();
    },
  };
}

/** What the connections share. */
function sharedBy({ clock, logger, limits, onBug }: KafkaDoorOptions) {
  return {
    unsent: new UnsentAnswers(clock, limits),
    clock,
    logger,
    limits,
    onBug,
    deadlines: new Deadlines(clock),
    told: new ToldClients(clock),
    turns: new TurnQueue(clock, {
      all: limits.producesPerTurnOfAll,
      waited: limits.producesPerTurnOfAll / 2,
    }),
    requests: new Room(clock, limits.requestsBytesMax, limits.stallPressedMs),
    waiting: new Allowance(limits.waitingBytesMax),
  } satisfies Shared;
}

function advertisedOf(
  { host, advertised }: ListenerOptions,
  port: number,
  hostname: string,
): { host: string; port: number } {
  if (advertised) return { host: advertised.host, port: advertised.port || port };
  return { host: host === "0.0.0.0" || host === "::" ? hostname : host, port };
}

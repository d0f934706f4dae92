/**
 * What the suites over Kafka's protocol have in common: a door that is opened before their tests and left after them, and
 * connections to it.
 */
import { afterAll, beforeAll } from "bun:test";
import { connectKafka, type KafkaConnection } from "./kafka-connection.ts";

/** A door to be tested, and how to leave it. */
export interface KafkaDoorUnderTest {
  /** HOST:PORT. */
  readonly address: string;
  close(): Promise<void>;
}

export type OpenDoor = () => Promise<KafkaDoorUnderTest>;

/** A suite's connection, once its tests run. */
export type Here = () => KafkaConnection;

/** Apache Kafka takes its time to start. */
const START_MS = 120_000;

/** A connection for a suite's tests, made before them; `warmUp` runs before the first test. */
export function connectionTo(open: OpenDoor, warmUp?: (here: Here) => Promise<void>): Here {
  let door: KafkaDoorUnderTest | null = null;
  let connection: KafkaConnection | null = null;
  const here = () => {
    if (!connection) throw new Error("a suite's connection is there once its tests run");
    return connection;
  };
  beforeAll(async () => {
    door = await open();
    connection = await connectKafka(door.address);
    await warmUp?.(here);
  }, START_MS);
  afterAll(async () => {
    connection?.close();
    await door?.close();
  }, START_MS);
  return here;
}

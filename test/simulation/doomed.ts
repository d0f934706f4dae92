/**
 * A topic that comes and goes while it is written, read and trimmed. Whatever is asked of it may be refused or fail; it must
 * be answered, and nothing may break.
 */
import { Refusal } from "../../src/lib/refusal.ts";
import { StorageFault } from "../../src/storage/storage.ts";
import type { UnderWay } from "./clients.ts";
import { somebody } from "./test-node.ts";
import type { World } from "./world.ts";

const PATIENCE_MS = 15_000;
const name = "doomed";

export class Doomed {
  readonly #world: World;
  readonly #underWay: UnderWay;

  constructor(world: World, underWay: UnderWay) {
    this.#world = world;
    this.#underWay = underWay;
  }

  act(): void {
    const { broker, random } = this.#world;
    const there = broker.listTopics(somebody).some((topic) => topic.name === name);
    if (!there) {
      const topic = { name, partitions: 2, replicationFactor: 1, configs: {} };
      return this.#ask("create", broker.createTopic(somebody, topic));
    }
    // Several at once, so that they meet.
    for (let asked = 0; asked < 4; asked += 1) {
      const partition = Math.floor(random.next() * 2);
      const dice = random.next();
      if (dice < 0.4) this.#append(partition);
      else if (dice < 0.6) this.#read(partition);
      else if (dice < 0.8) {
        this.#ask("trim", broker.deleteRecords(somebody, name, partition, -1));
      } else if (dice < 0.9) {
        const spec = { at: "max_timestamp" as const };
        this.#ask("look-up", broker.findOffset(somebody, name, partition, spec));
      } else return this.#ask("delete", broker.deleteTopic(somebody, name));
    }
  }

  #append(partition: number): void {
    const records = [{ key: null, value: new Uint8Array(20), headers: [], timestampMs: null }];
    const sequence = Math.floor(this.#world.random.next() * 3);
    const request = {
      topic: name,
      partition,
      acks: -1 as const,
      payload: { type: "records" as const, records },
      idempotence: { type: "sequence" as const, producerId: "p", epoch: 0, sequence },
    };
    this.#ask("append", this.#world.broker.append(somebody, request));
  }

  #read(partition: number): void {
    const request = { topic: name, partition, from: 0, bytesMax: 1000 };
    const options = {
      bytesMin: 1,
      bytesMax: 1000,
      waitMs: 2000,
      isolation: "read_committed" as const,
    };
    this.#ask("read", this.#world.broker.read(somebody, [request], options));
  }

  #ask(what: string, asked: Promise<unknown>): void {
    const token = {};
    this.#underWay.begin(token, `the ${what} of a doomed topic`, PATIENCE_MS);
    this.#world.watch(
      asked.then(
        () => this.#underWay.end(token),
        (error) => {
          this.#underWay.end(token);
          if (!(error instanceof Refusal) && !(error instanceof StorageFault)) throw error;
        },
      ),
    );
  }
}

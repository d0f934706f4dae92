/**
 * Client quotas, frame by frame against an address. Holds of Apache Kafka itself and of a node of this house.
 *
 * - Quotas are by names of this run's own; what was set is looked for until it is there, since Kafka's brokers learn of it a
 *   moment later.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { describeClientQuotas } from "../../src/kafka/apis/48-describe-client-quotas.ts";
import { alterClientQuotas } from "../../src/kafka/apis/49-alter-client-quotas.ts";
import { type KafkaWire, connectWire } from "../peers/kafka-wire.ts";

type Entity = Readonly<Record<string, string | null>>;
type Ops = Readonly<Record<string, number | null>>;

const [EXACT, DEFAULT, ANY] = [0, 1, 2];

export function kafkaQuotasSuite(name: string, open: () => Promise<number>): void {
  describe(`Kafka's quotas, ${name}`, () => {
    const run = `q${Date.now().toString(36)}`;
    const [u, v] = [`${run}-u`, `${run}-v`];
    let wire: KafkaWire;
    beforeAll(async () => {
      wire = await connectWire(await open());
    });
    afterAll(() => wire.close());

    test("a request changes ten thousand quotas at most", async () => {
      const asked = Array.from({ length: 10_001 }, (_, at) => {
        return [{ "client-id": `${run}-${at}` }, { producer_byte_rate: 1 }] as const;
      });
      expect(new Set(await alter(asked))).toEqual(new Set([44]));
    });

    const alter = async (
      asked: readonly (readonly [Entity, Ops])[],
      validateOnly = false,
    ): Promise<number[]> => {
      const entries = asked.map(([entity, ops]) => ({
        entity: Object.entries(entity).map(([entityType, entityName]) => ({
          entityType,
          entityName,
        })),
        ops: Object.entries(ops).map(([key, value]) => ({
          key,
          value: value ?? 0,
          remove: value === null,
        })),
      }));
      const answer = await wire.ask(alterClientQuotas, { entries, validateOnly });
      return answer.entries.map(({ errorCode }) => errorCode);
    };
    const describeAll = async (
      components: readonly (readonly [type: string, matchType: number, match?: string])[],
      strict = false,
    ) => {
      const answer = await wire.ask(describeClientQuotas, {
        components: components.map(([entityType, matchType, match = null]) => ({
          entityType,
          matchType,
          match,
        })),
        strict,
      });
      const found = answer.entries?.map(({ entity, values }) =>
        [
          ...entity.map(({ entityType, entityName }) => `${entityType}=${entityName}`).toSorted(),
          ...values.map(({ key, value }) => `${key}=${value}`).toSorted(),
        ].join(" "),
      );
      return { errorCode: answer.errorCode, found: found?.toSorted() ?? null };
    };
    const expectFound = async (
      ask: () => ReturnType<typeof describeAll>,
      found: readonly string[],
    ): Promise<void> => {
      for (let tries = 0; tries < 500; tries += 1) {
        if (JSON.stringify((await ask()).found) === JSON.stringify(found)) return;
        await Bun.sleep(20);
      }
      expect((await ask()).found).toEqual([...found]);
    };

    test("quotas are set, found and taken away", async () => {
      const both = { user: u, "client-id": "c" };
      expect(
        await alter([
          [{ user: u }, { producer_byte_rate: 1_000, request_percentage: 50.5 }],
          [both, { consumer_byte_rate: 2_000 }],
        ]),
      ).toEqual([0, 0]);
      const alone = `user=${u} producer_byte_rate=1000 request_percentage=50.5`;
      const together = `client-id=c user=${u} consumer_byte_rate=2000`;
      await expectFound(() => describeAll([["user", EXACT, u]]), [together, alone]);
      await expectFound(() => describeAll([["user", EXACT, u]], true), [alone]);
      const any = (await describeAll([["user", ANY]], true)).found;
      expect(any).toContain(alone);
      expect(any).not.toContain(together);
      const byDefault = (await describeAll([["user", DEFAULT]])).found;
      expect(byDefault).not.toContain(alone);
      expect((await describeAll([])).found).toEqual(expect.arrayContaining([alone, together]));
      expect((await describeAll([], true)).found).toEqual([]);
      expect(
        await alter([
          [{ user: u }, { producer_byte_rate: null, request_percentage: null }],
          [both, { consumer_byte_rate: null }],
        ]),
      ).toEqual([0, 0]);
      await expectFound(() => describeAll([["user", EXACT, u]]), []);
    });

    test("everybody else has a quota by no name", async () => {
      expect(await alter([[{ "client-id": null }, { controller_mutation_rate: 1.5 }]])).toEqual([
        0,
      ]);
      const ask = () => describeAll([["client-id", DEFAULT]], true);
      await expectFound(ask, ["client-id=null controller_mutation_rate=1.5"]);
      expect(await alter([[{ "client-id": null }, { controller_mutation_rate: null }]])).toEqual([
        0,
      ]);
      await expectFound(ask, []);
    });

    test("each entity is refused for itself, and nothing of it is done", async () => {
      const rate = { producer_byte_rate: 1 };
      const connections = { connection_creation_rate: 1 };
      for (const [entity, ops] of [
        [{ user: v }, { nope: 1 }],
        [{ nope: v }, rate],
        [{}, rate],
        [{ user: "" }, rate],
        [{ ip: "u u" }, connections],
        [{ ip: "1.2.3.4", user: v }, connections],
        [{ ip: "1.2.3.4" }, rate],
        [{ user: v }, connections],
        [{ user: v }, { producer_byte_rate: -1 }],
        [{ user: v }, { producer_byte_rate: 0 }],
        [{ user: v }, { producer_byte_rate: 1.5 }],
        [{ user: v }, { request_percentage: 0 }],
        [{ ip: "1.2.3.4" }, { connection_creation_rate: 1.5 }],
        [{ user: v }, { producer_byte_rate: 5, consumer_byte_rate: -1 }],
      ] as [Entity, Ops][]) {
        expect([entity, ops, await alter([[entity, ops]])]).toEqual([entity, ops, [42]]);
      }
      const twice: [Entity, Ops] = [{ user: v }, rate];
      expect(await alter([twice, twice])).toEqual([42]);
      expect(await alter([[{ user: v }, rate]], true)).toEqual([0]);
      expect(await alter([[{ user: v }, {}]])).toEqual([0]);
      expect(await alter([[{ user: v }, { producer_byte_rate: null }]])).toEqual([0]);
      // Of the two, Apache Kafka has done one, which it still tells of for a moment.
      await expectFound(() => describeAll([["user", EXACT, v]]), []);
    });

    test("filters that cannot be are refused", async () => {
      const codes: [number, Parameters<typeof describeAll>[0]][] = [
        [
          42,
          [
            ["ip", ANY],
            ["user", ANY],
          ],
        ],
        [35, [["nope", ANY]]],
        [42, [["", ANY]]],
        [42, [["user", 7]]],
        [
          42,
          [
            ["user", ANY],
            ["user", ANY],
          ],
        ],
        [42, [["user", EXACT]]],
        [42, [["user", DEFAULT, "x"]]],
      ];
      for (const [errorCode, components] of codes) {
        expect(await describeAll(components)).toEqual({ errorCode, found: null });
      }
    });
  });
}

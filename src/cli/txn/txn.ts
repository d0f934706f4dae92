/**
 * `kedge txn …`: transactional ids, what state they are in, and ending a transaction that hangs.
 *
 * Ending one takes its id over, as a new producer of that name would: the transaction is aborted, the old producer fenced.
 */
import type { Command } from "commander";
import { initProducerId } from "../../kafka/apis/22-init-producer-id.ts";
import { describeTransactions } from "../../kafka/apis/65-describe-transactions.ts";
import { listTransactions } from "../../kafka/apis/66-list-transactions.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check } from "../../kafka/client-error.ts";
import { confirm } from "../confirm.ts";
import { asked } from "../group/group.ts";
import { addConnectOptions, type ConnectOptions } from "../kafka/connect.ts";
import {
  type Column,
  formatFor,
  jsonText,
  type ListFormat,
  outputOption,
  showList,
  table,
} from "../output.ts";
import type { Session } from "../session.ts";

interface Options extends ConnectOptions {
  readonly output?: ListFormat;
}

interface ListedTransaction {
  readonly transactionalId: string;
  readonly coordinator: number;
  readonly producerId: string;
  readonly state: string;
}

const columns: readonly Column<ListedTransaction>[] = [
  ["TRANSACTIONAL ID", (each) => each.transactionalId],
  ["COORDINATOR", (each) => each.coordinator],
  ["PRODUCER ID", (each) => each.producerId],
  ["STATE", (each) => each.state],
];

interface DescribedTransaction {
  readonly transactionalId: string;
  readonly state: string;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  readonly startedAt: string | null;
  readonly partitions: readonly TransactionPartition[];
}

interface TransactionPartition {
  readonly topic: string;
  readonly partition: number;
}

const partitionColumns: readonly Column<TransactionPartition>[] = [
  ["TOPIC", (each) => each.topic],
  ["PARTITION", (each) => each.partition],
];

const TIMEOUT_MS = 60_000;

export function addTxn(program: Command, session: Session): void {
  const txn = program.command("txn").description("transactional ids and their transactions");
  const list = txn.command("list").alias("ls").description("list transactional ids");
  addConnectOptions(list)
    .addOption(outputOption())
    .action((options: Options) => showAll(session, options));
  const describe = txn
    .command("describe")
    .description("show a transaction and its partitions")
    .argument("<id>", "the transactional id");
  addConnectOptions(describe)
    .addOption(outputOption())
    .action((id: string, options: Options) => showOne(session, id, options));
  const abort = txn
    .command("abort")
    .description("end a transaction that hangs; its producer is fenced")
    .argument("<id>", "the transactional id")
    .option("-y, --yes", "do not ask");
  addConnectOptions(abort).action((id: string, options: Options & { yes?: boolean }) =>
    end(session, id, options),
  );
}

function showAll(session: Session, options: Options): Promise<void> {
  const { stdout } = session.io;
  return asked(session, options, async (client) => {
    const request = { stateFilters: [], producerIdFilters: [] };
    const found: ListedTransaction[] = [];
    for (const id of await client.brokers()) {
      const target = { to: "broker", id } as const;
      const answer = await client.ask(target, listTransactions, request, ({ errorCode }) =>
        check(errorCode),
      );
      for (const {
        transactionalId,
        producerId,
        transactionState: state,
      } of answer.transactionStates)
        found.push({ transactionalId, coordinator: id, producerId: String(producerId), state });
    }
    found.sort((one, other) => (one.transactionalId < other.transactionalId ? -1 : 1));
    await showList(found, columns, formatFor(options.output, stdout), stdout);
  });
}

function described(each: DescribedTransaction): string {
  const { transactionalId, state, producerId, producerEpoch, startedAt, partitions } = each;
  const since = startedAt === null ? "" : `  since ${startedAt}`;
  const head = `${transactionalId}  ${state}  producer ${producerId}, epoch ${producerEpoch}  timeout ${each.timeoutMs} ms${since}\n`;
  return partitions.length === 0 ? head : `${head}\n${table(partitions, partitionColumns)}`;
}

/** Throws KafkaError transactional_id_not_found. */
function describedBy(client: KafkaClient, id: string) {
  const target = { to: "transaction", key: id } as const;
  const request = { transactionalIds: [id] };
  return client.ask(target, describeTransactions, request, (each) => {
    for (const { errorCode } of each.transactionStates) check(errorCode);
  });
}

function showOne(session: Session, id: string, options: Options): Promise<void> {
  const { stdout } = session.io;
  return asked(session, options, async (client) => {
    const answer = await describedBy(client, id);
    const shown = answer.transactionStates.map((each) => ({
      transactionalId: each.transactionalId,
      state: each.transactionState,
      producerId: String(each.producerId),
      producerEpoch: each.producerEpoch,
      timeoutMs: each.transactionTimeoutMs,
      startedAt:
        each.transactionStartTimeMs < 0
          ? null
          : new Date(each.transactionStartTimeMs).toISOString(),
      partitions: each.topics.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      ),
    }));
    const format = formatFor(options.output, stdout);
    const text = (each: DescribedTransaction) =>
      format === "table" ? described(each) : `${jsonText(each, format === "json" ? 2 : 0)}\n`;
    await stdout.write(shown.map(text).join(""));
  });
}

async function end(
  session: Session,
  id: string,
  options: Options & { readonly yes?: boolean },
): Promise<void> {
  await confirm(session.io, `Abort what ${id} has open, and fence its producer?`, options.yes);
  await asked(session, options, async (client) => {
    // Asked for a producer, the coordinator would make an id that it does not know.
    await describedBy(client, id);
    const request = {
      transactionalId: id,
      transactionTimeoutMs: TIMEOUT_MS,
      producerId: -1n,
      producerEpoch: -1,
    };
    await client.ask({ to: "transaction", key: id }, initProducerId, request, ({ errorCode }) =>
      check(errorCode),
    );
    await session.note(`Nothing of ${id} is open any more.`);
  });
}

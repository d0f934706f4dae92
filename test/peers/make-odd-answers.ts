/**
 * Writes test/fixtures/kafka-odd-answers.json: what Apache Kafka answers to odd requests, so that the quick suite holds kedge to
 * it without Java. Run by `bun test/peers/make-odd-answers.ts` when Kafka's version moves, or a case is changed.
 */
import { oddAnswer, warmUp } from "../conformance/kafka-odd.ts";
import { oddAnswersFile, oddCases, oddKafkaSettings } from "../conformance/kafka-odd-suites.ts";
import { kafkaMissing, startKafka } from "./kafka.ts";

if (import.meta.main) {
  const missing = kafkaMissing();
  if (missing !== null) throw new Error(`Apache Kafka cannot be asked: ${missing}`);
  const kafka = await startKafka({ settings: oddKafkaSettings });
  const answers: Record<string, unknown> = {};
  try {
    await warmUp(kafka.address);
    for (const [title, ask] of Object.entries(oddCases))
      answers[title] = await oddAnswer(kafka.address, ask);
  } finally {
    await kafka.close();
  }
  // A line for each case.
  const lines = Object.entries(answers).map(
    ([title, answer]) => `${JSON.stringify(title)}: ${JSON.stringify(answer)}`,
  );
  await Bun.write(oddAnswersFile, `{\n${lines.join(",\n")}\n}\n`);
}

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/**
 * The official Java client's transactions, step by step: `Transactions BOOTSTRAP NAME`. Prints `ok STEP` for each that held.
 */
public class Transactions {
  static String bootstrap;
  static String name;

  public static void main(String[] words) throws Exception {
    bootstrap = words[0];
    name = words[1];
    try (Admin admin = Admin.create(common())) {
      List<NewTopic> topics = new ArrayList<>();
      for (String each : List.of("in", "out")) topics.add(new NewTopic(topic(each), 3, (short) 1));
      admin.createTopics(topics).all().get();
      commitAndAbort();
      manySmall();
      offsets(admin);
      fencing();
      timeout();
      restart();
      // The last one's state follows its markers, which a reader may have seen before.
      long untilMs = System.currentTimeMillis() + 20_000;
      while (!nothingOpen(admin) && System.currentTimeMillis() < untilMs) Thread.sleep(50);
      check(nothingOpen(admin), "nothing is left open");
      say("listed");
      String id = name + "-writer";
      check(
          admin.describeTransactions(List.of(id)).description(id).get().topicPartitions().isEmpty(),
          "nothing is left in it");
      say("described");
    }
  }

  static boolean nothingOpen(Admin admin) throws Exception {
    Set<String> states = Set.of("CompleteCommit", "CompleteAbort");
    return admin.listTransactions().all().get().stream()
        .filter(listed -> listed.transactionalId().startsWith(name))
        .allMatch(listed -> states.contains(camel(listed.state().toString())));
  }

  static void commitAndAbort() throws Exception {
    try (KafkaProducer<String, String> producer = producer("writer", 60_000)) {
      for (int round = 0; round < 6; round++) {
        producer.beginTransaction();
        for (int at = 0; at < 30; at++) producer.send(record("out", round + "/" + at));
        if (round % 2 == 0) producer.abortTransaction();
        else commit(producer);
      }
    }
    List<String> seen = values("out", 90);
    check(seen.stream().noneMatch(value -> Integer.parseInt(value.split("/")[0]) % 2 == 0), "aborted");
    check(Set.copyOf(seen).size() == 90, "each once");
    say("commit and abort");
  }

  static void manySmall() throws Exception {
    try (KafkaProducer<String, String> producer = producer("small", 60_000)) {
      for (int round = 0; round < 200; round++) {
        producer.beginTransaction();
        producer.send(record("in", "v" + round));
        commit(producer);
      }
    }
    check(Set.copyOf(values("in", 200)).size() == 200, "each once");
    say("many small ones");
  }

  static void offsets(Admin admin) throws Exception {
    String group = name + "-group";
    Properties config = consumerConfig();
    config.put("group.id", group);
    config.put("enable.auto.commit", "false");
    int moved = 0;
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config);
        KafkaProducer<String, String> producer = producer("mover", 60_000)) {
      consumer.subscribe(List.of(topic("in")));
      while (moved < 200) {
        var records = consumer.poll(Duration.ofMillis(500));
        if (records.isEmpty()) continue;
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> next = new java.util.HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
          producer.send(record("out", "m:" + record.value()));
          next.put(
              new TopicPartition(record.topic(), record.partition()),
              new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(next, consumer.groupMetadata());
        commit(producer);
        moved += records.count();
      }
    }
    long committed = 0;
    long ends = 0;
    var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    for (var offset : offsets.values()) committed += offset.offset();
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(consumerConfig())) {
      for (long end : consumer.endOffsets(offsets.keySet()).values()) ends += end;
    }
    check(committed > 0 && committed <= ends, "offsets " + committed + " of " + ends);
    check(values("out", 290).stream().filter(value -> value.startsWith("m:")).count() == 200, "moved");
    say("consume, transform, produce");
  }

  static void fencing() throws Exception {
    try (KafkaProducer<String, String> old = producer("fenced", 60_000)) {
      old.beginTransaction();
      old.send(record("out", "left open")).get();
      try (KafkaProducer<String, String> young = producer("fenced", 60_000)) {
        boolean fenced = false;
        try {
          old.send(record("out", "late"));
          old.commitTransaction();
        } catch (ProducerFencedException | InvalidProducerEpochException error) {
          fenced = true;
        } catch (KafkaException error) {
          Throwable cause = error.getCause();
          fenced =
              cause instanceof ProducerFencedException
                  || cause instanceof InvalidProducerEpochException;
        }
        check(fenced, "the old one is fenced");
        young.beginTransaction();
        young.send(record("out", "young"));
        commit(young);
      }
    }
    List<String> seen = values("out", 291);
    check(seen.contains("young") && !seen.contains("left open") && !seen.contains("late"), "one is seen");
    say("fencing");
  }

  static void timeout() throws Exception {
    try (KafkaProducer<String, String> producer = producer("slow", 1_000)) {
      producer.beginTransaction();
      producer.send(record("out", "slow")).get();
      Thread.sleep(Long.getLong("patience", 12_000));
      boolean refused = false;
      try {
        producer.commitTransaction();
      } catch (KafkaException error) {
        refused = true;
      }
      check(refused, "it is too late");
    }
    check(!values("out", 291).contains("slow"), "it is not seen");
    say("timeout");
  }

  /** A producer that ended without a word, and its successor. */
  static void restart() throws Exception {
    KafkaProducer<String, String> lost = producer("writer", 60_000);
    lost.beginTransaction();
    lost.send(record("out", "lost")).get();
    try (KafkaProducer<String, String> next = producer("writer", 60_000)) {
      next.beginTransaction();
      next.send(record("out", "next"));
      commit(next);
    }
    lost.close(Duration.ZERO);
    List<String> seen = values("out", 292);
    check(seen.contains("next") && !seen.contains("lost"), "only what was committed");
    say("restart");
  }

  static Properties common() {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    return config;
  }

  static Properties consumerConfig() {
    Properties config = common();
    config.put("isolation.level", "read_committed");
    config.put("auto.offset.reset", "earliest");
    config.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    config.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    return config;
  }

  static KafkaProducer<String, String> producer(String id, int timeoutMs) {
    Properties config = common();
    config.put("transactional.id", name + "-" + id);
    config.put("transaction.timeout.ms", timeoutMs);
    config.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    config.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    KafkaProducer<String, String> producer = new KafkaProducer<>(config);
    producer.initTransactions();
    return producer;
  }

  /**
   * Commits once all records are written. Without that the client's own thread, if it is held up between its look for records
   * that are under way and its look for the next request, sends the commit before the records of its transaction (4.3.1,
   * Sender.maybeSendAndPollTransactionalRequest); every broker has to answer INVALID_TXN_STATE then, which is fatal. See
   * EarlyCommit.java.
   */
  static void commit(KafkaProducer<String, String> producer) {
    producer.flush();
    producer.commitTransaction();
  }

  static ProducerRecord<String, String> record(String to, String value) {
    return new ProducerRecord<>(topic(to), value, value);
  }

  /** What a reader of committed records sees of a topic, from its start to its end; `wanted` of them, or it has failed. */
  static List<String> values(String of, int wanted) {
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(consumerConfig())) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (int index = 0; index < 3; index++) partitions.add(new TopicPartition(topic(of), index));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      List<String> values = new ArrayList<>();
      long untilMs = System.currentTimeMillis() + 20_000;
      while (System.currentTimeMillis() < untilMs) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200)))
          values.add(record.value());
        var ends = consumer.endOffsets(partitions);
        boolean done = partitions.stream().allMatch(each -> consumer.position(each) >= ends.get(each));
        if (done && values.size() >= wanted) break;
      }
      check(values.size() == wanted, values.size() + " values of " + of + ", not " + wanted);
      return values;
    }
  }

  static String topic(String of) {
    return name + "-" + of;
  }

  static String camel(String state) {
    return state.replace("_", "").replace(" ", "");
  }

  static void check(boolean holds, String what) {
    if (holds) return;
    System.err.println("does not hold: " + what);
    System.exit(1);
  }

  static void say(String step) {
    System.out.println("ok " + step);
  }
}

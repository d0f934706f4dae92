import java.lang.reflect.Field;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.internals.Sender;

/**
 * What the Java client makes of a transaction when its own thread is held up at one place: `EarlyCommit BOOTSTRAP NAME`. Prints
 * how its commit ended.
 *
 * <p>Its thread looks for records that are under way, then takes the next request (Sender.maybeSendAndPollTransactionalRequest);
 * in between the application begins a transaction, sends a record and commits. The thread then believes that there are no
 * records, and sends EndTxn before them. A machine that is busy enough does the same once in thousands of transactions.
 */
public class EarlyCommit {
  /** The client's set of batches under way, which holds up whoever finds it empty, once. */
  static class Batches extends HashSet<Object> {
    final CountDownLatch looked = new CountDownLatch(1);
    boolean isArmed = false;
    boolean mayGoOn = false;

    /** The client holds the monitor of its set here; waiting gives it up. */
    @Override
    public boolean isEmpty() {
      boolean isEmpty = super.isEmpty();
      if (!isArmed || !isEmpty) return isEmpty;
      isArmed = false;
      looked.countDown();
      try {
        while (!mayGoOn) wait();
      } catch (InterruptedException error) {
        throw new IllegalStateException(error);
      }
      return isEmpty;
    }
  }

  public static void main(String[] words) throws Exception {
    Properties config = admin(words[0]);
    String topic = words[1] + "-early";
    try (Admin admin = Admin.create(config)) {
      admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
    }
    config.put("transactional.id", topic);
    config.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    config.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    KafkaProducer<String, String> producer = new KafkaProducer<>(config);
    producer.initTransactions();
    producer.beginTransaction();
    producer.send(new ProducerRecord<>(topic, "first"));
    producer.flush();
    producer.commitTransaction();
    // Until its markers are written the next EndTxn is told to come again, and then comes behind the records.
    try (Admin admin = Admin.create(admin(words[0]))) {
      while (stateOf(admin, topic) != TransactionState.COMPLETE_COMMIT) Thread.sleep(20);
    }

    Batches batches = watched(producer);
    synchronized (batches) {
      batches.isArmed = true;
    }
    ((Sender) get(producer, "sender")).wakeup();
    batches.looked.await();
    producer.beginTransaction();
    producer.send(new ProducerRecord<>(topic, "second"));
    String[] told = {"committed"};
    Thread commit =
        new Thread(
            () -> {
              try {
                producer.commitTransaction();
              } catch (RuntimeException error) {
                told[0] = error.getClass().getSimpleName();
              }
            });
    commit.start();
    while (commit.getState() != Thread.State.TIMED_WAITING) Thread.sleep(1);
    synchronized (batches) {
      batches.mayGoOn = true;
      batches.notifyAll();
    }
    commit.join();
    System.out.println(told[0]);
    System.exit(0);
  }

  static Properties admin(String bootstrap) {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    return config;
  }

  static TransactionState stateOf(Admin admin, String id) throws Exception {
    return admin.describeTransactions(List.of(id)).description(id).get().state();
  }

  static Batches watched(KafkaProducer<String, String> producer) throws Exception {
    Object holder = get(get(producer, "accumulator"), "incomplete");
    Field field = holder.getClass().getDeclaredField("incomplete");
    field.setAccessible(true);
    Set<?> before = (Set<?>) field.get(holder);
    Batches batches = new Batches();
    synchronized (before) {
      batches.addAll(before);
      field.set(holder, batches);
    }
    return batches;
  }

  static Object get(Object of, String name) throws Exception {
    Field field = of.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(of);
  }
}

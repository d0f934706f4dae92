"""The tour with confluent-kafka (librdkafka): `confluent_tour.py BOOTSTRAP NAME [PROTOCOL]`. See README.md for its steps."""

import sys
import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

bootstrap, name = sys.argv[1:3]
# "classic" or "consumer" (KIP-848).
protocol = sys.argv[3] if len(sys.argv) > 3 else "classic"
PER_CODEC = 60
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
DEADLINE = time.time() + 90


def step(done):
    print("ok", done, flush=True)


def read(consumer, wanted):
    records = []
    while len(records) < wanted:
        assert time.time() < DEADLINE, f"{len(records)} of {wanted} records"
        record = consumer.poll(0.2)
        if record is None:
            continue
        assert record.error() is None, record.error()
        records.append(record)
    return records


def consumer_of(group, **settings):
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "group.protocol": protocol,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **settings,
        }
    )


def main():
    topic, group = f"{name}-records", f"{name}-group"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(topic, 3, 1, config={"retention.ms": "3600000"})
    admin.create_topics([new])[topic].result(30)
    try:
        admin.create_topics([new])[topic].result(30)
        raise AssertionError("a second creation worked")
    except KafkaException as refused:
        assert refused.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS, refused
    step("create")

    started = int(time.time() * 1000)
    for round_, codec in enumerate(CODECS):
        producer = Producer(
            {"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True}
        )
        failures = []
        for index in range(PER_CODEC):
            producer.produce(
                topic,
                key=f"key-{index % 7}",
                value=f"{round_}/{index}",
                headers=[("round", str(round_)), ("none", None)],
                on_delivery=lambda error, _: error and failures.append(error),
            )
        assert producer.flush(30) == 0 and not failures, failures
    step("produce")

    total = PER_CODEC * len(CODECS)
    consumer = consumer_of(group)
    consumer.subscribe([topic])
    newest = {}
    for record in read(consumer, total):
        round_, index = map(int, record.value().split(b"/"))
        place = round_ * PER_CODEC + index + 1
        assert place > newest.get(record.key(), 0), f"{record.key()} went back"
        newest[record.key()] = place
        assert record.headers() == [("round", str(round_).encode()), ("none", None)], record.headers()
        assert record.timestamp()[1] >= started, record.timestamp()
    assert len(newest) == 7, newest
    consumer.commit(asynchronous=False)
    step("consume in a group")

    described = admin.describe_consumer_groups([group])[group].result(30)
    assert described.state.name == "STABLE" and len(described.members) == 1, described.state
    consumer.close()
    committed = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(30)
    assert sum(place.offset for place in committed.topic_partitions) == total, committed
    step("committed offsets")

    places = [TopicPartition(topic, index) for index in range(3)]
    latest = admin.list_offsets({place: OffsetSpec.latest() for place in places})
    ends = {place.partition: future.result(30).offset for place, future in latest.items()}
    assert sum(ends.values()) == total, ends
    since = admin.list_offsets({place: OffsetSpec.for_timestamp(started) for place in places})
    assert all(future.result(30).offset == 0 for future in since.values())
    step("list offsets")

    transactions(admin)

    trimmed = admin.delete_records([TopicPartition(topic, 0, ends[0])])
    assert all(future.result(30).low_watermark == ends[0] for future in trimmed.values())
    probe = consumer_of(f"{name}-probe")
    assert probe.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[0] == ends[0]
    probe.close()
    step("delete records")

    refusals = []
    large = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 4 << 20})
    large.produce(topic, value=bytes(2 << 20), on_delivery=lambda error, _: refusals.append(error))
    large.flush(30)
    assert refusals[0].code() == KafkaError.MSG_SIZE_TOO_LARGE, refusals
    step("too large is refused")

    admin.delete_consumer_groups([group])[group].result(30)
    admin.delete_topics([topic])[topic].result(30)
    while topic in admin.list_topics(timeout=30).topics:
        assert time.time() < DEADLINE, "the topic is still there"
    step("delete")


def transactional(identity):
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": identity})
    producer.init_transactions(30)
    return producer


def transactions(admin):
    source, target, group = f"{name}-source", f"{name}-target", f"{name}-exactly-once"
    for future in admin.create_topics([NewTopic(source, 1, 1), NewTopic(target, 1, 1)]).values():
        future.result(30)
    producer = transactional(f"{name}-writer")
    for round_ in range(4):
        producer.begin_transaction()
        for index in range(10):
            producer.produce(source, value=f"{round_}/{index}")
        producer.flush(30)
        producer.abort_transaction(30) if round_ % 2 == 0 else producer.commit_transaction(30)
    consumer = consumer_of(group, **{"isolation.level": "read_committed"})
    consumer.subscribe([source])
    records = read(consumer, 20)
    values = [record.value() for record in records]
    assert values == [f"{round_}/{index}".encode() for round_ in (1, 3) for index in range(10)], values
    step("transactions")

    mover = transactional(f"{name}-mover")
    mover.begin_transaction()
    for value in values:
        mover.produce(target, value=value)
    mover.send_offsets_to_transaction(
        consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30
    )
    mover.commit_transaction(30)
    at = consumer.committed([TopicPartition(source, 0)], 30)[0].offset
    assert at > records[-1].offset(), at
    consumer.close()
    after = consumer_of(f"{name}-after", **{"isolation.level": "read_committed"})
    after.subscribe([target])
    assert [record.value() for record in read(after, 20)] == values
    after.close()
    step("consume, transform, produce")


main()

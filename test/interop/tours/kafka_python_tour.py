"""The tour with kafka-python: `kafka_python_tour.py BOOTSTRAP NAME`. See README.md for its steps."""

import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import MessageSizeTooLargeError, TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

bootstrap, name = sys.argv[1:3]
PER_CODEC = 60
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
DEADLINE = time.time() + 90


def step(done):
    print("ok", done, flush=True)


def read(consumer, wanted):
    records = []
    while len(records) < wanted:
        assert time.time() < DEADLINE, f"{len(records)} of {wanted} records"
        for batch in consumer.poll(timeout_ms=200).values():
            records += batch
    return records


def consumer_of(*topics, group=None, **settings):
    return KafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **settings,
    )


def main():
    topic, group = f"{name}-records", f"{name}-group"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    new = NewTopic(topic, 3, 1, topic_configs={"retention.ms": "3600000"})
    admin.create_topics([new])
    try:
        admin.create_topics([new])
        raise AssertionError("a second creation worked")
    except TopicAlreadyExistsError:
        pass
    step("create")

    started = int(time.time() * 1000)
    for round_, codec in enumerate(CODECS):
        producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec)
        sent = [
            producer.send(
                topic,
                key=f"key-{index % 7}".encode(),
                value=f"{round_}/{index}".encode(),
                headers=[("round", str(round_).encode())],
            )
            for index in range(PER_CODEC)
        ]
        for future in sent:
            future.get(30)
        producer.close()
    step("produce")

    total = PER_CODEC * len(CODECS)
    consumer = consumer_of(topic, group=group)
    newest = {}
    for record in read(consumer, total):
        round_, index = map(int, record.value.split(b"/"))
        place = round_ * PER_CODEC + index + 1
        assert place > newest.get(record.key, 0), f"{record.key} went back"
        newest[record.key] = place
        assert list(record.headers) == [("round", str(round_).encode())], record.headers
        assert record.timestamp >= started, record.timestamp
    assert len(newest) == 7, newest
    consumer.commit()
    step("consume in a group")

    places = [TopicPartition(topic, index) for index in range(3)]
    committed = [consumer.committed(place) or 0 for place in places]
    assert sum(committed) == total, committed
    step("committed offsets")

    ends = consumer.end_offsets(places)
    assert sum(ends.values()) == total, ends
    since = consumer.offsets_for_times({place: started for place in places})
    assert all(found is None or found.offset == 0 for found in since.values()), since
    consumer.close()
    step("list offsets")

    transactions(admin)

    admin.delete_records({places[0]: ends[places[0]]})
    probe = consumer_of()
    assert probe.beginning_offsets(places)[places[0]] == ends[places[0]]
    probe.close()
    step("delete records")

    large = KafkaProducer(bootstrap_servers=bootstrap, max_request_size=4 << 20, compression_type=None)
    try:
        large.send(topic, value=bytes(2 << 20)).get(30)
        raise AssertionError("a large record was taken")
    except MessageSizeTooLargeError:
        pass
    large.close()
    step("too large is refused")

    admin.delete_groups([group])
    admin.delete_topics([topic])
    while topic in admin.list_topics():
        assert time.time() < DEADLINE, "the topic is still there"
    admin.close()
    step("delete")


def transactional(identity):
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=identity)
    producer.init_transactions()
    return producer


def transactions(admin):
    source, target, group = f"{name}-source", f"{name}-target", f"{name}-exactly-once"
    admin.create_topics([NewTopic(source, 1, 1), NewTopic(target, 1, 1)])
    producer = transactional(f"{name}-writer")
    for round_ in range(4):
        producer.begin_transaction()
        for index in range(10):
            producer.send(source, value=f"{round_}/{index}".encode())
        producer.flush(30)
        producer.abort_transaction() if round_ % 2 == 0 else producer.commit_transaction()
    producer.close()
    consumer = consumer_of(source, group=group, isolation_level="read_committed")
    records = read(consumer, 20)
    values = [record.value for record in records]
    assert values == [f"{round_}/{index}".encode() for round_ in (1, 3) for index in range(10)], values
    step("transactions")

    mover = transactional(f"{name}-mover")
    mover.begin_transaction()
    for value in values:
        mover.send(target, value=value)
    offsets = {TopicPartition(source, 0): OffsetAndMetadata(records[-1].offset + 1, "", -1)}
    mover.send_offsets_to_transaction(offsets, consumer.group_metadata())
    mover.commit_transaction()
    mover.close()
    assert consumer.committed(TopicPartition(source, 0)) == records[-1].offset + 1
    consumer.close()
    after = consumer_of(target, isolation_level="read_committed")
    assert [record.value for record in read(after, 20)] == values
    after.close()
    step("consume, transform, produce")


main()

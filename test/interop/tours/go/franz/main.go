// The tour with franz-go: `franz BOOTSTRAP NAME`. See ../../README.md for its steps.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const perCodec = 60

func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func expect(ok bool, format string, args ...any) {
	if !ok {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}

func step(name string) { fmt.Println("ok " + name) }

func open(bootstrap string, options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, options...)...)
	check(err, "open")
	return client
}

func read(ctx context.Context, client *kgo.Client, wanted int) []*kgo.Record {
	var records []*kgo.Record
	for len(records) < wanted {
		fetches := client.PollFetches(ctx)
		check(fetches.Err0(), "poll")
		fetches.EachError(func(_ string, _ int32, err error) { check(err, "fetch") })
		records = append(records, fetches.Records()...)
	}
	return records
}

func main() {
	bootstrap, name := os.Args[1], os.Args[2]
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	topic := name + "-records"
	plain := open(bootstrap)
	admin := kadm.NewClient(plain)
	_, err := admin.CreateTopic(ctx, 3, 1, map[string]*string{"retention.ms": kadm.StringPtr("3600000")}, topic)
	check(err, "create topic")
	_, err = admin.CreateTopic(ctx, 3, 1, nil, topic)
	expect(errors.Is(err, kerr.TopicAlreadyExists), "a second creation gave %v", err)
	step("create")

	started := time.Now().UnixMilli()
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	for round, codec := range codecs {
		producer := open(bootstrap, kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
		for index := 0; index < perCodec; index++ {
			record := &kgo.Record{
				Topic: topic, Key: []byte("key-" + strconv.Itoa(index%7)), Value: []byte(fmt.Sprintf("%d/%d", round, index)),
				Headers: []kgo.RecordHeader{{Key: "round", Value: []byte(strconv.Itoa(round))}, {Key: "none", Value: nil}},
			}
			check(producer.ProduceSync(ctx, record).FirstErr(), "produce")
		}
		producer.Close()
	}
	step("produce")

	group := name + "-group"
	consumer := open(bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	total := perCodec * len(codecs)
	newest := map[string]int{}
	for _, record := range read(ctx, consumer, total) {
		var round, index int
		_, err := fmt.Sscanf(string(record.Value), "%d/%d", &round, &index)
		check(err, "value")
		place := round*perCodec + index + 1
		key := string(record.Key)
		expect(place > newest[key], "key %s went back from %d to %d", key, newest[key], place)
		newest[key] = place
		expect(len(record.Headers) == 2 && string(record.Headers[0].Value) == strconv.Itoa(round) && record.Headers[1].Value == nil, "headers of %s are %v", record.Value, record.Headers)
		expect(record.Timestamp.UnixMilli() >= started, "timestamp %v", record.Timestamp)
	}
	expect(len(newest) == 7, "%d keys", len(newest))
	check(consumer.CommitUncommittedOffsets(ctx), "commit")
	step("consume in a group")

	described, err := admin.DescribeGroups(ctx, group)
	check(err, "describe group")
	expect(described[group].State == "Stable" && len(described[group].Members) == 1, "the group is %s", described[group].State)
	consumer.Close()
	committed, err := admin.FetchOffsets(ctx, group)
	check(err, "fetch offsets")
	sum := int64(0)
	committed.Offsets().Each(func(offset kadm.Offset) { sum += offset.At })
	expect(sum == int64(total), "committed %d of %d", sum, total)
	step("committed offsets")

	ends, err := admin.ListEndOffsets(ctx, topic)
	check(err, "end offsets")
	sum = 0
	ends.Each(func(offset kadm.ListedOffset) { sum += offset.Offset })
	expect(sum == int64(total), "the ends sum to %d", sum)
	since, err := admin.ListOffsetsAfterMilli(ctx, started, topic)
	check(err, "offsets by time")
	since.Each(func(offset kadm.ListedOffset) { expect(offset.Offset == 0, "offset %d since the start", offset.Offset) })
	step("list offsets")

	transactions(ctx, bootstrap, name, admin)

	var trims kadm.Offsets
	trims.Add(kadm.Offset{Topic: topic, Partition: 0, At: ends[topic][0].Offset, LeaderEpoch: -1})
	_, err = admin.DeleteRecords(ctx, trims)
	check(err, "delete records")
	starts, err := admin.ListStartOffsets(ctx, topic)
	check(err, "start offsets")
	expect(starts[topic][0].Offset == ends[topic][0].Offset, "the log starts at %d", starts[topic][0].Offset)
	step("delete records")

	large := open(bootstrap, kgo.ProducerBatchMaxBytes(4<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	err = large.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: make([]byte, 2<<20)}).FirstErr()
	expect(errors.Is(err, kerr.MessageTooLarge), "a large record gave %v", err)
	large.Close()
	step("too large is refused")

	_, err = admin.DeleteGroups(ctx, group)
	check(err, "delete group")
	_, err = admin.DeleteTopics(ctx, topic)
	check(err, "delete topic")
	// Apache Kafka's metadata follows a moment later.
	for there := true; there; {
		topics, err := admin.ListTopics(ctx)
		check(err, "list topics")
		there = topics.Has(topic)
	}
	plain.Close()
	step("delete")
}

func transactions(ctx context.Context, bootstrap, name string, admin *kadm.Client) {
	source, target, group := name+"-source", name+"-target", name+"-exactly-once"
	_, err := admin.CreateTopics(ctx, 1, 1, nil, source, target)
	check(err, "create topics")
	producer := open(bootstrap, kgo.TransactionalID(name+"-writer"), kgo.DefaultProduceTopic(source))
	for round, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		check(producer.BeginTransaction(), "begin")
		for index := 0; index < 10; index++ {
			check(producer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprintf("%d/%d", round, index))).FirstErr(), "produce in a transaction")
		}
		check(producer.EndTransaction(ctx, end), "end")
	}
	producer.Close()
	committed := open(bootstrap, kgo.ConsumeTopics(source), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for place, record := range read(ctx, committed, 20) {
		round := 1 + 2*(place/10)
		expect(string(record.Value) == fmt.Sprintf("%d/%d", round, place%10), "record %d is %s", place, record.Value)
	}
	committed.Close()
	step("transactions")

	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(bootstrap), kgo.TransactionalID(name+"-mover"), kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(source), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets())
	check(err, "session")
	for moved := 0; moved < 20; {
		fetches := session.PollFetches(ctx)
		check(fetches.Err0(), "poll")
		check(session.Begin(), "begin")
		for _, record := range fetches.Records() {
			check(session.ProduceSync(ctx, &kgo.Record{Topic: target, Value: record.Value}).FirstErr(), "move")
			moved++
		}
		ended, err := session.End(ctx, kgo.TryCommit)
		check(err, "end")
		expect(ended, "the transaction was not committed")
	}
	session.Close()
	after := open(bootstrap, kgo.ConsumeTopics(target), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	expect(len(read(ctx, after, 20)) == 20, "moved records")
	after.Close()
	step("consume, transform, produce")
}

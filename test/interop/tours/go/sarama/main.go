// The tour with sarama: `sarama BOOTSTRAP NAME`. See ../../README.md for its steps.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/IBM/sarama"
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

func config(change func(*sarama.Config)) *sarama.Config {
	settings := sarama.NewConfig()
	settings.Version = sarama.MaxVersion
	settings.Producer.Return.Successes = true
	settings.Producer.RequiredAcks = sarama.WaitForAll
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	settings.Consumer.Offsets.AutoCommit.Enable = false
	if change != nil {
		change(settings)
	}
	return settings
}

// reader takes records of one group until it has the number it wants.
type reader struct {
	wanted  int
	records []*sarama.ConsumerMessage
	done    context.CancelFunc
	each    func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage)
	lock    chan struct{}
}

func (*reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (r *reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			r.lock <- struct{}{}
			r.records = append(r.records, message)
			session.MarkMessage(message, "")
			if r.each != nil {
				r.each(session, message)
			}
			if len(r.records) == r.wanted {
				if r.each == nil {
					session.Commit()
				}
				r.done()
			}
			<-r.lock
		case <-session.Context().Done():
			return nil
		}
	}
}

func readGroup(bootstrap, group, topic string, wanted int, settings *sarama.Config, each func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage)) []*sarama.ConsumerMessage {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	consumer, err := sarama.NewConsumerGroup([]string{bootstrap}, group, settings)
	check(err, "consumer group")
	handler := &reader{wanted: wanted, done: cancel, each: each, lock: make(chan struct{}, 1)}
	for ctx.Err() == nil {
		check(consumer.Consume(ctx, []string{topic}, handler), "consume")
	}
	check(consumer.Close(), "close consumer")
	expect(len(handler.records) == wanted, "%d of %d records", len(handler.records), wanted)
	return handler.records
}

func main() {
	bootstrap, name := os.Args[1], os.Args[2]
	topic, group := name+"-records", name+"-group"
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config(nil))
	check(err, "admin")
	retention := "3600000"
	detail := &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention}}
	check(admin.CreateTopic(topic, detail, false), "create topic")
	err = admin.CreateTopic(topic, detail, false)
	expect(errors.Is(err, sarama.ErrTopicAlreadyExists), "a second creation gave %v", err)
	step("create")

	started := time.Now().UnixMilli()
	codecs := []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD}
	for round, codec := range codecs {
		producer, err := sarama.NewSyncProducer([]string{bootstrap}, config(func(settings *sarama.Config) {
			settings.Producer.Compression = codec
			settings.Producer.Idempotent = true
			settings.Net.MaxOpenRequests = 1
		}))
		check(err, "producer")
		for index := 0; index < perCodec; index++ {
			_, _, err := producer.SendMessage(&sarama.ProducerMessage{
				Topic: topic, Key: sarama.StringEncoder("key-" + strconv.Itoa(index%7)), Value: sarama.StringEncoder(fmt.Sprintf("%d/%d", round, index)),
				Headers: []sarama.RecordHeader{{Key: []byte("round"), Value: []byte(strconv.Itoa(round))}},
			})
			check(err, "produce")
		}
		check(producer.Close(), "close producer")
	}
	step("produce")

	total := perCodec * len(codecs)
	newest := map[string]int{}
	for _, record := range readGroup(bootstrap, group, topic, total, config(nil), nil) {
		var round, index int
		_, err := fmt.Sscanf(string(record.Value), "%d/%d", &round, &index)
		check(err, "value")
		place, key := round*perCodec+index+1, string(record.Key)
		expect(place > newest[key], "key %s went back from %d to %d", key, newest[key], place)
		newest[key] = place
		expect(len(record.Headers) == 1 && string(record.Headers[0].Value) == strconv.Itoa(round), "headers of %s", record.Value)
		expect(record.Timestamp.UnixMilli() >= started, "timestamp %v", record.Timestamp)
	}
	expect(len(newest) == 7, "%d keys", len(newest))
	step("consume in a group")

	committed, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1, 2}})
	check(err, "fetch offsets")
	sum := int64(0)
	for partition := int32(0); partition < 3; partition++ {
		if at := committed.GetBlock(topic, partition).Offset; at > 0 {
			sum += at
		}
	}
	expect(sum == int64(total), "committed %d of %d", sum, total)
	step("committed offsets")

	client, err := sarama.NewClient([]string{bootstrap}, config(nil))
	check(err, "client")
	sum = 0
	for partition := int32(0); partition < 3; partition++ {
		end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
		check(err, "end offset")
		sum += end
		since, err := client.GetOffset(topic, partition, started)
		check(err, "offset by time")
		expect(since == 0, "offset %d since the start", since)
	}
	expect(sum == int64(total), "the ends sum to %d", sum)
	step("list offsets")

	transactions(bootstrap, name, admin)

	end, err := client.GetOffset(topic, 0, sarama.OffsetNewest)
	check(err, "end offset")
	check(admin.DeleteRecords(topic, map[int32]int64{0: end}), "delete records")
	start, err := client.GetOffset(topic, 0, sarama.OffsetOldest)
	check(err, "start offset")
	expect(start == end, "the log starts at %d", start)
	step("delete records")

	large, err := sarama.NewSyncProducer([]string{bootstrap}, config(func(settings *sarama.Config) { settings.Producer.MaxMessageBytes = 4 << 20 }))
	check(err, "producer")
	_, _, err = large.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(make([]byte, 2<<20))})
	expect(errors.Is(err, sarama.ErrMessageSizeTooLarge), "a large record gave %v", err)
	check(large.Close(), "close producer")
	step("too large is refused")

	check(admin.DeleteConsumerGroup(group), "delete group")
	check(admin.DeleteTopic(topic), "delete topic")
	// Apache Kafka's metadata follows a moment later.
	for there := true; there; {
		topics, err := admin.ListTopics()
		check(err, "list topics")
		_, there = topics[topic]
	}
	check(client.Close(), "close client")
	check(admin.Close(), "close admin")
	step("delete")
}

func transactional(id string) *sarama.Config {
	return config(func(settings *sarama.Config) {
		settings.Producer.Idempotent = true
		settings.Producer.Transaction.ID = id
		settings.Net.MaxOpenRequests = 1
	})
}

func transactions(bootstrap, name string, admin sarama.ClusterAdmin) {
	source, target, group := name+"-source", name+"-target", name+"-exactly-once"
	for _, topic := range []string{source, target} {
		check(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false), "create topic")
	}
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, transactional(name+"-writer"))
	check(err, "producer")
	for round := 0; round < 4; round++ {
		check(producer.BeginTxn(), "begin")
		for index := 0; index < 10; index++ {
			_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: source, Value: sarama.StringEncoder(fmt.Sprintf("%d/%d", round, index))})
			check(err, "produce in a transaction")
		}
		if round%2 == 0 {
			check(producer.AbortTxn(), "abort")
		} else {
			check(producer.CommitTxn(), "commit")
		}
	}
	check(producer.Close(), "close producer")
	committedOnly := config(func(settings *sarama.Config) { settings.Consumer.IsolationLevel = sarama.ReadCommitted })
	for place, record := range readGroup(bootstrap, name+"-committed", source, 20, committedOnly, nil) {
		round := 1 + 2*(place/10)
		expect(string(record.Value) == fmt.Sprintf("%d/%d", round, place%10), "record %d is %s", place, record.Value)
	}
	step("transactions")

	mover, err := sarama.NewSyncProducer([]string{bootstrap}, transactional(name+"-mover"))
	check(err, "producer")
	readGroup(bootstrap, group, source, 20, committedOnly, func(_ sarama.ConsumerGroupSession, record *sarama.ConsumerMessage) {
		check(mover.BeginTxn(), "begin")
		_, _, err := mover.SendMessage(&sarama.ProducerMessage{Topic: target, Value: sarama.ByteEncoder(record.Value)})
		check(err, "move")
		check(mover.AddMessageToTxn(record, group, nil), "offsets in the transaction")
		check(mover.CommitTxn(), "commit")
	})
	check(mover.Close(), "close producer")
	committed, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{source: {0}})
	check(err, "fetch offsets")
	at := committed.GetBlock(source, 0).Offset
	expect(at > 20, "the transaction committed offset %d", at)
	readGroup(bootstrap, name+"-after", target, 20, committedOnly, nil)
	step("consume, transform, produce")
}

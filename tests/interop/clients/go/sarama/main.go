// SPDX-License-Identifier: Apache-2.0

// The twelve conversations, held by sarama.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"gyre.interop/clients/conversation"
)

type seen = conversation.Seen

var (
	bootstrap []string
	must      = conversation.Must
	until     = conversation.Until
)

func get[T any](value T, err error) T { return conversation.Get(value, err) }

// codeOf gives the error's code, 0 for none.
func codeOf(err error) int {
	if err == nil {
		return 0
	}
	var code sarama.KError
	if errors.As(err, &code) {
		return int(code)
	}
	var onTopic *sarama.TopicError
	if errors.As(err, &onTopic) {
		return int(onTopic.Err)
	}
	var onPartition *sarama.TopicPartitionError
	if errors.As(err, &onPartition) {
		return int(onPartition.Err)
	}
	panic(err)
}

func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V4_0_0_0
	config.ApiVersionsRequest = true
	config.Producer.Return.Successes = true
	config.Producer.Return.Errors = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.MaxMessageBytes = 10_000_000
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = 10 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	config.Metadata.RefreshFrequency = time.Second
	return config
}

func admin() sarama.ClusterAdmin { return get(sarama.NewClusterAdmin(bootstrap, settings())) }

func client() sarama.Client { return get(sarama.NewClient(bootstrap, settings())) }

func create(adm sarama.ClusterAdmin, topic string, partitions int32, config ...string) {
	// The sample timestamps are old: without this the records would be deleted as expired.
	forever := "-1"
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 3,
		ConfigEntries: map[string]*string{"retention.ms": &forever}}
	for i := 0; i < len(config); i += 2 {
		detail.ConfigEntries[config[i]] = &config[i+1]
	}
	must(adm.CreateTopic(topic, detail, false))
	until("leaders", func() bool {
		found := describe(adm, topic)
		for _, p := range found.Partitions {
			if p.Err != sarama.ErrNoError || p.Leader < 0 {
				return false
			}
		}
		return len(found.Partitions) == int(partitions)
	})
}

func describe(adm sarama.ClusterAdmin, topic string) *sarama.TopicMetadata {
	return get(adm.DescribeTopics([]string{topic}))[0]
}

func numbered(topic string, partition int32, first, count int, stepMs int64,
) []*sarama.ProducerMessage {
	var messages []*sarama.ProducerMessage
	for i := first; i < first+count; i++ {
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Partition: partition,
			Value:     sarama.StringEncoder(strconv.Itoa(i)),
			Timestamp: time.UnixMilli(conversation.BaseMs + stepMs*int64(i))})
	}
	return messages
}

// produce sends the messages and gives their offsets.
func produce(messages []*sarama.ProducerMessage, change func(*sarama.Config)) ([]int64, error) {
	config := settings()
	if change != nil {
		change(config)
	}
	producer := get(sarama.NewSyncProducer(bootstrap, config))
	defer producer.Close()
	if err := producer.SendMessages(messages); err != nil {
		var all sarama.ProducerErrors
		if errors.As(err, &all) {
			return nil, all[0].Err
		}
		return nil, err
	}
	var offsets []int64
	for _, message := range messages {
		offsets = append(offsets, message.Offset)
	}
	return offsets, nil
}

func read(topic string, partition int32, offset int64, count int) []*sarama.ConsumerMessage {
	config := settings()
	config.Consumer.Fetch.Default = 1000
	consumer := get(sarama.NewConsumer(bootstrap, config))
	defer consumer.Close()
	from := get(consumer.ConsumePartition(topic, partition, offset))
	defer from.Close()
	return receive(from.Messages(), count)
}

func receive(from <-chan *sarama.ConsumerMessage, count int) []*sarama.ConsumerMessage {
	var messages []*sarama.ConsumerMessage
	late := time.After(time.Minute)
	for len(messages) < count {
		select {
		case message := <-from:
			messages = append(messages, message)
		case <-late:
			panic(fmt.Sprintf("%d of %d records after a minute", len(messages), count))
		}
	}
	return messages
}

func areNumbers(messages []*sarama.ConsumerMessage, first, step int) bool {
	for i, message := range messages {
		if string(message.Value) != strconv.Itoa(first+i*step) {
			return false
		}
	}
	return true
}

func metadata(prefix string) seen {
	offsets := get(produce(numbered(prefix, 0, 0, 1, 1), nil))
	adm := admin()
	defer adm.Close()
	brokers, controller, err := adm.DescribeCluster()
	must(err)
	found := describe(adm, prefix)
	replicas := map[int]bool{}
	for _, p := range found.Partitions {
		replicas[len(p.Replicas)] = true
	}
	_, listed := get(adm.ListTopics())[prefix]
	return seen{"offsets": offsets, "brokers": len(brokers), "partitions": len(found.Partitions),
		"controller_is_a_broker": slices.ContainsFunc(brokers,
			func(b *sarama.Broker) bool { return b.ID() == controller }),
		"three_replicas": replicas[3] && len(replicas) == 1, "is_internal": found.IsInternal,
		"topic_id_is_set": found.Uuid != sarama.Uuid{}, "listed": listed}
}

func codecs(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1)
	result := seen{}
	for codec := sarama.CompressionNone; codec <= sarama.CompressionZSTD; codec++ {
		var messages []*sarama.ProducerMessage
		samples := conversation.Samples()
		for _, sample := range samples {
			message := &sarama.ProducerMessage{Topic: prefix, Timestamp: time.UnixMilli(sample.Ms)}
			if sample.Key != nil {
				message.Key = sarama.ByteEncoder(sample.Key)
			}
			if sample.Value != nil {
				message.Value = sarama.ByteEncoder(sample.Value)
			}
			for _, header := range sample.Headers {
				message.Headers = append(message.Headers, sarama.RecordHeader{
					Key: []byte(header[0]), Value: []byte(header[1])})
			}
			messages = append(messages, message)
		}
		offsets := get(produce(messages,
			func(c *sarama.Config) { c.Producer.Compression = codec }))
		same := true
		for i, got := range read(prefix, 0, int64(20*int(codec)), 20) {
			sent := samples[i]
			same = same && conversation.SameBytes(got.Key, sent.Key) &&
				conversation.SameBytes(got.Value, sent.Value) &&
				got.Timestamp.UnixMilli() == sent.Ms && len(got.Headers) == len(sent.Headers)
			for h := range sent.Headers {
				same = same && string(got.Headers[h].Key) == sent.Headers[h][0] &&
					string(got.Headers[h].Value) == sent.Headers[h][1]
			}
		}
		result[codec.String()] = seen{"first": offsets[0], "last": offsets[19], "same": same}
	}
	return result
}

func idempotent(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 4)
	messages := numbered(prefix, 0, 0, 1000, 1)
	for i, message := range messages {
		message.Partition = int32(i % 4)
	}
	offsets := get(produce(messages, func(c *sarama.Config) {
		c.Producer.Idempotent = true
		c.Net.MaxOpenRequests = 1
		c.Producer.Flush.MaxMessages = 20
	}))
	dense, ordered := true, true
	for i, offset := range offsets {
		dense = dense && offset == int64(i/4)
	}
	for p := range 4 {
		ordered = ordered && areNumbers(read(prefix, int32(p), 0, 250), p, 4)
	}
	return seen{"dense": dense, "ordered": ordered}
}

func acks(prefix string) seen {
	adm, cl := admin(), client()
	defer adm.Close()
	defer cl.Close()
	create(adm, prefix, 1)
	result := seen{}
	for number, level := range []sarama.RequiredAcks{sarama.NoResponse, sarama.WaitForLocal,
		sarama.WaitForAll} {
		offsets := get(produce(numbered(prefix, 0, 0, 100, 1),
			func(c *sarama.Config) { c.Producer.RequiredAcks = level }))
		if number > 0 {
			result[[]string{"none", "leader", "all"}[number]] = []int64{offsets[0], offsets[99]}
		}
		until("the records of this level", func() bool {
			return get(cl.GetOffset(prefix, 0, sarama.OffsetNewest)) == int64(100*(number+1))
		})
	}
	result["read"] = len(read(prefix, 0, 0, 300))
	return result
}

// member is one consumer of a group that runs until it is closed.
type member struct {
	group    sarama.ConsumerGroup
	cancel   context.CancelFunc
	messages chan *sarama.ConsumerMessage
	lock     sync.Mutex
	session  sarama.ConsumerGroupSession
	claims   []int32
	ended    chan struct{}
}

func join(id, topic string, change func(*sarama.Config)) *member {
	config := settings()
	if change != nil {
		change(config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	one := &member{group: get(sarama.NewConsumerGroup(bootstrap, id, config)), cancel: cancel,
		messages: make(chan *sarama.ConsumerMessage), ended: make(chan struct{})}
	go func() {
		defer close(one.ended)
		for ctx.Err() == nil {
			if err := one.group.Consume(ctx, []string{topic}, one); err != nil {
				time.Sleep(100 * time.Millisecond)
			}
		}
	}()
	return one
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.session = session
	m.claims = nil
	for _, partitions := range session.Claims() {
		m.claims = append(m.claims, partitions...)
	}
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.claims = nil
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession,
	claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			select {
			case m.messages <- message:
			case <-session.Context().Done():
				return nil
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) take(count int) []*sarama.ConsumerMessage { return receive(m.messages, count) }

func (m *member) holds() int {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.claims)
}

func (m *member) close() {
	m.cancel()
	<-m.ended
	must(m.group.Close())
}

func groupOffset(adm sarama.ClusterAdmin, group, topic string) (int64, string) {
	found := get(adm.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}}))
	block := found.GetBlock(topic, 0)
	if block == nil {
		return -1, ""
	}
	return block.Offset, block.Metadata
}

func group(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1)
	get(produce(numbered(prefix, 0, 0, 100, 1), nil))
	first := join(prefix, prefix, nil)
	taken := first.take(50)
	before, _ := groupOffset(adm, prefix, prefix)
	first.session.MarkOffset(prefix, 0, 50, "noted")
	first.session.Commit()
	first.close()
	committed, note := groupOffset(adm, prefix, prefix)
	second := join(prefix, prefix, nil)
	rest := second.take(50)
	second.session.MarkMessage(rest[49], "")
	second.session.Commit()
	second.close()
	last, _ := groupOffset(adm, prefix, prefix)
	return seen{"before": before, "first": taken[0].Offset, "resumed_at": rest[0].Offset,
		"committed": committed, "metadata": note, "last": last}
}

func rebalance(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 4)
	result := seen{}
	shares := func(what string, wanted ...int) func(members ...*member) {
		return func(members ...*member) {
			until("shares "+what, func() bool {
				for i, m := range members {
					if m.holds() != wanted[i] {
						return false
					}
				}
				return true
			})
			result[what] = wanted
		}
	}
	a := join(prefix, prefix, nil)
	shares("alone", 4)(a)
	b := join(prefix, prefix, nil)
	shares("together", 2, 2)(a, b)
	b.close()
	shares("after", 4)(a)
	a.close()
	return result
}

func seek(prefix string) seen {
	adm, cl := admin(), client()
	defer adm.Close()
	defer cl.Close()
	create(adm, prefix, 1)
	get(produce(numbered(prefix, 0, 0, 100, 1000), nil))
	at := func(ms int64) int64 { return get(cl.GetOffset(prefix, 0, conversation.BaseMs+ms)) }
	consumer := get(sarama.NewConsumer(bootstrap, settings()))
	defer consumer.Close()
	_, err := consumer.ConsumePartition(prefix, 0, 5000)
	return seen{"before": at(-5), "exact": at(40_000), "between": at(40_001), "after": at(1_000_000),
		"start":  get(cl.GetOffset(prefix, 0, sarama.OffsetOldest)),
		"end":    get(cl.GetOffset(prefix, 0, sarama.OffsetNewest)),
		"first":  read(prefix, 0, sarama.OffsetOldest, 1)[0].Offset,
		"sought": read(prefix, 0, 40, 1)[0].Offset, "out_of_range": codeOf(err)}
}

func large(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, "max.message.bytes", "100000")
	create(adm, prefix+"-default", 1)
	attempt := func(topic string, size int) any {
		value := make([]byte, size)
		get(rand.Read(value))
		offsets, err := produce([]*sarama.ProducerMessage{{Topic: topic,
			Value: sarama.ByteEncoder(value)}}, nil)
		if err != nil {
			return codeOf(err)
		}
		return offsets
	}
	return seen{"near": attempt(prefix, 99_000), "too_large": attempt(prefix, 101_000),
		"default_near":      attempt(prefix+"-default", 1_048_000),
		"default_too_large": attempt(prefix+"-default", 1_050_000),
		"read_bytes":        len(read(prefix+"-default", 0, 0, 1)[0].Value)}
}

func config(adm sarama.ClusterAdmin, topic, name string) []any {
	entries := get(adm.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource,
		Name: topic, ConfigNames: []string{name}}))
	return []any{entries[0].Value, entries[0].Source.String(), entries[0].ReadOnly,
		entries[0].Sensitive, len(entries)}
}

func topics(prefix string) seen {
	adm := admin()
	defer adm.Close()
	make := func(name string, partitions int32, replicas int16, pairs ...string) int {
		detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: replicas,
			ConfigEntries: map[string]*string{}}
		if len(pairs) > 0 {
			detail.ConfigEntries[pairs[0]] = &pairs[1]
		}
		return codeOf(adm.CreateTopic(name, detail, false))
	}
	alter := func(name, value string) int {
		return codeOf(adm.IncrementalAlterConfig(sarama.TopicResource, prefix,
			map[string]sarama.IncrementalAlterConfigsEntry{name: {
				Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}, false))
	}
	result := seen{"create": make(prefix, 3, 3, "retention.ms", "123456")}
	until("the topic", func() bool { return len(describe(adm, prefix).Partitions) == 3 })
	result["again"] = make(prefix, 3, 3)
	result["no_partitions"] = make(prefix+"-a", 0, 3)
	result["many_replicas"] = make(prefix+"-b", 1, 100)
	result["bad_name"] = make(prefix+"/c", 1, 3)
	result["long_name"] = make(strings.Repeat("x", 250), 1, 3)
	result["bad_config"] = make(prefix+"-d", 1, 3, "retention.ms", "soon")
	result["retention.ms"] = config(adm, prefix, "retention.ms")
	result["max.message.bytes"] = config(adm, prefix, "max.message.bytes")
	result["set"] = alter("retention.ms", "654321")
	until("the value set",
		func() bool { return config(adm, prefix, "retention.ms")[0] == "654321" })
	// The older request replaces all settings of the topic.
	value := "7000000"
	must(adm.AlterConfig(sarama.TopicResource, prefix, map[string]*string{"segment.ms": &value},
		false))
	until("all settings replaced", func() bool {
		return config(adm, prefix, "segment.ms")[0] == value &&
			config(adm, prefix, "retention.ms")[0] == "604800000"
	})
	result["delete"] = codeOf(adm.DeleteTopic(prefix))
	until("the topic is gone",
		func() bool { return describe(adm, prefix).Err == sarama.ErrUnknownTopicOrPartition })
	result["delete_again"] = codeOf(adm.DeleteTopic(prefix))
	return result
}

func partitions(prefix string) seen {
	adm, cl := admin(), client()
	defer adm.Close()
	defer cl.Close()
	create(adm, prefix, 2)
	grow := func(topic string, count int32) int {
		return codeOf(adm.CreatePartitions(topic, count, nil, false))
	}
	result := seen{"grow": grow(prefix, 5)}
	until("five partitions", func() bool { return len(describe(adm, prefix).Partitions) == 5 })
	result["same"] = grow(prefix, 5)
	result["shrink"] = grow(prefix, 1)
	result["unknown"] = grow(prefix+"-unknown", 5)
	get(produce(numbered(prefix, 4, 0, 10, 1), nil))
	offsets := func() []int64 {
		must(cl.RefreshMetadata(prefix))
		return []int64{get(cl.GetOffset(prefix, 4, sarama.OffsetOldest)),
			get(cl.GetOffset(prefix, 4, sarama.OffsetNewest))}
	}
	drop := func(offset int64) bool {
		return adm.DeleteRecords(prefix, map[int32]int64{4: offset}) == nil
	}
	result["offsets"] = offsets()
	result["deleted"] = drop(4)
	result["deleted_beyond"] = drop(100)
	result["offsets_after"] = offsets()
	result["first_after"] = read(prefix, 4, sarama.OffsetOldest, 1)[0].Offset
	return result
}

func groups(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1)
	get(produce(numbered(prefix, 0, 0, 10, 1), nil))
	describe := func(id string) []any {
		found := get(adm.DescribeConsumerGroups([]string{id}))[0]
		var ids []string
		for _, one := range found.Members {
			ids = append(ids, one.ClientId)
		}
		return []any{found.ErrorCode, found.State, found.ProtocolType, found.Protocol, ids}
	}
	listed := func() string { return get(adm.ListConsumerGroups())[prefix] }
	offset := func() int64 { found, _ := groupOffset(adm, prefix, prefix); return found }
	forget := func() int { return codeOf(adm.DeleteConsumerGroupOffset(prefix, prefix, 0)) }
	one := join(prefix, prefix, func(c *sarama.Config) { c.ClientID = "talker" })
	taken := one.take(10)
	one.session.MarkMessage(taken[9], "")
	one.session.Commit()
	result := seen{"stable": describe(prefix), "listed": listed(), "offset": offset(),
		"delete_busy": codeOf(adm.DeleteConsumerGroup(prefix)), "delete_offset_busy": forget()}
	one.close()
	until("the group is empty", func() bool { return describe(prefix)[1] == "Empty" })
	result["empty"] = describe(prefix)
	get(adm.AlterConsumerGroupOffsets(prefix, map[string]map[int32]sarama.OffsetAndMetadata{
		prefix: {0: {Offset: 3, LeaderEpoch: -1}}}, nil))
	result["offset_altered"] = offset()
	result["delete_offset"] = forget()
	result["offset_deleted"] = offset()
	result["delete"] = codeOf(adm.DeleteConsumerGroup(prefix))
	result["delete_again"] = codeOf(adm.DeleteConsumerGroup(prefix))
	result["unknown"] = describe(prefix + "-x")[1:]
	result["listed_after"] = listed()
	return result
}

func failover(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, "min.insync.replicas", "2")
	leader := func() int32 { return describe(adm, prefix).Partitions[0].Leader }
	config := settings()
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Flush.MaxMessages = 20
	config.Producer.Retry.Max = 200
	config.Producer.Retry.Backoff = 200 * time.Millisecond
	producer := get(sarama.NewAsyncProducer(bootstrap, config))
	failures := make(chan int)
	go func() {
		failed := 0
		for answered := 0; answered < 400; answered++ {
			select {
			case <-producer.Successes():
			case problem := <-producer.Errors():
				fmt.Fprintln(os.Stderr, problem)
				failed++
			}
		}
		failures <- failed
	}()
	send := func(first, count int) {
		for _, message := range numbered(prefix, 0, first, count, 1) {
			producer.Input() <- message
		}
	}
	old := leader()
	send(0, 300)
	conversation.Ask("kill", old)
	defer conversation.Ask("restart", old)
	send(300, 100)
	failed := <-failures
	producer.AsyncClose()
	until("another leader", func() bool {
		other := admin()
		defer other.Close()
		now := describe(other, prefix).Partitions[0].Leader
		return now != old && now >= 0
	})
	return seen{"errors": failed, "moved": true,
		"all_in_order": areNumbers(read(prefix, 0, 0, 400), 0, 1)}
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/IBM/sarama" {
			return module.Version
		}
	}
	return "unknown"
}

func main() {
	bootstrap = strings.Split(os.Args[1], ",")
	sarama.Logger = log.New(io.Discard, "", 0)
	conversation.Hold("sarama", version(), []conversation.Held{
		{Name: "metadata", Hold: metadata}, {Name: "codecs", Hold: codecs},
		{Name: "idempotent", Hold: idempotent}, {Name: "acks", Hold: acks},
		{Name: "group", Hold: group}, {Name: "rebalance", Hold: rebalance},
		{Name: "seek", Hold: seek}, {Name: "large", Hold: large},
		{Name: "topics", Hold: topics}, {Name: "partitions", Hold: partitions},
		{Name: "groups", Hold: groups}, {Name: "failover", Hold: failover}})
}

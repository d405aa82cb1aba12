// SPDX-License-Identifier: Apache-2.0

// The twelve conversations, held by franz-go.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"gyre.interop/clients/conversation"
)

type seen = conversation.Seen

var (
	bootstrap []string
	ctx       = context.Background()
	must      = conversation.Must
	until     = conversation.Until
)

func get[T any](value T, err error) T { return conversation.Get(value, err) }

// codeOf gives the error's code, 0 for none.
func codeOf(err error) int {
	var known *kerr.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &known):
		return int(known.Code)
	}
	panic(err)
}

func client(options ...kgo.Opt) *kgo.Client {
	return get(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMaxAge(time.Second),
		kgo.MetadataMinAge(100 * time.Millisecond)}, options...)...))
}

func admin() *kadm.Client { return kadm.NewClient(client()) }

func create(adm *kadm.Client, topic string, partitions int32, config map[string]string) {
	// The sample timestamps are old: without this the records would be deleted as expired.
	settings := map[string]*string{"retention.ms": kadm.StringPtr("-1")}
	for name, value := range config {
		settings[name] = kadm.StringPtr(value)
	}
	get(adm.CreateTopic(ctx, partitions, 3, settings, topic))
	until("leaders", func() bool {
		found := topicOf(adm, topic)
		if len(found.Partitions) != int(partitions) {
			return false
		}
		for _, p := range found.Partitions {
			if p.Err != nil || p.Leader < 0 {
				return false
			}
		}
		return true
	})
}

func topicOf(adm *kadm.Client, topic string) kadm.TopicDetail {
	return get(adm.Metadata(ctx, topic)).Topics[topic]
}

func numbered(topic string, partition int32, first, count int, stepMs int64) []*kgo.Record {
	var records []*kgo.Record
	for i := first; i < first+count; i++ {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition,
			Value:     []byte(strconv.Itoa(i)),
			Timestamp: time.UnixMilli(conversation.BaseMs + stepMs*int64(i))})
	}
	return records
}

// produce sends the records and gives their offsets.
func produce(records []*kgo.Record, options ...kgo.Opt) ([]int64, error) {
	cl := client(options...)
	defer cl.Close()
	results := cl.ProduceSync(ctx, records...)
	if err := results.FirstErr(); err != nil {
		return nil, err
	}
	var offsets []int64
	for _, record := range records {
		offsets = append(offsets, record.Offset)
	}
	return offsets, nil
}

func take(cl *kgo.Client, count int) []*kgo.Record {
	var records []*kgo.Record
	until(fmt.Sprintf("%d records", count), func() bool {
		wait, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		fetches := cl.PollRecords(wait, count-len(records))
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.DeadlineExceeded) {
				panic(failed.Err)
			}
		}
		records = append(records, fetches.Records()...)
		return len(records) >= count
	})
	return records
}

func at(topic string, partition int32, offset int64) kgo.Opt {
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {partition: kgo.NewOffset().At(offset)}})
}

func read(topic string, partition int32, offset int64, count int, more ...kgo.Opt) []*kgo.Record {
	cl := client(append(more, at(topic, partition, offset))...)
	defer cl.Close()
	return take(cl, count)
}

func areNumbers(records []*kgo.Record, first, step int) bool {
	for i, record := range records {
		if string(record.Value) != strconv.Itoa(first+i*step) {
			return false
		}
	}
	return true
}

func metadata(prefix string) seen {
	offsets := get(produce(numbered(prefix, 0, 0, 1, 1), kgo.AllowAutoTopicCreation()))
	adm := admin()
	defer adm.Close()
	all := get(adm.Metadata(ctx))
	found := all.Topics[prefix]
	replicas := map[int]bool{}
	for _, p := range found.Partitions {
		replicas[len(p.Replicas)] = true
	}
	return seen{"offsets": offsets, "brokers": len(all.Brokers), "partitions": len(found.Partitions),
		"controller_is_a_broker": slices.Contains(all.Brokers.NodeIDs(), all.Controller),
		"cluster_id_is_set":      all.Cluster != "", "three_replicas": replicas[3] && len(replicas) == 1,
		"is_internal": found.IsInternal, "topic_id_is_set": found.ID != kadm.TopicID{},
		"unknown": codeOf(topicOf(adm, prefix+"-x").Err)}
}

func codecs(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, nil)
	kinds := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(),
		kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	result := seen{}
	for number, kind := range kinds {
		var records []*kgo.Record
		for _, sample := range conversation.Samples() {
			record := &kgo.Record{Topic: prefix, Key: sample.Key, Value: sample.Value,
				Timestamp: time.UnixMilli(sample.Ms)}
			for _, header := range sample.Headers {
				record.Headers = append(record.Headers,
					kgo.RecordHeader{Key: header[0], Value: []byte(header[1])})
			}
			records = append(records, record)
		}
		offsets := get(produce(records, kgo.ProducerBatchCompression(kind)))
		same := true
		for i, got := range read(prefix, 0, int64(20*number), 20) {
			sent := records[i]
			same = same && conversation.SameBytes(got.Key, sent.Key) &&
				conversation.SameBytes(got.Value, sent.Value) &&
				got.Timestamp.Equal(sent.Timestamp) && len(got.Headers) == len(sent.Headers) &&
				got.Attrs.TimestampType() == 0
			for h := range got.Headers {
				same = same && got.Headers[h].Key == sent.Headers[h].Key &&
					conversation.SameBytes(got.Headers[h].Value, sent.Headers[h].Value)
			}
		}
		result[conversation.Codecs[number]] = seen{"first": offsets[0], "last": offsets[19],
			"same": same}
	}
	return result
}

func idempotent(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 4, nil)
	records := numbered(prefix, 0, 0, 1000, 1)
	for i, record := range records {
		record.Partition = int32(i % 4)
	}
	offsets := get(produce(records, kgo.ProducerBatchMaxBytes(1024)))
	dense, ordered := true, true
	for i, offset := range offsets {
		dense = dense && offset == int64(i/4)
	}
	for p := range 4 {
		ordered = ordered && areNumbers(read(prefix, int32(p), 0, 250), p, 4)
	}
	return seen{"dense": dense, "ordered": ordered}
}

func endOf(adm *kadm.Client, topic string, partition int32) int64 {
	return get(adm.ListEndOffsets(ctx, topic))[topic][partition].Offset
}

func startOf(adm *kadm.Client, topic string, partition int32) int64 {
	return get(adm.ListStartOffsets(ctx, topic))[topic][partition].Offset
}

func acks(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, nil)
	result := seen{}
	for number, level := range []kgo.Acks{kgo.NoAck(), kgo.LeaderAck(), kgo.AllISRAcks()} {
		offsets := get(produce(numbered(prefix, 0, 0, 100, 1), kgo.RequiredAcks(level),
			kgo.DisableIdempotentWrite()))
		if number > 0 {
			result[[]string{"none", "leader", "all"}[number]] = []int64{offsets[0], offsets[99]}
		}
		until("the records of this level",
			func() bool { return endOf(adm, prefix, 0) == int64(100*(number+1)) })
	}
	result["read"] = len(read(prefix, 0, 0, 300))
	return result
}

func member(group, topic string, more ...kgo.Opt) *kgo.Client {
	return client(append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.DisableAutoCommit(), kgo.SessionTimeout(10 * time.Second),
		kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, more...)...)
}

func group(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, nil)
	get(produce(numbered(prefix, 0, 0, 100, 1)))
	before := -1
	until("a coordinator", func() bool {
		found, err := adm.FetchOffsets(ctx, prefix)
		before = len(found)
		return err == nil
	})
	first := member(prefix, prefix)
	taken := take(first, 50)
	must(first.CommitRecords(ctx, taken...))
	first.Close()
	between, _ := get(adm.FetchOffsets(ctx, prefix)).Lookup(prefix, 0)
	second := member(prefix, prefix)
	rest := take(second, 50)
	must(second.CommitUncommittedOffsets(ctx))
	second.Close()
	last, _ := get(adm.FetchOffsets(ctx, prefix)).Lookup(prefix, 0)
	return seen{"before": before, "first": taken[0].Offset, "resumed_at": rest[0].Offset,
		"committed": between.At, "last": last.At}
}

func rebalance(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 4, nil)
	result := seen{}
	balancers := map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer()}
	for name, balancer := range balancers {
		id := prefix + name
		shares := func(wanted string) []int {
			var found []int
			until("shares of "+wanted, func() bool {
				found = nil
				group := get(adm.DescribeGroups(ctx, id))[id]
				for _, one := range group.Members {
					if consumer, ok := one.Assigned.AsConsumer(); ok {
						for _, topic := range consumer.Topics {
							found = append(found, len(topic.Partitions))
						}
					}
				}
				return group.State == "Stable" && fmt.Sprint(found) == wanted
			})
			return found
		}
		a := member(id, prefix, kgo.Balancers(balancer))
		result[name+" alone"] = shares("[4]")
		b := member(id, prefix, kgo.Balancers(balancer))
		result[name+" together"] = shares("[2 2]")
		b.Close()
		result[name+" after"] = shares("[4]")
		a.Close()
	}
	return result
}

func seek(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, nil)
	get(produce(numbered(prefix, 0, 0, 100, 1000)))
	after := func(ms int64) []int64 {
		found := get(adm.ListOffsetsAfterMilli(ctx, conversation.BaseMs+ms, prefix))[prefix][0]
		must(found.Err)
		return []int64{found.Offset, found.Timestamp}
	}
	result := seen{"before": after(-5), "exact": after(40_000), "between": after(40_001),
		"after": after(1_000_000), "end": endOf(adm, prefix, 0), "start": startOf(adm, prefix, 0)}
	cl := client(at(prefix, 0, 0))
	defer cl.Close()
	result["first"] = take(cl, 1)[0].Offset
	cl.SetOffsets(map[string]map[int32]kgo.EpochOffset{prefix: {0: {Epoch: -1, Offset: 40}}})
	result["sought"] = take(cl, 1)[0].Offset
	result["out_of_range_resets_to"] = read(prefix, 0, 5000, 1,
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))[0].Offset
	middle := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		prefix: {0: kgo.NewOffset().AfterMilli(conversation.BaseMs + 70_000)}}))
	defer middle.Close()
	result["by_time"] = take(middle, 1)[0].Offset
	return result
}

func large(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, map[string]string{"max.message.bytes": "100000"})
	create(adm, prefix+"-default", 1, nil)
	attempt := func(topic string, size int) any {
		value := make([]byte, size)
		get(rand.Read(value))
		offsets, err := produce([]*kgo.Record{{Topic: topic, Value: value}},
			kgo.ProducerBatchMaxBytes(10_000_000), kgo.BrokerMaxWriteBytes(20_000_000),
			kgo.ProducerBatchCompression(kgo.NoCompression()))
		if err != nil {
			return codeOf(err)
		}
		return offsets
	}
	result := seen{"near": attempt(prefix, 99_000), "too_large": attempt(prefix, 101_000),
		"default_near":      attempt(prefix+"-default", 1_048_000),
		"default_too_large": attempt(prefix+"-default", 1_050_000)}
	small := read(prefix+"-default", 0, 0, 1, kgo.FetchMaxBytes(1000),
		kgo.FetchMaxPartitionBytes(1000))
	result["read_bytes"] = len(small[0].Value)
	return result
}

func config(adm *kadm.Client, topic, name string) []any {
	found := get(get(adm.DescribeTopicConfigs(ctx, topic)).On(topic, nil))
	must(found.Err)
	for _, entry := range found.Configs {
		if entry.Key == name {
			return []any{entry.MaybeValue(), entry.Source.String(), entry.Sensitive}
		}
	}
	return nil
}

func topics(prefix string) seen {
	adm := admin()
	defer adm.Close()
	make := func(name string, partitions int32, replicas int16, pairs ...string) int {
		settings := map[string]*string{}
		if len(pairs) > 0 {
			settings[pairs[0]] = &pairs[1]
		}
		return codeOf(get(adm.CreateTopics(ctx, partitions, replicas, settings, name))[name].Err)
	}
	alter := func(name, value string, op kadm.IncrementalOp) int {
		change := kadm.AlterConfig{Op: op, Name: name, Value: &value}
		answers := get(adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, prefix))
		return codeOf(answers[0].Err)
	}
	result := seen{"create": make(prefix, 3, 3, "retention.ms", "123456")}
	until("the topic", func() bool { return len(topicOf(adm, prefix).Partitions) == 3 })
	result["again"] = make(prefix, 3, 3)
	result["no_partitions"] = make(prefix+"-a", 0, 3)
	result["many_replicas"] = make(prefix+"-b", 1, 100)
	result["bad_name"] = make(prefix+"/c", 1, 3)
	result["long_name"] = make(strings.Repeat("x", 250), 1, 3)
	result["bad_config"] = make(prefix+"-d", 1, 3, "retention.ms", "soon")
	result["unknown_config"] = make(prefix+"-e", 1, 3, "no.such.config", "1")
	result["retention.ms"] = config(adm, prefix, "retention.ms")
	result["max.message.bytes"] = config(adm, prefix, "max.message.bytes")
	result["set"] = alter("retention.ms", "654321", kadm.SetConfig)
	until("the value set",
		func() bool { return config(adm, prefix, "retention.ms")[0] == "654321" })
	result["reset"] = alter("retention.ms", "", kadm.DeleteConfig)
	result["set_bad"] = alter("retention.ms", "soon", kadm.SetConfig)
	result["delete"] = codeOf(get(adm.DeleteTopics(ctx, prefix))[prefix].Err)
	until("the topic is gone", func() bool { return !get(adm.ListTopics(ctx)).Has(prefix) })
	result["delete_again"] = codeOf(get(adm.DeleteTopics(ctx, prefix))[prefix].Err)
	return result
}

func partitions(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 2, nil)
	grow := func(topic string, count int) int {
		return codeOf(get(adm.UpdatePartitions(ctx, count, topic))[topic].Err)
	}
	result := seen{"grow": grow(prefix, 5)}
	until("five partitions", func() bool { return len(topicOf(adm, prefix).Partitions) == 5 })
	result["same"] = grow(prefix, 5)
	result["shrink"] = grow(prefix, 1)
	get(produce(numbered(prefix, 4, 0, 10, 1)))
	drop := func(offset int64) any {
		where := kadm.Offsets{}
		where.AddOffset(prefix, 4, offset, -1)
		found := get(adm.DeleteRecords(ctx, where))[prefix][4]
		if found.Err != nil {
			return fmt.Sprint("error ", codeOf(found.Err))
		}
		return found.LowWatermark
	}
	result["offsets"] = []int64{startOf(adm, prefix, 4), endOf(adm, prefix, 4),
		get(adm.ListMaxTimestampOffsets(ctx, prefix))[prefix][4].Offset}
	result["deleted"] = drop(4)
	result["deleted_beyond"] = drop(100)
	result["offsets_after"] = []int64{startOf(adm, prefix, 4), endOf(adm, prefix, 4)}
	result["first_after"] = read(prefix, 4, 0, 1,
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))[0].Offset
	result["deleted_all"] = drop(-1)
	return result
}

func groups(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, nil)
	get(produce(numbered(prefix, 0, 0, 10, 1)))
	describe := func(id string) []any {
		found := get(adm.DescribeGroups(ctx, id))[id]
		var ids []string
		for _, one := range found.Members {
			ids = append(ids, one.ClientID)
		}
		return []any{codeOf(found.Err), found.State, found.ProtocolType, found.Protocol, ids}
	}
	listed := func() string { return get(adm.ListGroups(ctx))[prefix].State }
	remove := func() int {
		// A request for one group answers with that group's error.
		_, err := adm.DeleteGroup(ctx, prefix)
		return codeOf(err)
	}
	offset := func() int64 {
		found, ok := get(adm.FetchOffsets(ctx, prefix)).Lookup(prefix, 0)
		if !ok {
			return -1
		}
		return found.At
	}
	forget := func() int {
		where := kadm.TopicsSet{}
		where.Add(prefix, 0)
		err, _ := get(adm.DeleteOffsets(ctx, prefix, where)).Lookup(prefix, 0)
		return codeOf(err)
	}
	one := member(prefix, prefix, kgo.ClientID("talker"), kgo.Balancers(kgo.RangeBalancer()))
	take(one, 10)
	must(one.CommitUncommittedOffsets(ctx))
	result := seen{"stable": describe(prefix), "listed": listed(), "offset": offset(),
		"delete_busy": remove(), "delete_offset_busy": forget()}
	one.Close()
	until("the group is empty", func() bool { return listed() == "Empty" })
	result["empty"] = describe(prefix)
	change := kadm.Offsets{}
	change.AddOffset(prefix, 0, 3, -1)
	must(adm.CommitAllOffsets(ctx, prefix, change))
	result["offset_altered"] = offset()
	result["delete_offset"] = forget()
	result["offset_deleted"] = offset()
	result["delete"] = remove()
	result["delete_again"] = remove()
	result["unknown"] = describe(prefix + "-x")[1:]
	result["listed_after"] = listed()
	return result
}

func failover(prefix string) seen {
	adm := admin()
	defer adm.Close()
	create(adm, prefix, 1, map[string]string{"min.insync.replicas": "2"})
	leader := func() int32 { return topicOf(adm, prefix).Partitions[0].Leader }
	cl := client(kgo.ProducerBatchMaxBytes(1024), kgo.RecordDeliveryTimeout(time.Minute))
	defer cl.Close()
	// The delivery timeout counts from a record's own timestamp, so it must be of now.
	batch := func(first, count int) []*kgo.Record {
		records := numbered(prefix, 0, first, count, 1)
		for _, record := range records {
			record.Timestamp = time.Time{}
		}
		return records
	}
	must(cl.ProduceSync(ctx, batch(0, 200)...).FirstErr())
	failed := make(chan error, 200)
	send := func(first int) {
		for _, record := range batch(first, 100) {
			cl.Produce(ctx, record, func(_ *kgo.Record, err error) { failed <- err })
		}
	}
	old := leader()
	send(200)
	conversation.Ask("kill", old)
	defer conversation.Ask("restart", old)
	send(300)
	must(cl.Flush(ctx))
	errorCount := 0
	for range 200 {
		if err := <-failed; err != nil {
			fmt.Fprintln(os.Stderr, err)
			errorCount++
		}
	}
	until("another leader", func() bool { now := leader(); return now != old && now >= 0 })
	return seen{"errors": errorCount, "moved": true,
		"all_in_order": areNumbers(read(prefix, 0, 0, 400), 0, 1)}
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/twmb/franz-go" {
			return module.Version
		}
	}
	return "unknown"
}

func main() {
	bootstrap = strings.Split(os.Args[1], ",")
	conversation.Hold("franz-go", version(), []conversation.Held{
		{Name: "metadata", Hold: metadata}, {Name: "codecs", Hold: codecs},
		{Name: "idempotent", Hold: idempotent}, {Name: "acks", Hold: acks},
		{Name: "group", Hold: group}, {Name: "rebalance", Hold: rebalance},
		{Name: "seek", Hold: seek}, {Name: "large", Hold: large},
		{Name: "topics", Hold: topics}, {Name: "partitions", Hold: partitions},
		{Name: "groups", Hold: groups}, {Name: "failover", Hold: failover}})
}

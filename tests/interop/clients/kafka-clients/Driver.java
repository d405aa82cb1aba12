/* SPDX-License-Identifier: Apache-2.0 */

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** The twelve conversations, held by Kafka's own Java clients. */
public final class Driver {
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private final String bootstrap;
    private final Admin admin;

    private Driver(String bootstrap) {
        this.bootstrap = bootstrap;
        admin = Admin.create(properties());
    }

    public static void main(String[] arguments) throws Exception {
        Driver driver = new Driver(arguments[0]);
        Map<String, Conversation.Held> all = new LinkedHashMap<>();
        all.put("metadata", driver::metadata);
        all.put("codecs", driver::codecs);
        all.put("idempotent", driver::idempotent);
        all.put("acks", driver::acks);
        all.put("group", driver::group);
        all.put("rebalance", driver::rebalance);
        all.put("seek", driver::seek);
        all.put("large", driver::large);
        all.put("topics", driver::topics);
        all.put("partitions", driver::partitions);
        all.put("groups", driver::groups);
        all.put("failover", driver::failover);
        List<String> wanted = Arrays.asList(arguments).subList(2, arguments.length);
        System.exit(
            Conversation.holdAll(AppInfoParser.getVersion(), arguments[1], wanted, all));
    }

    private Properties properties(String... pairs) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < pairs.length; i += 2) {
            properties.put(pairs[i], pairs[i + 1]);
        }
        return properties;
    }

    /** The error code of a call: 0 when it succeeded. */
    private static int codeOf(Future<?> future) throws InterruptedException {
        try {
            future.get();
            return 0;
        } catch (ExecutionException problem) {
            return Errors.forException(problem.getCause()).code();
        }
    }

    private void create(String topic, int partitions, String... config) throws Exception {
        Map<String, String> settings = new TreeMap<>();
        // The sample timestamps are old: without this the records would be deleted as expired.
        settings.put("retention.ms", "-1");
        for (int i = 0; i < config.length; i += 2) {
            settings.put(config[i], config[i + 1]);
        }
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 3).configs(settings)))
            .all().get();
        Conversation.until("leaders", () -> {
            TopicDescription found = describe(topic);
            return found != null && found.partitions().size() == partitions
                && found.partitions().stream().allMatch(p -> p.leader() != null);
        });
    }

    private TopicDescription describe(String topic) {
        try {
            return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        } catch (ExecutionException | InterruptedException missing) {
            return null;
        }
    }

    private KafkaProducer<byte[], byte[]> producer(String... pairs) {
        Properties properties = properties(pairs);
        properties.putIfAbsent("linger.ms", "5");
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(String group, String... pairs) {
        Properties properties = properties(pairs);
        properties.put("group.id", group);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("session.timeout.ms", "10000");
        properties.put("heartbeat.interval.ms", "500");
        properties.put("metadata.max.age.ms", "1000");
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    }

    private static List<ProducerRecord<byte[], byte[]>> numbered(String topic, int partition,
        int count, long stepMs) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            records.add(new ProducerRecord<>(topic, partition, Conversation.BASE_MS + stepMs * i,
                null, Integer.toString(i).getBytes()));
        }
        return records;
    }

    /** Sends them all; answers the offsets, or throws the first error. */
    private List<Long> produce(List<ProducerRecord<byte[], byte[]>> records, String... pairs)
        throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        List<Long> offsets = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(pairs)) {
            for (ProducerRecord<byte[], byte[]> record : records) {
                sent.add(producer.send(record));
            }
            producer.flush();
            for (Future<RecordMetadata> one : sent) {
                offsets.add(one.get().offset());
            }
        }
        return offsets;
    }

    private static List<ConsumerRecord<byte[], byte[]>> take(KafkaConsumer<byte[], byte[]> consumer,
        int count) throws InterruptedException {
        List<ConsumerRecord<byte[], byte[]>> taken = new ArrayList<>();
        Conversation.until(count + " records", () -> {
            consumer.poll(Duration.ofMillis(200)).forEach(taken::add);
            return taken.size() >= count;
        });
        return taken;
    }

    private List<ConsumerRecord<byte[], byte[]>> read(String topic, int partition, long offset,
        int count, String... pairs) throws InterruptedException {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(topic + "-reader", pairs)) {
            TopicPartition spot = new TopicPartition(topic, partition);
            consumer.assign(List.of(spot));
            consumer.seek(spot, offset);
            return take(consumer, count);
        }
    }

    private static int number(ConsumerRecord<byte[], byte[]> record) {
        return Integer.parseInt(new String(record.value()));
    }

    private static boolean areNumbers(List<ConsumerRecord<byte[], byte[]>> records, int first,
        int step) {
        return IntStream.range(0, records.size())
            .allMatch(i -> number(records.get(i)) == first + step * i);
    }

    private Map<String, Object> metadata(String prefix) throws Exception {
        List<Long> offsets = produce(numbered(prefix, 0, 1, 1));
        Map<String, Object> seen = new TreeMap<>();
        TopicDescription found = describe(prefix);
        Set<Integer> nodes = new TreeSet<>();
        admin.describeCluster().nodes().get().forEach(node -> nodes.add(node.id()));
        seen.put("offset", offsets);
        seen.put("brokers", nodes.size());
        seen.put("racks", admin.describeCluster().nodes().get().stream()
            .filter(node -> node.hasRack()).count());
        seen.put("controller_is_a_broker",
            nodes.contains(admin.describeCluster().controller().get().id()));
        seen.put("cluster_id_is_set", !admin.describeCluster().clusterId().get().isEmpty());
        seen.put("partitions", found.partitions().size());
        seen.put("replicas", found.partitions().stream().map(p -> p.replicas().size())
            .collect(Collectors.toCollection(TreeSet::new)));
        seen.put("topic_id_is_set", !found.topicId().toString().equals("AAAAAAAAAAAAAAAAAAAAAA"));
        seen.put("is_internal", found.isInternal());
        seen.put("listed", admin.listTopics().names().get().contains(prefix));
        seen.put("unknown", codeOf(admin.describeTopics(List.of(prefix + "-x")).allTopicNames()));
        return seen;
    }

    private static List<ProducerRecord<byte[], byte[]>> samples(String topic) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            byte[] key = i % 4 == 0 ? null : ("key-" + i).getBytes();
            byte[] value = i % 5 == 1 ? null
                : i % 5 == 2 ? new byte[0] : ("value-" + i + " ").repeat(20).getBytes();
            List<Header> headers = i % 2 == 0 ? List.of()
                : List.of(new RecordHeader("h", "one".getBytes()),
                    new RecordHeader("h", "two".getBytes()),
                    new RecordHeader("empty", new byte[0]),
                    new RecordHeader("null", (byte[]) null));
            records.add(
                new ProducerRecord<>(topic, 0, Conversation.BASE_MS + i, key, value, headers));
        }
        return records;
    }

    private static boolean same(ProducerRecord<byte[], byte[]> sent,
        ConsumerRecord<byte[], byte[]> read) {
        return Objects.deepEquals(sent.key(), read.key())
            && Objects.deepEquals(sent.value(), read.value())
            && Arrays.equals(sent.headers().toArray(), read.headers().toArray())
            && sent.timestamp() == read.timestamp();
    }

    private Map<String, Object> codecs(String prefix) throws Exception {
        create(prefix, 1);
        Map<String, Object> seen = new TreeMap<>();
        for (int codec = 0; codec < CODECS.size(); codec++) {
            List<ProducerRecord<byte[], byte[]>> sent = samples(prefix);
            List<Long> offsets = produce(sent, "compression.type", CODECS.get(codec));
            List<ConsumerRecord<byte[], byte[]>> read = read(prefix, 0, 20L * codec, 20);
            boolean same = IntStream.range(0, 20).allMatch(i -> same(sent.get(i), read.get(i)));
            seen.put(CODECS.get(codec), Map.of("first", offsets.get(0), "last", offsets.get(19),
                "same", same, "type", read.get(0).timestampType().toString(),
                "leader_epoch_is_set", read.get(0).leaderEpoch().isPresent()));
        }
        return seen;
    }

    private Map<String, Object> idempotent(String prefix) throws Exception {
        create(prefix, 4);
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            records.add(new ProducerRecord<>(prefix, i % 4, null, Integer.toString(i).getBytes()));
        }
        List<Long> offsets = produce(records, "enable.idempotence", "true", "batch.size", "400");
        boolean dense =
            IntStream.range(0, 1000).allMatch(i -> offsets.get(i) == i / 4);
        boolean ordered = true;
        for (int p = 0; p < 4; p++) {
            ordered &= areNumbers(read(prefix, p, 0, 250), p, 4);
        }
        return Map.of("dense", dense, "ordered", ordered);
    }

    private Map<String, Object> acks(String prefix) throws Exception {
        create(prefix, 1);
        Map<String, Object> seen = new TreeMap<>();
        TopicPartition spot = new TopicPartition(prefix, 0);
        int sent = 0;
        for (String level : List.of("0", "1", "all")) {
            List<Long> offsets = produce(numbered(prefix, 0, 100, 1), "acks", level,
                "enable.idempotence", "false");
            seen.put(level, List.of(offsets.get(0), offsets.get(99)));
            long end = sent += 100;
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(prefix)) {
                Conversation.until("the records of this level",
                    () -> consumer.endOffsets(List.of(spot)).get(spot) == end);
            }
        }
        seen.put("read", read(prefix, 0, 0, 300).size());
        return seen;
    }

    private Map<String, Object> group(String prefix) throws Exception {
        create(prefix, 1);
        produce(numbered(prefix, 0, 100, 1));
        Map<String, Object> seen = new TreeMap<>();
        TopicPartition spot = new TopicPartition(prefix, 0);
        try (KafkaConsumer<byte[], byte[]> first = consumer(prefix, "max.poll.records", "50")) {
            first.subscribe(List.of(prefix));
            seen.put("first", take(first, 50).get(0).offset());
            seen.put("before", first.committed(Set.of(spot)).get(spot));
            first.commitSync(Map.of(spot, new OffsetAndMetadata(50, "noted")));
        }
        try (KafkaConsumer<byte[], byte[]> second = consumer(prefix)) {
            second.subscribe(List.of(prefix));
            seen.put("resumed_at", take(second, 50).get(0).offset());
            OffsetAndMetadata committed = second.committed(Set.of(spot)).get(spot);
            seen.put("committed", committed.offset());
            seen.put("metadata", committed.metadata());
            second.commitSync();
            seen.put("last", second.committed(Set.of(spot)).get(spot).offset());
        }
        return seen;
    }

    private static List<Integer> shares(List<KafkaConsumer<byte[], byte[]>> members,
        List<Integer> wanted) throws InterruptedException {
        Conversation.until("shares of " + wanted, () -> {
            members.forEach(member -> member.poll(Duration.ofMillis(50)));
            return members.stream().map(m -> m.assignment().size()).sorted()
                .collect(Collectors.toList()).equals(wanted);
        });
        return members.stream().flatMap(m -> m.assignment().stream()).map(TopicPartition::partition)
            .sorted().collect(Collectors.toList());
    }

    private Map<String, Object> rebalance(String prefix) throws Exception {
        create(prefix, 4);
        Map<String, Object> seen = new TreeMap<>();
        for (String assignor : List.of("Range", "CooperativeSticky")) {
            String name = "org.apache.kafka.clients.consumer." + assignor + "Assignor";
            String group = prefix + assignor;
            try (KafkaConsumer<byte[], byte[]> a =
                    consumer(group, "partition.assignment.strategy", name);
                KafkaConsumer<byte[], byte[]> b =
                    consumer(group, "partition.assignment.strategy", name)) {
                a.subscribe(List.of(prefix));
                seen.put(assignor + " alone", shares(List.of(a), List.of(4)));
                b.subscribe(List.of(prefix));
                seen.put(assignor + " together", shares(List.of(a, b), List.of(2, 2)));
                b.unsubscribe();
                seen.put(assignor + " after", shares(List.of(a), List.of(4)));
            }
        }
        return seen;
    }

    private static List<Long> at(KafkaConsumer<byte[], byte[]> consumer, TopicPartition spot,
        long timestamp) {
        OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(spot, timestamp)).get(spot);
        return found == null ? null : List.of(found.offset(), found.timestamp());
    }

    private Map<String, Object> seek(String prefix) throws Exception {
        create(prefix, 1);
        produce(numbered(prefix, 0, 100, 1000));
        TopicPartition spot = new TopicPartition(prefix, 0);
        Map<String, Object> seen = new TreeMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(prefix)) {
            seen.put("before", at(consumer, spot, Conversation.BASE_MS - 5));
            seen.put("exact", at(consumer, spot, Conversation.BASE_MS + 40_000));
            seen.put("between", at(consumer, spot, Conversation.BASE_MS + 40_001));
            seen.put("after", at(consumer, spot, Conversation.BASE_MS + 1_000_000));
            seen.put("beginning", consumer.beginningOffsets(List.of(spot)).get(spot));
            seen.put("end", consumer.endOffsets(List.of(spot)).get(spot));
            consumer.assign(List.of(spot));
            consumer.seekToBeginning(List.of(spot));
            seen.put("first", take(consumer, 1).get(0).offset());
            consumer.seek(spot, 40);
            seen.put("sought", take(consumer, 1).get(0).offset());
            consumer.seek(spot, 5000);
            seen.put("out_of_range_resets_to", take(consumer, 1).get(0).offset());
        }
        return seen;
    }

    private Object sizeAttempt(String topic, int size) throws Exception {
        byte[] value = new byte[size];
        new Random(size).nextBytes(value);
        try {
            return produce(List.of(new ProducerRecord<>(topic, 0, null, value)),
                "max.request.size", "10000000");
        } catch (ExecutionException problem) {
            return Errors.forException(problem.getCause()).code();
        }
    }

    private Map<String, Object> large(String prefix) throws Exception {
        create(prefix, 1, "max.message.bytes", "100000");
        create(prefix + "-default", 1);
        Map<String, Object> seen = new TreeMap<>();
        seen.put("near", sizeAttempt(prefix, 99_000));
        seen.put("too_large", sizeAttempt(prefix, 101_000));
        seen.put("default_near", sizeAttempt(prefix + "-default", 1_048_000));
        seen.put("default_too_large", sizeAttempt(prefix + "-default", 1_050_000));
        seen.put("read_bytes", read(prefix + "-default", 0, 0, 1, "fetch.max.bytes", "1000",
            "max.partition.fetch.bytes", "1000").get(0).value().length);
        return seen;
    }

    private int make(String name, int partitions, int replicas, String... config)
        throws InterruptedException {
        Map<String, String> settings = config.length == 0 ? Map.of() : Map.of(config[0], config[1]);
        return codeOf(admin.createTopics(List.of(
            new NewTopic(name, partitions, (short) replicas).configs(settings))).all());
    }

    private Config configs(String topic) {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try {
            return admin.describeConfigs(List.of(resource)).all().get().get(resource);
        } catch (ExecutionException | InterruptedException problem) {
            throw new IllegalStateException(problem);
        }
    }

    private List<Object> config(String topic, String name) {
        ConfigEntry entry = configs(topic).get(name);
        return List.of(entry.value(), entry.source().toString(), entry.isReadOnly(),
            entry.isSensitive(), entry.type().toString());
    }

    private int alter(String topic, String name, String value, AlterConfigOp.OpType operation)
        throws InterruptedException {
        Collection<AlterConfigOp> change =
            List.of(new AlterConfigOp(new ConfigEntry(name, value), operation));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return codeOf(admin.incrementalAlterConfigs(Map.of(resource, change)).all());
    }

    private Map<String, Object> topics(String prefix) throws Exception {
        Map<String, Object> seen = new TreeMap<>();
        seen.put("create", make(prefix, 3, 3, "retention.ms", "123456"));
        Conversation.until("the topic", () -> describe(prefix) != null);
        seen.put("again", make(prefix, 3, 3));
        seen.put("no_partitions", make(prefix + "-a", 0, 3));
        seen.put("many_replicas", make(prefix + "-b", 1, 100));
        seen.put("bad_name", make(prefix + "/c", 1, 3));
        seen.put("long_name", make("x".repeat(250), 1, 3));
        seen.put("bad_config", make(prefix + "-d", 1, 3, "retention.ms", "soon"));
        seen.put("unknown_config", make(prefix + "-e", 1, 3, "no.such.config", "1"));
        for (String name : List.of("retention.ms", "max.message.bytes", "min.insync.replicas",
            "compression.type", "message.timestamp.type", "segment.ms")) {
            seen.put(name, config(prefix, name));
        }
        seen.put("config_names", configs(prefix).entries().stream().map(ConfigEntry::name)
            .collect(Collectors.toCollection(TreeSet::new)));
        seen.put("set", alter(prefix, "retention.ms", "654321", AlterConfigOp.OpType.SET));
        Conversation.until("the value set",
            () -> config(prefix, "retention.ms").get(0).equals("654321"));
        seen.put("reset", alter(prefix, "retention.ms", null, AlterConfigOp.OpType.DELETE));
        Conversation.until("the default",
            () -> !config(prefix, "retention.ms").get(0).equals("654321"));
        seen.put("reset to", config(prefix, "retention.ms"));
        seen.put("set_bad", alter(prefix, "retention.ms", "soon", AlterConfigOp.OpType.SET));
        seen.put("append_to_scalar",
            alter(prefix, "retention.ms", "1", AlterConfigOp.OpType.APPEND));
        seen.put("alter_unknown_topic",
            alter(prefix + "-z", "retention.ms", "1", AlterConfigOp.OpType.SET));
        seen.put("delete", codeOf(admin.deleteTopics(List.of(prefix)).all()));
        Conversation.until("the topic is gone", () -> describe(prefix) == null);
        seen.put("delete_again", codeOf(admin.deleteTopics(List.of(prefix)).all()));
        return seen;
    }

    private int grow(String topic, int count) throws InterruptedException {
        return codeOf(
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(count))).all());
    }

    private long offset(TopicPartition spot, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(spot, spec)).partitionResult(spot).get().offset();
    }

    private Object deleteBefore(TopicPartition spot, long offset) throws Exception {
        KafkaFuture<org.apache.kafka.clients.admin.DeletedRecords> future =
            admin.deleteRecords(Map.of(spot, RecordsToDelete.beforeOffset(offset)))
                .lowWatermarks().get(spot);
        int code = codeOf(future);
        return code != 0 ? "error " + code : future.get().lowWatermark();
    }

    private Map<String, Object> partitions(String prefix) throws Exception {
        create(prefix, 2);
        Map<String, Object> seen = new TreeMap<>();
        seen.put("grow", grow(prefix, 5));
        Conversation.until("five partitions", () -> describe(prefix).partitions().size() == 5);
        seen.put("same", grow(prefix, 5));
        seen.put("shrink", grow(prefix, 1));
        seen.put("unknown", grow(prefix + "-unknown", 5));
        produce(numbered(prefix, 4, 10, 1));
        TopicPartition spot = new TopicPartition(prefix, 4);
        seen.put("offsets", List.of(offset(spot, OffsetSpec.earliest()),
            offset(spot, OffsetSpec.latest()), offset(spot, OffsetSpec.maxTimestamp())));
        seen.put("deleted", deleteBefore(spot, 4));
        seen.put("deleted_beyond", deleteBefore(spot, 100));
        seen.put("offsets_after", List.of(offset(spot, OffsetSpec.earliest()),
            offset(spot, OffsetSpec.latest())));
        seen.put("first_after", read(prefix, 4, 0, 1).get(0).offset());
        seen.put("deleted_all", deleteBefore(spot, -1));
        return seen;
    }

    private List<Object> describeGroup(String group) throws Exception {
        ConsumerGroupDescription found =
            admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        return List.of(found.groupState().toString(), found.partitionAssignor(),
            found.type().toString(),
            found.members().stream().map(m -> m.clientId()).collect(Collectors.toList()),
            found.members().stream().map(m -> m.assignment().topicPartitions().size())
                .collect(Collectors.toList()));
    }

    private List<String> listed(String group) {
        try {
            return admin.listGroups(ListGroupsOptions.forConsumerGroups()).all().get().stream()
                .filter(g -> g.groupId().equals(group)).map(Driver::textOf)
                .collect(Collectors.toList());
        } catch (ExecutionException | InterruptedException problem) {
            throw new IllegalStateException(problem);
        }
    }

    private static String textOf(GroupListing group) {
        return group.groupState().map(Object::toString).orElse("?") + " "
            + group.type().map(Object::toString).orElse("?") + " " + group.protocol();
    }

    private int deleteGroup(String group) throws InterruptedException {
        return codeOf(admin.deleteConsumerGroups(List.of(group)).all());
    }

    private long groupOffset(String group, TopicPartition spot) throws Exception {
        OffsetAndMetadata found = admin.listConsumerGroupOffsets(group)
            .partitionsToOffsetAndMetadata().get().get(spot);
        return found == null ? -1 : found.offset();
    }

    private Map<String, Object> groups(String prefix) throws Exception {
        create(prefix, 1);
        produce(numbered(prefix, 0, 10, 1));
        TopicPartition spot = new TopicPartition(prefix, 0);
        Map<String, Object> seen = new TreeMap<>();
        try (KafkaConsumer<byte[], byte[]> member = consumer(prefix, "client.id", "talker")) {
            member.subscribe(List.of(prefix));
            take(member, 10);
            member.commitSync();
            seen.put("stable", describeGroup(prefix));
            seen.put("listed", listed(prefix));
            seen.put("offset", groupOffset(prefix, spot));
            seen.put("delete_busy", deleteGroup(prefix));
            seen.put("delete_offset_busy",
                codeOf(admin.deleteConsumerGroupOffsets(prefix, Set.of(spot))
                    .partitionResult(spot)));
        }
        Conversation.until("the group is empty",
            () -> listed(prefix).toString().startsWith("[Empty"));
        seen.put("empty", describeGroup(prefix));
        seen.put("altered", codeOf(admin
            .alterConsumerGroupOffsets(prefix, Map.of(spot, new OffsetAndMetadata(3))).all()));
        seen.put("offset_altered", groupOffset(prefix, spot));
        seen.put("delete_offset", codeOf(
            admin.deleteConsumerGroupOffsets(prefix, Set.of(spot)).partitionResult(spot)));
        seen.put("offset_deleted", groupOffset(prefix, spot));
        seen.put("delete", deleteGroup(prefix));
        seen.put("delete_again", deleteGroup(prefix));
        seen.put("describe_unknown",
            codeOf(admin.describeConsumerGroups(List.of(prefix + "-x")).all()));
        seen.put("listed_after", listed(prefix));
        return seen;
    }

    private int leader(String topic) {
        TopicDescription found = describe(topic);
        return found == null || found.partitions().get(0).leader() == null ? -1
            : found.partitions().get(0).leader().id();
    }

    private Map<String, Object> failover(String prefix) throws Exception {
        create(prefix, 1, "min.insync.replicas", "2");
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        int old = leader(prefix);
        try (KafkaProducer<byte[], byte[]> producer = producer("batch.size", "400")) {
            List<ProducerRecord<byte[], byte[]>> records = numbered(prefix, 0, 400, 1);
            records.subList(0, 200).forEach(record -> sent.add(producer.send(record)));
            producer.flush();
            records.subList(200, 300).forEach(record -> sent.add(producer.send(record)));
            Conversation.ask("kill", old);
            try {
                records.subList(300, 400).forEach(record -> sent.add(producer.send(record)));
                producer.flush();
                int errors = 0;
                for (Future<RecordMetadata> one : sent) {
                    errors += codeOf(one) == 0 ? 0 : 1;
                }
                Conversation.until("another leader",
                    () -> leader(prefix) != old && leader(prefix) >= 0);
                boolean right = areNumbers(read(prefix, 0, 0, 400), 0, 1);
                return Map.of("errors", errors, "moved", true, "all_in_order", right);
            } finally {
                Conversation.ask("restart", old);
            }
        }
    }
}

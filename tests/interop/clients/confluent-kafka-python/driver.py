#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The twelve conversations, held by confluent-kafka-python."""
import os
import time

import confluent_kafka
from confluent_kafka import (Consumer, ConsumerGroupState, KafkaException, Producer,
                             TopicPartition, OFFSET_BEGINNING, TIMESTAMP_CREATE_TIME)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource,
                                   NewPartitions, NewTopic, OffsetSpec)

from conversation import BASE_MS, CODECS, ask, hold, sample_records, until


def code_of(future):
    """The error code of an admin call: 0 when it succeeded."""
    try:
        future.result(30)
        return 0
    except KafkaException as problem:
        return problem.args[0].code()


def only(futures):
    return next(iter(futures.values()))


def admin_of(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap})


def create(bootstrap, topic, partitions=1, **config):
    settings = {name.replace("_", "."): value for name, value in config.items()}
    # The sample timestamps are old: without this the records would be deleted as expired.
    settings["retention.ms"] = "-1"
    admin = admin_of(bootstrap)
    only(admin.create_topics([NewTopic(topic, partitions, 3, config=settings)])).result(30)
    return admin


def producer_of(bootstrap, **config):
    settings = {"bootstrap.servers": bootstrap, "linger.ms": 5}
    settings.update({name.replace("_", "."): value for name, value in config.items()})
    return Producer(settings)


def produce(bootstrap, topic, records, partition=0, **config):
    """Sends (key, value, headers, timestamp); returns the offsets, or raises the first error."""
    producer = producer_of(bootstrap, **config)
    offsets, errors = [], []

    def delivered(error, message):
        if error:
            errors.append(error)
        else:
            offsets.append(message.offset())

    for key, value, headers, timestamp in records:
        producer.produce(topic, value, key, partition, on_delivery=delivered, timestamp=timestamp,
                         headers=headers)
    if producer.flush(60):
        raise TimeoutError("not all records were delivered")
    if errors:
        raise KafkaException(errors[0])
    return offsets


def numbered(count, start=0):
    return [(None, str(i).encode(), [], BASE_MS + i) for i in range(start, start + count)]


def consumer_of(bootstrap, group, **config):
    settings = {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False,
                "auto.offset.reset": "earliest", "session.timeout.ms": 10000,
                "heartbeat.interval.ms": 500, "topic.metadata.refresh.interval.ms": 1000}
    settings.update({name.replace("_", "."): value for name, value in config.items()})
    return Consumer(settings)


def take(consumer, count):
    messages = []

    def attempt():
        for message in consumer.consume(count - len(messages), 0.5):
            if message.error():
                raise KafkaException(message.error())
            messages.append(message)
        return len(messages) >= count

    until(f"{count} records", attempt)
    return messages


def read(bootstrap, topic, count, partition=0, offset=0, **config):
    consumer = consumer_of(bootstrap, f"{topic}-reader", **config)
    consumer.assign([TopicPartition(topic, partition, offset)])
    messages = take(consumer, count)
    consumer.close()
    return messages


def metadata(bootstrap, prefix):
    admin = admin_of(bootstrap)
    offsets = produce(bootstrap, prefix, numbered(1), partition=0)
    cluster = admin.list_topics(prefix, timeout=30)
    partitions = cluster.topics[prefix].partitions
    unknown = admin.list_topics(timeout=30)
    described = admin.describe_cluster().result(30)
    return {"brokers": len(cluster.brokers), "offset": offsets, "partitions": len(partitions),
            "replicas": sorted({len(p.replicas) for p in partitions.values()}),
            "leaders_are_brokers": all(p.leader in cluster.brokers for p in partitions.values()),
            "listed": prefix in unknown.topics,
            "cluster_id_is_set": bool(described.cluster_id),
            "controller_is_a_broker": described.controller.id in cluster.brokers}


def codecs(bootstrap, prefix):
    create(bootstrap, prefix)
    seen = {}
    for number, codec in enumerate(CODECS):
        offsets = produce(bootstrap, prefix, sample_records(), compression_type=codec)
        messages = read(bootstrap, prefix, 20, offset=20 * number)
        same = [(m.key(), m.value(), m.headers() or [], m.timestamp()[1])
                for m in messages] == sample_records()
        kinds = {m.timestamp()[0] == TIMESTAMP_CREATE_TIME for m in messages}
        seen[codec] = {"first": offsets[0], "last": offsets[-1], "same": same,
                       "create_time": kinds == {True}}
    return seen


def idempotent(bootstrap, prefix):
    create(bootstrap, prefix, 4)
    producer = producer_of(bootstrap, enable_idempotence=True, batch_num_messages=20)
    offsets = {partition: [] for partition in range(4)}
    for i in range(1000):
        producer.produce(prefix, str(i), partition=i % 4, on_delivery=lambda error, m: offsets[
            m.partition()].append(-1 if error else m.offset()))
        producer.poll(0)
    producer.flush(60)
    ordered = all([int(m.value()) for m in read(bootstrap, prefix, 250, p)]
                  == list(range(p, 1000, 4)) for p in range(4))
    return {"dense": all(offsets[p] == list(range(250)) for p in range(4)), "ordered": ordered}


def acks(bootstrap, prefix):
    create(bootstrap, prefix)
    seen = {}
    for level in ("0", "1", "all"):
        offsets = produce(bootstrap, prefix, numbered(100), acks=level)
        seen[level] = [offsets[0], offsets[-1]]
        consumer = consumer_of(bootstrap, prefix)
        until("the records of this level", lambda: consumer.get_watermark_offsets(
            TopicPartition(prefix, 0), 10)[1] == 100 * len(seen))
        consumer.close()
    # Without an answer the offset is not known; the client says 0 or -1001 as it likes.
    del seen["0"]
    seen["read"] = len(read(bootstrap, prefix, 300))
    return seen


def group(bootstrap, prefix):
    create(bootstrap, prefix)
    produce(bootstrap, prefix, numbered(100))
    first = consumer_of(bootstrap, prefix)
    first.subscribe([prefix])
    before = first.committed([TopicPartition(prefix, 0)], 30)[0].offset
    taken = take(first, 50)
    first.commit(offsets=[TopicPartition(prefix, 0, 50, metadata="noted")], asynchronous=False)
    first.close()
    second = consumer_of(bootstrap, prefix)
    second.subscribe([prefix])
    rest = take(second, 50)
    committed = second.committed([TopicPartition(prefix, 0)], 30)[0]
    second.commit(asynchronous=False)
    last = second.committed([TopicPartition(prefix, 0)], 30)[0].offset
    second.close()
    return {"before": before, "first": taken[0].offset(), "resumed_at": rest[0].offset(),
            "committed": committed.offset, "metadata": committed.metadata, "last": last}


def rebalance(bootstrap, prefix):
    create(bootstrap, prefix, 4)
    members = [consumer_of(bootstrap, prefix) for _ in range(2)]

    def shares(active, wanted):
        def attempt():
            for member in active:
                member.poll(0.05)
            return sorted(len(member.assignment()) for member in active) == wanted
        until(f"shares of {wanted}", attempt)
        return sorted({p.partition for member in active for p in member.assignment()})

    members[0].subscribe([prefix])
    alone = shares(members[:1], [4])
    members[1].subscribe([prefix])
    together = shares(members, [2, 2])
    members[1].close()
    after = shares(members[:1], [4])
    members[0].close()
    return {"alone": alone, "together": together, "after": after}


def seek(bootstrap, prefix):
    create(bootstrap, prefix)
    produce(bootstrap, prefix, [(None, str(i).encode(), [], BASE_MS + 1000 * i)
                                for i in range(100)])
    consumer = consumer_of(bootstrap, prefix)

    def at(timestamp):
        return consumer.offsets_for_times([TopicPartition(prefix, 0, timestamp)], 30)[0].offset

    seen = {"before": at(BASE_MS - 5), "exact": at(BASE_MS + 40_000), "between": at(BASE_MS + 40_001),
            "after": at(BASE_MS + 1_000_000),
            "watermarks": list(consumer.get_watermark_offsets(TopicPartition(prefix, 0), 30))}
    consumer.assign([TopicPartition(prefix, 0, OFFSET_BEGINNING)])
    seen["first"] = take(consumer, 1)[0].offset()
    consumer.seek(TopicPartition(prefix, 0, seen["exact"]))
    seen["sought"] = take(consumer, 1)[0].offset()
    consumer.seek(TopicPartition(prefix, 0, 5000))
    seen["out_of_range_resets_to"] = take(consumer, 1)[0].offset()
    consumer.close()
    return seen


def large(bootstrap, prefix):
    create(bootstrap, prefix, max_message_bytes="100000")
    create(bootstrap, prefix + "-default")
    limit = {"message_max_bytes": 10_000_000}

    def attempt(topic, size):
        try:
            return produce(bootstrap, topic, [(None, os.urandom(size), [], BASE_MS)], **limit)
        except KafkaException as problem:
            return problem.args[0].code()

    seen = {"near": attempt(prefix, 99_000), "too_large": attempt(prefix, 101_000),
            "default_near": attempt(prefix + "-default", 1_048_000),
            "default_too_large": attempt(prefix + "-default", 1_050_000)}
    # The first record comes whole, however small the limits of the reader.
    small = read(bootstrap, prefix + "-default", 1, fetch_max_bytes=1000, message_max_bytes=1000,
                 max_partition_fetch_bytes=1000)
    seen["read_bytes"] = len(small[0].value())
    return seen


def topics(bootstrap, prefix):
    admin = admin_of(bootstrap)

    def make(name, partitions=3, replicas=3, **config):
        return code_of(only(admin.create_topics([NewTopic(name, partitions, replicas,
                                                          config=config)])))

    seen = {"create": make(prefix, **{"retention.ms": "123456"}), "again": make(prefix),
            "no_partitions": make(prefix + "-a", 0), "many_replicas": make(prefix + "-b", 1, 100),
            "bad_name": make(prefix + "/c", 1), "long_name": make("x" * 250, 1),
            "bad_config": make(prefix + "-d", 1, **{"retention.ms": "soon"}),
            "unknown_config": make(prefix + "-e", 1, **{"no.such.config": "1"})}
    resource = ConfigResource(ConfigResource.Type.TOPIC, prefix)

    def config(name):
        entry = only(admin.describe_configs([resource])).result(30)[name]
        return [entry.value, entry.source, entry.is_default, entry.is_read_only,
                entry.is_sensitive]

    seen["retention.ms"] = config("retention.ms")
    seen["max.message.bytes"] = config("max.message.bytes")
    seen["config_names"] = sorted(only(admin.describe_configs([resource])).result(30))

    def alter(name, operation, value):
        change = ConfigResource(ConfigResource.Type.TOPIC, prefix, incremental_configs=[
            ConfigEntry(name, value, incremental_operation=operation)])
        return code_of(only(admin.incremental_alter_configs([change])))

    seen["set"] = alter("retention.ms", AlterConfigOpType.SET, "654321")
    until("the value set", lambda: config("retention.ms")[0] == "654321")
    seen["reset"] = alter("retention.ms", AlterConfigOpType.DELETE, None)
    until("the default", lambda: config("retention.ms")[0] != "654321")
    seen["retention.ms reset"] = config("retention.ms")
    seen["set_bad"] = alter("retention.ms", AlterConfigOpType.SET, "soon")
    described = only(admin.describe_topics(confluent_kafka.TopicCollection([prefix]))).result(30)
    seen["described"] = [len(described.partitions), described.is_internal,
                         sorted({len(p.replicas) for p in described.partitions})]
    seen["delete"] = code_of(only(admin.delete_topics([prefix])))
    seen["delete_again"] = code_of(only(admin.delete_topics([prefix])))
    until("the topic is gone", lambda: prefix not in admin.list_topics(timeout=30).topics)
    return seen


def partitions(bootstrap, prefix):
    admin = create(bootstrap, prefix, 2)

    def grow(name, count):
        return code_of(only(admin.create_partitions([NewPartitions(name, count)])))

    seen = {"grow": grow(prefix, 5), "same": grow(prefix, 5), "shrink": grow(prefix, 1),
            "unknown": grow(prefix + "-unknown", 5)}
    until("five partitions", lambda: len(admin.list_topics(prefix, timeout=30)
                                         .topics[prefix].partitions) == 5)
    produce(bootstrap, prefix, numbered(10), partition=4)
    spot = TopicPartition(prefix, 4)

    def offset(spec):
        return only(admin.list_offsets({spot: spec})).result(30).offset

    def delete(before):
        future = only(admin.delete_records([TopicPartition(prefix, 4, before)]))
        code = code_of(future)
        return code if code else future.result(0).low_watermark

    seen["offsets"] = [offset(OffsetSpec.earliest()), offset(OffsetSpec.latest()),
                       offset(OffsetSpec.max_timestamp())]
    seen["deleted"] = delete(4)
    seen["deleted_beyond"] = delete(100)
    seen["offsets_after"] = [offset(OffsetSpec.earliest()), offset(OffsetSpec.latest())]
    seen["first_after"] = read(bootstrap, prefix, 1, partition=4)[0].offset()
    seen["deleted_all"] = delete(-1)
    return seen


def groups(bootstrap, prefix):
    admin = create(bootstrap, prefix)
    produce(bootstrap, prefix, numbered(10))
    member = consumer_of(bootstrap, prefix, client_id="talker")
    member.subscribe([prefix])
    take(member, 10)
    member.commit(asynchronous=False)

    def describe(name):
        group_of = only(admin.describe_consumer_groups([name])).result(30)
        return [group_of.state.name, group_of.partition_assignor, len(group_of.members),
                [m.client_id for m in group_of.members],
                [len(m.assignment.topic_partitions) for m in group_of.members]]

    def listed():
        found = admin.list_consumer_groups().result(30).valid
        return [g.state.name for g in found if g.group_id == prefix]

    def delete(name):
        return code_of(only(admin.delete_consumer_groups([name])))

    def offsets():
        request = confluent_kafka.ConsumerGroupTopicPartitions(prefix)
        answer = only(admin.list_consumer_group_offsets([request])).result(30)
        return [[p.partition, p.offset] for p in answer.topic_partitions]

    seen = {"stable": describe(prefix), "listed": listed(), "offsets": offsets(),
            "delete_busy": delete(prefix)}
    member.close()
    until("the group is empty", lambda: listed() == [ConsumerGroupState.EMPTY.name])
    seen["empty"] = describe(prefix)
    change = confluent_kafka.ConsumerGroupTopicPartitions(prefix, [TopicPartition(prefix, 0, 3)])
    seen["altered"] = code_of(only(admin.alter_consumer_group_offsets([change])))
    seen["offsets_altered"] = offsets()
    seen["delete"] = delete(prefix)
    seen["delete_again"] = delete(prefix)
    seen["listed_after"] = listed()
    return seen


def failover(bootstrap, prefix):
    admin = create(bootstrap, prefix, min_insync_replicas="2")
    producer = producer_of(bootstrap, enable_idempotence=True, batch_num_messages=20,
                           message_timeout_ms=60000)
    errors = []

    def send(first, count):
        for i in range(first, first + count):
            producer.produce(prefix, str(i), partition=0,
                             on_delivery=lambda error, _: errors.append(error) if error else None)
            producer.poll(0.001)

    def leader():
        return admin.list_topics(prefix, timeout=30).topics[prefix].partitions[0].leader

    send(0, 200)
    producer.flush(30)
    old = leader()
    send(200, 100)
    ask("kill", old)
    try:
        send(300, 100)
        producer.flush(60)
        moved = until("another leader", lambda: leader() not in (old, -1))
        values = [int(m.value()) for m in read(bootstrap, prefix, 400)]
    finally:
        ask("restart", old)
    time.sleep(0.1)
    return {"errors": len(errors), "moved": bool(moved), "all_in_order": values == list(range(400))}


hold("confluent-kafka-python", f"{confluent_kafka.version()} on librdkafka "
     f"{confluent_kafka.libversion()[0]}", {
         "metadata": metadata, "codecs": codecs, "idempotent": idempotent, "acks": acks,
         "group": group, "rebalance": rebalance, "seek": seek, "large": large, "topics": topics,
         "partitions": partitions, "groups": groups, "failover": failover})

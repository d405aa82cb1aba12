#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The twelve conversations, held by kafka-python, release 3 or 2.0.2."""
import logging
import os
import threading

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from conversation import BASE_MS, CODECS, Absent, ask, hold, sample_records, until

logging.basicConfig(level=logging.CRITICAL)
IS_OLD = kafka.__version__.startswith("2.0")
if IS_OLD:
    import admin_old as calls
else:
    import admin_new as calls


def code_of(function, *arguments):
    """The error code of a call: 0 when it succeeded."""
    try:
        function(*arguments)
        return 0
    except KafkaError as problem:
        return problem.errno


def admin_of(bootstrap):
    return KafkaAdminClient(bootstrap_servers=bootstrap.split(","))


def create(bootstrap, topic, partitions=1, **config):
    settings = {name.replace("_", "."): value for name, value in config.items()}
    # The sample timestamps are old: without this the records would be deleted as expired.
    settings["retention.ms"] = "-1"
    admin = admin_of(bootstrap)
    admin.create_topics([NewTopic(topic, partitions, 3, topic_configs=settings)])
    until("leaders", lambda: all(
        p.get("leader", p.get("leader_id", -1)) >= 0
        for p in calls.topic_of(admin, topic)["partitions"]))
    return admin


def producer_of(bootstrap, **config):
    return KafkaProducer(bootstrap_servers=bootstrap.split(","), linger_ms=5,
                         **{"retries": 5, "acks": "all", **config})


def produce(bootstrap, topic, records, partition=0, **config):
    """Sends (key, value, headers, timestamp); returns the offsets, or raises the first error."""
    producer = producer_of(bootstrap, **config)
    sent = [producer.send(topic, key=key, value=value, headers=headers, partition=partition,
                          timestamp_ms=timestamp) for key, value, headers, timestamp in records]
    producer.flush(60)
    offsets = [future.get(60).offset for future in sent]
    producer.close()
    return offsets


def numbered(count, start=0):
    return [(None, str(i).encode(), [], BASE_MS + i) for i in range(start, start + count)]


def consumer_of(bootstrap, group, *topics, **config):
    settings = {"group_id": group, "enable_auto_commit": False, "auto_offset_reset": "earliest",
                "session_timeout_ms": 10000, "heartbeat_interval_ms": 500,
                "metadata_max_age_ms": 1000}
    return KafkaConsumer(*topics, bootstrap_servers=bootstrap.split(","), **{**settings, **config})


def take(consumer, count):
    records = []

    def attempt():
        answer = consumer.poll(500, max_records=count - len(records))
        for batch in answer.values():
            records.extend(batch)
        return len(records) >= count

    until(f"{count} records", attempt)
    return records


def read(bootstrap, topic, count, partition=0, offset=0, **config):
    consumer = consumer_of(bootstrap, None, **config)
    spot = TopicPartition(topic, partition)
    consumer.assign([spot])
    consumer.seek(spot, offset)
    records = take(consumer, count)
    consumer.close()
    return records


def metadata(bootstrap, prefix):
    offsets = produce(bootstrap, prefix, numbered(1))
    admin = admin_of(bootstrap)
    cluster = calls.describe_cluster(admin)
    topic = calls.topic_of(admin, prefix)
    nodes = {broker.get("node_id", broker.get("broker_id")) for broker in cluster["brokers"]}
    replicas = {len(p.get("replicas", p.get("replica_nodes", []))) for p in topic["partitions"]}
    return {"brokers": len(nodes), "controller_is_a_broker": cluster["controller_id"] in nodes,
            "cluster_id_is_set": bool(cluster["cluster_id"]), "offset": offsets,
            "partitions": len(topic["partitions"]), "replicas": sorted(replicas),
            "is_internal": bool(topic["is_internal"]), "listed": prefix in admin.list_topics()}


def records_to_send():
    """kafka-python refuses to send a record with neither key nor value."""
    return [r for r in sample_records() if r[0] is not None or r[1] is not None]


def codecs(bootstrap, prefix):
    create(bootstrap, prefix)
    seen = {}
    for number, codec in enumerate(CODECS):
        kind = None if codec == "none" else codec
        sent = records_to_send()
        offsets = produce(bootstrap, prefix, sent, compression_type=kind)
        records = read(bootstrap, prefix, len(sent), offset=len(sent) * number)
        same = [(r.key, r.value, list(r.headers), r.timestamp) for r in records] == sent
        seen[codec] = {"first": offsets[0], "last": offsets[-1], "same": same,
                       "create_time": {r.timestamp_type for r in records} == {0}}
    return seen


def idempotent(bootstrap, prefix):
    if IS_OLD:
        raise Absent("kafka-python 2.0 has no idempotent producer")
    create(bootstrap, prefix, 4)
    producer = producer_of(bootstrap, enable_idempotence=True, batch_size=400, retries=100)
    sent = [producer.send(prefix, str(i).encode(), partition=i % 4) for i in range(1000)]
    producer.flush(60)
    offsets = {p: [future.get(60).offset for future in sent[p::4]] for p in range(4)}
    producer.close()
    ordered = all([int(r.value) for r in read(bootstrap, prefix, 250, p)]
                  == list(range(p, 1000, 4)) for p in range(4))
    return {"dense": all(offsets[p] == list(range(250)) for p in range(4)), "ordered": ordered}


def acks(bootstrap, prefix):
    create(bootstrap, prefix)
    seen = {}
    spot = TopicPartition(prefix, 0)
    consumer = consumer_of(bootstrap, None)
    for level in (0, 1, "all"):
        more = {} if IS_OLD else {"enable_idempotence": False}
        offsets = produce(bootstrap, prefix, numbered(100), acks=level, **more)
        seen[str(level)] = [offsets[0], offsets[-1]]
        until("the records of this level",
              lambda: consumer.end_offsets([spot])[spot] == 100 * len(seen))
    consumer.close()
    del seen["0"]
    seen["read"] = len(read(bootstrap, prefix, 300))
    return seen


def group(bootstrap, prefix):
    create(bootstrap, prefix)
    produce(bootstrap, prefix, numbered(100))
    spot = TopicPartition(prefix, 0)
    first = consumer_of(bootstrap, prefix, prefix)
    taken = take(first, 50)
    before = first.committed(spot)
    mark = OffsetAndMetadata(50, "noted") if IS_OLD else OffsetAndMetadata(50, "noted", -1)
    first.commit({spot: mark})
    first.close()
    second = consumer_of(bootstrap, prefix, prefix)
    rest = take(second, 50)
    committed = second.committed(spot, metadata=True)
    second.commit()
    last = second.committed(spot)
    second.close()
    return {"before": before, "first": taken[0].offset, "resumed_at": rest[0].offset,
            "committed": committed.offset, "metadata": committed.metadata, "last": last}


def rebalance(bootstrap, prefix):
    create(bootstrap, prefix, 4)
    members = [consumer_of(bootstrap, prefix, prefix)]
    alone = shares(members, [4])
    members.append(consumer_of(bootstrap, prefix, prefix))
    together = shares(members, [2, 2])
    members[1].close()
    after = shares(members[:1], [4])
    members[0].close()
    return {"alone": alone, "together": together, "after": after}


def shares(members, wanted):
    """Polls each member from a thread of its own until they hold as many partitions as wanted."""
    done = threading.Event()

    def work(member):
        while not done.is_set():
            member.poll(50)

    threads = [threading.Thread(target=work, args=(m,), daemon=True) for m in members]
    for thread in threads:
        thread.start()
    try:
        until(f"shares of {wanted}", lambda: sorted(
            len(set(m.assignment())) for m in members) == wanted)
        return sorted({p.partition for m in members for p in set(m.assignment())})
    finally:
        done.set()
        for thread in threads:
            thread.join(30)


def seek(bootstrap, prefix):
    create(bootstrap, prefix)
    produce(bootstrap, prefix, [(None, str(i).encode(), [], BASE_MS + 1000 * i)
                                for i in range(100)])
    spot = TopicPartition(prefix, 0)
    consumer = consumer_of(bootstrap, None)

    def at(timestamp):
        found = consumer.offsets_for_times({spot: timestamp})[spot]
        return found and [found.offset, found.timestamp]

    seen = {"before": at(BASE_MS - 5), "exact": at(BASE_MS + 40_000), "between": at(BASE_MS + 40_001),
            "after": at(BASE_MS + 1_000_000),
            "watermarks": [consumer.beginning_offsets([spot])[spot],
                           consumer.end_offsets([spot])[spot]]}
    consumer.assign([spot])
    consumer.seek_to_beginning(spot)
    seen["first"] = take(consumer, 1)[0].offset
    consumer.seek(spot, 40)
    seen["sought"] = take(consumer, 1)[0].offset
    consumer.seek(spot, 5000)
    seen["out_of_range_resets_to"] = take(consumer, 1)[0].offset
    consumer.close()
    return seen


def large(bootstrap, prefix):
    create(bootstrap, prefix, max_message_bytes="100000")
    create(bootstrap, prefix + "-default")

    def attempt(topic, size):
        try:
            return produce(bootstrap, topic, [(None, os.urandom(size), [], BASE_MS)],
                           max_request_size=10_000_000)
        except KafkaError as problem:
            return problem.errno

    seen = {"near": attempt(prefix, 99_000), "too_large": attempt(prefix, 101_000),
            "default_near": attempt(prefix + "-default", 1_048_000),
            "default_too_large": attempt(prefix + "-default", 1_050_000)}
    small = read(bootstrap, prefix + "-default", 1, fetch_max_bytes=1000,
                 max_partition_fetch_bytes=1000)
    seen["read_bytes"] = len(small[0].value)
    return seen


def topics(bootstrap, prefix):
    admin = admin_of(bootstrap)

    def make(name, partitions=3, replicas=3, **config):
        return code_of(admin.create_topics, [NewTopic(name, partitions, replicas,
                                                      topic_configs=config)])

    seen = {"create": make(prefix, **{"retention.ms": "123456"}), "again": make(prefix),
            "no_partitions": make(prefix + "-a", 0), "many_replicas": make(prefix + "-b", 1, 100),
            "bad_name": make(prefix + "/c", 1), "long_name": make("x" * 250, 1),
            "bad_config": make(prefix + "-d", 1, **{"retention.ms": "soon"})}
    until("the topic", lambda: prefix in admin.list_topics())
    seen["retention.ms"] = calls.config(admin, prefix, "retention.ms")
    seen["max.message.bytes"] = calls.config(admin, prefix, "max.message.bytes")
    seen["set"] = calls.alter(admin, prefix, {"retention.ms": "654321"})
    until("the value set",
          lambda: calls.config(admin, prefix, "retention.ms")[0] == "654321")
    seen["delete"] = code_of(admin.delete_topics, [prefix])
    until("the topic is gone", lambda: prefix not in admin.list_topics())
    seen["delete_again"] = code_of(admin.delete_topics, [prefix])
    return seen


def partitions(bootstrap, prefix):
    admin = create(bootstrap, prefix, 2)

    def grow(name, count):
        return code_of(calls.grow, admin, name, count)

    seen = {"grow": grow(prefix, 5), "same": grow(prefix, 5), "shrink": grow(prefix, 1),
            "unknown": grow(prefix + "-unknown", 5)}
    until("five partitions", lambda: len(calls.topic_of(admin, prefix)["partitions"]) == 5)
    produce(bootstrap, prefix, numbered(10), partition=4)
    spot = TopicPartition(prefix, 4)
    consumer = consumer_of(bootstrap, None)

    def offsets():
        return [consumer.beginning_offsets([spot])[spot], consumer.end_offsets([spot])[spot]]

    seen["offsets"] = offsets()
    if not IS_OLD:
        seen["deleted"] = calls.delete_records(admin, spot, 4)
        seen["deleted_beyond"] = code_of(calls.delete_records, admin, spot, 100)
        seen["offsets_after"] = offsets()
        seen["first_after"] = read(bootstrap, prefix, 1, partition=4)[0].offset
    consumer.close()
    return seen


def groups(bootstrap, prefix):
    admin = create(bootstrap, prefix)
    produce(bootstrap, prefix, numbered(10))
    spot = TopicPartition(prefix, 0)
    member = consumer_of(bootstrap, prefix, prefix, client_id="talker")
    take(member, 10)
    member.commit()
    seen = {"stable": calls.describe_group(admin, prefix),
            "listed": prefix in calls.list_groups(admin),
            "offsets": calls.group_offsets(admin, prefix)[spot].offset,
            "delete_busy": calls.delete_group(admin, prefix)}
    member.close()
    until("the group is empty", lambda: "Empty" in calls.describe_group(admin, prefix))
    seen["empty"] = calls.describe_group(admin, prefix)
    seen["altered"] = calls.alter_group_offset(admin, prefix, spot, 3)
    seen["offsets_altered"] = calls.group_offsets(admin, prefix)[spot].offset
    seen["delete"] = calls.delete_group(admin, prefix)
    seen["delete_again"] = calls.delete_group(admin, prefix)
    seen["listed_after"] = prefix in calls.list_groups(admin)
    return seen


def failover(bootstrap, prefix):
    admin = create(bootstrap, prefix, min_insync_replicas="2")
    # Without idempotence (2.0) a retry may write twice: then only loss is looked for.
    more = {} if IS_OLD else {"enable_idempotence": True}
    producer = producer_of(bootstrap, retries=1000, batch_size=400, **more)
    sent = []

    def send(first, count):
        for i in range(first, first + count):
            sent.append(producer.send(prefix, str(i).encode(), partition=0))

    def leader():
        # A broker that died is listed for some seconds more, and the admin client may choose it.
        try:
            return leader_now()
        except kafka.errors.KafkaConnectionError:
            return -1

    def leader_now():
        partition = calls.topic_of(admin_of(bootstrap), prefix)["partitions"][0]
        return partition.get("leader", partition.get("leader_id"))

    send(0, 200)
    producer.flush(30)
    old = leader()
    send(200, 100)
    ask("kill", old)
    try:
        send(300, 100)
        producer.flush(90)
        for future in sent:
            future.get(1)
        moved = until("another leader", lambda: leader() not in (old, -1))
        values = [int(r.value) for r in read(bootstrap, prefix, 400)]
    finally:
        ask("restart", old)
    admin.close()
    right = set(values) == set(range(400)) if IS_OLD else values == list(range(400))
    return {"moved": bool(moved), "all_there": right}


hold(os.environ.get("INTEROP_CLIENT", "kafka-python"), kafka.__version__, {
    "metadata": metadata, "codecs": codecs, "idempotent": idempotent, "acks": acks, "group": group,
    "rebalance": rebalance, "seek": seek, "large": large, "topics": topics,
    "partitions": partitions, "groups": groups, "failover": failover})

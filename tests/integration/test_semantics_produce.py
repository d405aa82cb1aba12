# SPDX-License-Identifier: Apache-2.0
"""What a leader takes from producers, what it refuses and with which error."""
import struct
import time

import pytest

from kafka_cluster import (CORRUPT_MESSAGE, DUPLICATE_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH,
                           INVALID_RECORD, INVALID_REQUIRED_ACKS, INVALID_TIMESTAMP,
                           INVALID_TOPIC_EXCEPTION, MESSAGE_TOO_LARGE, NONE,
                           NOT_LEADER_OR_FOLLOWER,
                           OUT_OF_ORDER_SEQUENCE_NUMBER, RECORD_LIST_TOO_LARGE,
                           UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION,
                           UNSUPPORTED_COMPRESSION_TYPE, Cluster)
from kafka_wire import batch, batches, record
from region import eventually

HOUR_MS = 3_600_000
LAST_SEQUENCE = 0x7fffffff


@pytest.fixture(name="made")
def make_topic(cluster, topic):
    cluster.make(topic)
    return topic


def now_ms():
    return int(time.time() * 1000)


def stored(cluster, topic):
    """The batches of partition 0."""
    return batches(cluster.fetch(topic, 0)["records"] or b"")


def assert_nothing_stored(cluster, topic):
    assert cluster.list_offset(topic, -1)["offset"] == 0
    assert cluster.produce(topic, batch([b"fine"]))["error_code"] == NONE


# the batch

def test_a_batch_is_stored_as_it_was_but_for_offset_and_epoch(cluster, made):
    data = batch([b"one", b"two"], base_offset=0, leader_epoch=-1)
    assert cluster.produce(made, batch([b"zero"]))["base_offset"] == 0
    answer = cluster.produce(made, data)
    assert (answer["base_offset"], answer["log_append_time_ms"], answer["log_start_offset"]) == \
        (1, -1, 0)
    kept = cluster.fetch(made, 1)["records"]
    assert kept[:8] == struct.pack(">q", 1)
    assert kept[16:] == data[16:]
    assert struct.unpack(">i", kept[12:16])[0] == cluster.partition(made)["leader_epoch"]


@pytest.mark.parametrize("twice", ["in one topic", "in two topics"])
def test_of_a_partition_that_is_named_twice_the_last_batch_counts(cluster, made, twice):
    def ask(parts):
        topics = [parts] if twice == "in one topic" else [[part] for part in parts]
        answer = cluster.call("Produce", 9, cluster.leader(made), acks=-1, timeout_ms=10000,
                              topic_data=[{"name": made, "partition_data": [
                                  {"index": index, "records": data} for index, data in part]}
                                  for part in topics])
        return [(part["index"], part["error_code"], part["base_offset"])
                for one in answer["responses"] for part in one["partition_responses"]]

    unknown = UNKNOWN_TOPIC_OR_PARTITION
    assert ask([(0, batch([b"a"])), (9, batch([b"b"])), (0, batch([b"c"])), (9, batch([b"d"]))]) \
        == [(0, NONE, 0), (9, unknown, -1)]
    assert [one["values"] for one in stored(cluster, made)] == [[b"c"]]
    assert ask([(0, batch([b"d"])), (0, batch([b"e"], crc=1))]) == [(0, CORRUPT_MESSAGE, -1)]
    assert ask([(0, batch([b"f"], crc=1)), (0, batch([b"g"]))]) == [(0, NONE, 1)]
    assert [one["values"] for one in stored(cluster, made)] == [[b"c"], [b"g"]]


def test_a_wrong_checksum_is_a_corrupt_message(cluster, made):
    assert cluster.produce(made, batch([b"x"], crc=1))["error_code"] == CORRUPT_MESSAGE
    assert_nothing_stored(cluster, made)


@pytest.mark.parametrize("wrong", [{"length": 20}, {"length": -1}, {"length": 100000}],
                         ids=["short", "negative", "long"])
def test_a_wrong_length_is_a_corrupt_message(cluster, made, wrong):
    answer = cluster.produce(made, batch([b"x"], **wrong))
    assert answer["error_code"] in (CORRUPT_MESSAGE, INVALID_RECORD)
    assert_nothing_stored(cluster, made)


@pytest.mark.parametrize("wrong", [
    {"last_offset_delta": 5}, {"count": 3}, {"last_offset_delta": -1}, {"count": 0},
    {"count": -1}, {"records": record(0, b"x") + b"trailing"}],
    ids=["delta", "count", "negative-delta", "no-records", "negative-count", "trailing-bytes"])
def test_a_batch_that_contradicts_itself_is_refused(cluster, made, wrong):
    answer = cluster.produce(made, batch([b"x"], **wrong))
    assert answer["error_code"] in (INVALID_RECORD, CORRUPT_MESSAGE), answer
    assert_nothing_stored(cluster, made)


def test_a_control_batch_is_an_invalid_record(cluster, made):
    data = batch([b"\0\0\0\0\0\0"], keys=[b"\0\0\0\1"], attributes=0x20)
    assert cluster.produce(made, data)["error_code"] == INVALID_RECORD
    assert_nothing_stored(cluster, made)


def test_two_batches_for_one_partition_are_an_invalid_record(cluster, made):
    assert cluster.produce(made, batch([b"x"]) + batch([b"y"]))["error_code"] == INVALID_RECORD
    assert_nothing_stored(cluster, made)


@pytest.mark.parametrize("records", [b"", None], ids=["empty", "null"])
def test_no_batch_at_all_is_an_invalid_record(cluster, made, records):
    answer = cluster.produce(made, records)
    assert answer["error_code"] in (INVALID_RECORD, CORRUPT_MESSAGE), answer
    assert_nothing_stored(cluster, made)


@pytest.mark.parametrize("version", [3, 6])
def test_zstd_needs_version_7(cluster, made, version):
    answer = cluster.produce(made, batch([b"x"], attributes=4), version=version)
    assert answer["error_code"] == UNSUPPORTED_COMPRESSION_TYPE


def test_an_unknown_codec_is_unsupported(cluster, made):
    answer = cluster.produce(made, batch([b"x"], attributes=7))
    assert answer["error_code"] == UNSUPPORTED_COMPRESSION_TYPE
    assert_nothing_stored(cluster, made)


# limits

def test_a_batch_beyond_max_message_bytes_is_too_large(cluster, topic):
    cluster.make(topic, configs={"max.message.bytes": 1000})
    assert cluster.produce(topic, batch([b"x" * 1000]))["error_code"] == MESSAGE_TOO_LARGE
    assert cluster.produce(topic, batch([b"x" * 800]))["error_code"] == NONE


def test_a_batch_beyond_a_segment_is_a_record_list_too_large(cluster, topic):
    cluster.make(topic, configs={"max.message.bytes": 4 << 20, "segment.bytes": 1 << 20})
    answer = cluster.produce(topic, batch([b"x" * (1200 << 10)]))
    assert answer["error_code"] == RECORD_LIST_TOO_LARGE


def test_a_time_in_the_future_is_an_invalid_timestamp_that_names_the_record(cluster, made):
    times = [now_ms(), now_ms() + 2 * HOUR_MS]
    answer = cluster.produce(made, batch([b"a", b"b"], timestamps=times))
    assert answer["error_code"] == INVALID_TIMESTAMP
    assert [one["batch_index"] for one in answer["record_errors"]] == [1]
    assert answer["error_message"]
    assert_nothing_stored(cluster, made)


def test_the_past_is_limited_only_where_the_topic_says_so(cluster, made, topic):
    assert cluster.produce(made, batch([b"a"], timestamps=[1000]))["error_code"] == NONE
    limited = f"{topic}-limited"
    cluster.make(limited, configs={"message.timestamp.before.max.ms": HOUR_MS})
    answer = cluster.produce(limited, batch([b"a"], timestamps=[now_ms() - 2 * HOUR_MS]))
    assert answer["error_code"] == INVALID_TIMESTAMP


def test_log_append_time_is_told_and_stored_under_a_new_checksum(cluster, topic):
    cluster.make(topic, configs={"message.timestamp.type": "LogAppendTime"})
    before = now_ms()
    answer = cluster.produce(topic, batch([b"a"], timestamps=[1000]))
    assert answer["error_code"] == NONE
    assert before - 1000 <= answer["log_append_time_ms"] <= now_ms() + 1000
    one, = stored(cluster, topic)
    assert one["attributes"] & 8 and one["valid"]
    assert one["max_timestamp"] == answer["log_append_time_ms"]


def test_a_topic_with_its_own_codec_compresses_again(cluster, topic):
    cluster.make(topic, configs={"compression.type": "gzip"})
    assert cluster.produce(topic, batch([b"a" * 1000]))["error_code"] == NONE
    one, = stored(cluster, topic)
    assert one["attributes"] & 7 == 1 and one["valid"] and one["length"] < 500


# the request

@pytest.mark.parametrize("acks", [2, -2, 100])
def test_other_acks_are_refused(cluster, made, acks):
    answer = cluster.produce(made, batch([b"x"]), acks=acks)
    assert answer["error_code"] == INVALID_REQUIRED_ACKS
    assert_nothing_stored(cluster, made)


def test_no_more_replicas_in_sync_are_asked_for_than_there_are(cluster, topic):
    cluster.make(topic, factor=1, configs={"min.insync.replicas": 2})
    assert cluster.produce(topic, batch([b"x"]))["error_code"] == NONE
    assert [one["values"] for one in stored(cluster, topic)] == [[b"x"]]


def test_unknown_topics_and_partitions_are_told(cluster, made):
    assert cluster.produce("no-such-topic", batch([b"x"]), node_id=0)["error_code"] == \
        UNKNOWN_TOPIC_OR_PARTITION
    assert cluster.produce(made, batch([b"x"]), index=7, node_id=0)["error_code"] == \
        UNKNOWN_TOPIC_OR_PARTITION


def test_the_wrong_broker_names_the_leader(cluster, made):
    leader = cluster.leader(made)
    other = next(one for one in cluster.region.node_ids if one != leader)
    answer = cluster.call("Produce", 12, other, acks=-1, timeout_ms=5000, topic_data=[
        {"name": made, "partition_data": [{"index": 0, "records": batch([b"x"])}]}])
    part = answer["responses"][0]["partition_responses"][0]
    assert part["error_code"] == NOT_LEADER_OR_FOLLOWER
    assert part["current_leader"]["leader_id"] == leader
    assert [one["node_id"] for one in answer["node_endpoints"]] == [leader]


def test_topics_are_named_by_id_from_version_13_on(cluster, topic):
    topic_id = cluster.make(topic)

    def send(some_id):
        answer = cluster.call("Produce", 13, cluster.leader(topic), acks=-1, timeout_ms=5000,
                              topic_data=[{"topic_id": some_id, "partition_data": [
                                  {"index": 0, "records": batch([b"x"])}]}])
        return answer["responses"][0]["partition_responses"][0]["error_code"]

    assert send(topic_id) == NONE
    assert send(b"\7" * 16) == UNKNOWN_TOPIC_ID


def test_clients_do_not_write_offsets_topics(cluster):
    eventually(lambda: cluster.call("FindCoordinator", 3, key="any")["error_code"] == NONE)
    node_id = eventually(lambda: [cluster.leader("__consumer_offsets")])[0]
    answer = cluster.produce("__consumer_offsets", batch([b"x"], keys=[b"k"]), node_id=node_id)
    assert answer["error_code"] == INVALID_TOPIC_EXCEPTION


# idempotence

class Producer:
    """Sends batches with sequences to one partition."""

    def __init__(self, cluster, topic):
        self.cluster = cluster
        self.topic = topic
        made = cluster.call("InitProducerId", 4, transactional_id=None)
        assert made["error_code"] == NONE
        self.id, self.epoch = made["producer_id"], made["producer_epoch"]

    def send(self, sequence, count=1, epoch=None):
        data = batch([b"v"] * count, producer_id=self.id, base_sequence=sequence,
                     producer_epoch=self.epoch if epoch is None else epoch)
        answer = self.cluster.produce(self.topic, data)
        return answer["error_code"], answer["base_offset"]


@pytest.fixture(name="producer")
def make_producer(cluster, made):
    return Producer(cluster, made)


def test_each_of_the_last_five_batches_answers_again_with_its_offset(producer):
    for number in range(7):
        assert producer.send(number * 2, count=2) == (NONE, number * 2)
    for number in range(2, 7):
        assert producer.send(number * 2, count=2) == (NONE, number * 2)
    assert producer.send(0, count=2)[0] == DUPLICATE_SEQUENCE_NUMBER
    assert producer.send(14) == (NONE, 14)


def test_a_gap_is_out_of_order(producer):
    assert producer.send(0) == (NONE, 0)
    assert producer.send(2)[0] == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.send(1) == (NONE, 1)


def test_sequences_go_on_at_zero_behind_the_largest(producer):
    assert producer.send(LAST_SEQUENCE - 1) == (NONE, 0)
    assert producer.send(LAST_SEQUENCE) == (NONE, 1)
    assert producer.send(0) == (NONE, 2)
    assert producer.send(LAST_SEQUENCE) == (NONE, 1)


def test_a_batch_may_go_across_the_largest_sequence(producer):
    assert producer.send(LAST_SEQUENCE - 1, count=4) == (NONE, 0)
    assert producer.send(2) == (NONE, 4)


def test_an_unknown_producer_may_begin_anywhere(producer):
    assert producer.send(1234) == (NONE, 0)


def test_a_new_epoch_begins_at_zero_and_fences_the_old_one(producer):
    assert producer.send(0) == (NONE, 0)
    assert producer.send(1, epoch=1)[0] == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.send(0, epoch=1) == (NONE, 1)
    assert producer.send(1)[0] == INVALID_PRODUCER_EPOCH


def test_an_epoch_is_raised_for_who_shows_the_current_one(cluster):
    first = cluster.call("InitProducerId", 4, transactional_id=None, transaction_timeout_ms=60000)
    again = cluster.call("InitProducerId", 4, transactional_id=None, transaction_timeout_ms=60000,
                         producer_id=first["producer_id"], producer_epoch=0)
    assert first["error_code"] == again["error_code"] == NONE
    assert (again["producer_id"], again["producer_epoch"]) != \
        (first["producer_id"], first["producer_epoch"])


def test_producer_ids_differ_on_every_broker(cluster):
    found = []
    for node_id in cluster.region.node_ids:
        with cluster.connect(node_id) as connection:
            sent = [connection.send("InitProducerId", 4, {"transactional_id": None})
                    for _ in range(350)]
            for number in sent:
                answer = connection.receive("InitProducerId", 4, number)
                assert (answer["error_code"], answer["producer_epoch"]) == (NONE, 0)
                found.append(answer["producer_id"])
    assert len(set(found)) == len(found) == 350 * len(cluster.region.node_ids)


def test_what_a_producer_sent_is_known_after_restart_and_election(own_region, topic):
    region = own_region(brokers=3)
    cluster = Cluster(region)
    cluster.make(topic)
    producer = Producer(cluster, topic)
    assert producer.send(0) == (NONE, 0)
    assert producer.send(1) == (NONE, 1)
    leader = cluster.leader(topic)
    rest = [one for one in region.node_ids if one != leader]
    region.kill(leader)
    cluster.connections.clear()
    cluster.any = lambda node_id: rest[0] if node_id is None else node_id
    eventually(lambda: cluster.leader(topic) in rest)
    eventually(lambda: producer.send(1) == (NONE, 1))
    assert producer.send(3)[0] == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.send(2) == (NONE, 2)
    cluster.close()

# SPDX-License-Identifier: Apache-2.0
"""What a leader answers to those who read, look for offsets or ask where an epoch ended."""
import threading
import time

import pytest

from kafka_cluster import (FENCED_LEADER_EPOCH, FETCH_SESSION_ID_NOT_FOUND,
                           FETCH_SESSION_TOPIC_ID_ERROR, INCONSISTENT_TOPIC_ID,
                           INVALID_FETCH_SESSION_EPOCH, NONE, NOT_LEADER_OR_FOLLOWER,
                           OFFSET_OUT_OF_RANGE, UNKNOWN_LEADER_EPOCH, UNKNOWN_TOPIC_ID,
                           UNKNOWN_TOPIC_OR_PARTITION, UNSUPPORTED_COMPRESSION_TYPE,
                           UNSUPPORTED_VERSION, Cluster)
from kafka_wire import batch, batches

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, PENDING_UPLOAD = range(-1, -7, -1)


@pytest.fixture(name="made")
def make_topic(cluster, topic):
    """Two batches: offsets 0-2 and 3-5."""
    cluster.make(topic, partitions=2)
    for base, values in ((0, [b"0", b"1", b"2"]), (3, [b"3", b"4", b"5"])):
        answer = cluster.produce(topic, batch(values))
        assert (answer["error_code"], answer["base_offset"]) == (NONE, base)
    return topic


def bases(part):
    return [one["base_offset"] for one in batches(part["records"])]


# what comes

@pytest.mark.parametrize("offset,expected", [(0, [0, 3]), (1, [0, 3]), (2, [0, 3]), (3, [3]),
                                             (5, [3]), (6, [])])
def test_the_whole_batch_that_holds_the_offset_comes(cluster, made, offset, expected):
    part = cluster.fetch(made, offset)
    assert part["error_code"] == NONE
    assert bases(part) == expected


@pytest.mark.parametrize("version", [4, 5, 7, 9, 11, 12])
def test_the_first_batch_comes_whatever_its_size(cluster, made, version):
    assert bases(cluster.fetch(made, 0, version=version, max_bytes=1)) == [0]
    assert bases(cluster.fetch(made, 0, version=version, partition_max_bytes=1)) == [0]
    assert bases(cluster.fetch(made, 4, version=version, max_bytes=1, partition_max_bytes=0)) == [3]


def test_only_the_first_partition_with_records_exceeds_the_limit(cluster, topic):
    cluster.make(topic, partitions=3, assignments=[], factor=1)
    leader = cluster.region.node_ids[0]
    parted = f"{topic}-parted"
    cluster.make(parted, partitions=-1, factor=-1, assignments=[
        {"partition_index": index, "broker_ids": [leader]} for index in range(3)])
    for index in (1, 2):
        cluster.produce(parted, batch([b"x"]), index=index)
    answer = cluster.call("Fetch", 12, leader, max_bytes=1, topics=[
        {"topic": parted, "partitions": [{"partition": index, "fetch_offset": 0,
                                          "partition_max_bytes": 1} for index in range(3)]}])
    sizes = [len(part["records"]) for part in answer["responses"][0]["partitions"]]
    assert sizes[0] == 0 and sizes[1] > 1 and sizes[2] <= 1


def test_the_broker_has_a_limit_of_its_own(own_region, topic):
    cluster = Cluster(own_region(brokers=1, settings=["fetch.max.bytes=2500"]))
    cluster.make(topic, factor=1)
    for _ in range(5):
        cluster.produce(topic, batch([b"x" * 1000]))
    part = cluster.fetch(topic, 0)
    assert 1000 < len(part["records"]) <= 2500
    cluster.close()


@pytest.mark.parametrize("offset", [7, 1000, -2])
def test_an_offset_outside_of_the_log_is_out_of_range(cluster, made, offset):
    part = cluster.fetch(made, offset)
    assert part["error_code"] == OFFSET_OUT_OF_RANGE
    assert not part["records"]


def test_the_end_of_the_log_is_an_empty_success_with_all_offsets(cluster, made):
    part = cluster.fetch(made, 6)
    assert (part["error_code"], part["high_watermark"], part["last_stable_offset"],
            part["log_start_offset"]) == (NONE, 6, 6, 0)
    assert part["records"] == b""
    assert part["preferred_read_replica"] == -1


def test_deleted_records_are_out_of_range(cluster, made):
    answer = cluster.call("DeleteRecords", 2, cluster.leader(made), timeout_ms=5000, topics=[
        {"name": made, "partitions": [{"partition_index": 0, "offset": 4}]}])
    part = answer["topics"][0]["partitions"][0]
    assert (part["error_code"], part["low_watermark"]) == (NONE, 4)
    assert cluster.fetch(made, 3)["error_code"] == OFFSET_OUT_OF_RANGE
    part = cluster.fetch(made, 4)
    assert (part["error_code"], part["log_start_offset"], bases(part)) == (NONE, 4, [3])
    assert cluster.list_offset(made, EARLIEST)["offset"] == 4


# waiting

def test_an_empty_fetch_waits_its_time(cluster, made):
    begin = time.monotonic()
    assert cluster.fetch(made, 6, max_wait_ms=700, min_bytes=1)["records"] == b""
    assert 0.65 <= time.monotonic() - begin < 5


def test_an_append_wakes_a_waiting_fetch(cluster, made):
    reader = Cluster(cluster.region)
    found = []
    thread = threading.Thread(target=lambda: found.append(
        reader.fetch(made, 6, max_wait_ms=15000, min_bytes=1)))
    begin = time.monotonic()
    thread.start()
    assert cluster.produce(made, batch([b"6"]))["error_code"] == NONE
    thread.join(20)
    reader.close()
    assert bases(found[0]) == [6]
    assert time.monotonic() - begin < 10


def test_an_error_does_not_wait(cluster, made):
    begin = time.monotonic()
    part = cluster.fetch(made, 99, max_wait_ms=10000, min_bytes=1)
    assert part["error_code"] == OFFSET_OUT_OF_RANGE
    assert time.monotonic() - begin < 5


# who answers

def test_epochs_of_leaders_fence(cluster, made):
    epoch = cluster.partition(made)["leader_epoch"]
    assert cluster.fetch(made, 0, current_leader_epoch=epoch)["error_code"] == NONE
    assert cluster.fetch(made, 0, current_leader_epoch=epoch - 1)["error_code"] == \
        FENCED_LEADER_EPOCH
    assert cluster.fetch(made, 0, current_leader_epoch=epoch + 1)["error_code"] == \
        UNKNOWN_LEADER_EPOCH
    for error, more in ((NONE, 0), (FENCED_LEADER_EPOCH, -1), (UNKNOWN_LEADER_EPOCH, 1)):
        part = cluster.list_offset(made, LATEST, current_leader_epoch=epoch + more)
        assert part["error_code"] == error


def test_a_reader_of_another_history_is_told_where_it_diverged(cluster, made):
    epoch = cluster.partition(made)["leader_epoch"]
    part = cluster.fetch(made, 6, last_fetched_epoch=epoch)
    assert "diverging_epoch" not in part
    part = cluster.fetch(made, 6, last_fetched_epoch=epoch - 1)
    assert part["error_code"] == NONE
    assert part["diverging_epoch"]["end_offset"] == 0
    assert not part["records"]


def test_the_end_of_an_epoch_is_told(cluster, made):
    epoch = cluster.partition(made)["leader_epoch"]

    def ask(wanted, current=-1):
        answer = cluster.call("OffsetForLeaderEpoch", 4, cluster.leader(made), replica_id=-1,
                              topics=[{"topic": made, "partitions": [
                                  {"partition": 0, "leader_epoch": wanted,
                                   "current_leader_epoch": current}]}])
        part = answer["topics"][0]["partitions"][0]
        return part["error_code"], part["leader_epoch"], part["end_offset"]

    assert ask(epoch) == (NONE, epoch, 6)
    assert ask(epoch + 5) == (NONE, -1, -1)
    assert ask(epoch, epoch - 1)[0] == FENCED_LEADER_EPOCH
    assert ask(epoch, epoch + 1)[0] == UNKNOWN_LEADER_EPOCH


def test_the_wrong_broker_names_the_leader(cluster, topic):
    cluster.make(topic, factor=1)
    leader = cluster.leader(topic)
    other = next(one for one in cluster.region.node_ids if one != leader)
    part = cluster.fetch(topic, 0, node_id=other)
    assert part["error_code"] == NOT_LEADER_OR_FOLLOWER
    assert part["current_leader"]["leader_id"] == leader


def test_topics_are_known_by_name_or_by_id(cluster, topic):
    topic_id = cluster.make(topic)
    leader = cluster.leader(topic)

    def ask(some_id):
        answer = cluster.call("Fetch", 13, leader, max_bytes=1000, topics=[
            {"topic_id": some_id, "partitions": [{"partition": 0, "fetch_offset": 0,
                                                  "partition_max_bytes": 1000}]}])
        return answer["responses"][0]["partitions"][0]["error_code"]

    assert ask(topic_id) == NONE
    assert ask(b"\7" * 16) == UNKNOWN_TOPIC_ID
    assert cluster.fetch("no-such-topic", 0, node_id=0)["error_code"] == UNKNOWN_TOPIC_OR_PARTITION


def test_a_topic_of_zstd_needs_a_reader_of_version_10(cluster, topic):
    cluster.make(topic, configs={"compression.type": "zstd"})
    cluster.produce(topic, batch([b"x" * 500]))
    assert cluster.fetch(topic, 0, version=9)["error_code"] == UNSUPPORTED_COMPRESSION_TYPE
    part = cluster.fetch(topic, 0, version=10)
    assert part["error_code"] == NONE
    assert batches(part["records"])[0]["attributes"] & 7 == 4


@pytest.mark.parametrize("version,magic", [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_old_readers_get_old_messages(cluster, made, version, magic):
    part = cluster.fetch(made, 0, version=version)
    assert part["error_code"] == NONE
    assert part["records"][16] == magic


# sessions

class Session:
    """Incremental fetches of one topic with two partitions."""

    def __init__(self, cluster, topic):
        self.cluster = cluster
        self.topic = topic
        self.id = 0

    def fetch(self, epoch, offsets=None, forget=(), session_id=None):
        """Error and the partitions that the answer names."""
        answer = self.cluster.call(
            "Fetch", 12, self.cluster.region.node_ids[0], max_bytes=1 << 20,
            session_id=self.id if session_id is None else session_id, session_epoch=epoch,
            topics=[{"topic": self.topic, "partitions": [
                {"partition": index, "fetch_offset": offset, "partition_max_bytes": 1 << 20}
                for index, offset in offsets.items()]}] if offsets else [],
            forgotten_topics_data=[{"topic": self.topic, "partitions": list(forget)}]
            if forget else [])
        if epoch == 0:
            self.id = answer["session_id"]
        return answer["error_code"], [part["partition_index"] for one in answer["responses"]
                                      for part in one["partitions"]]


@pytest.fixture(name="session")
def make_session(cluster, topic):
    leader = cluster.region.node_ids[0]
    cluster.make(topic, partitions=-1, factor=-1, assignments=[
        {"partition_index": index, "broker_ids": [leader]} for index in range(2)])
    return Session(cluster, topic)


def test_a_session_answers_only_what_changed(cluster, topic, session):
    assert session.fetch(0, {0: 0, 1: 0}) == (NONE, [0, 1])
    assert session.id != 0
    assert session.fetch(1) == (NONE, [])
    cluster.produce(topic, batch([b"x"]), index=1)
    assert session.fetch(2) == (NONE, [1])
    assert session.fetch(3, {1: 1}) == (NONE, [])
    cluster.produce(topic, batch([b"x"]), index=0)
    cluster.produce(topic, batch([b"x"]), index=1)
    assert session.fetch(4, forget=[1]) == (NONE, [0])


def test_sessions_are_told_apart_by_id_and_epoch(session):
    session.fetch(0, {0: 0})
    assert session.fetch(1, session_id=session.id + 12345)[0] == FETCH_SESSION_ID_NOT_FOUND
    assert session.fetch(5)[0] == INVALID_FETCH_SESSION_EPOCH
    assert session.fetch(1)[0] == NONE


def test_a_session_knows_that_its_topic_was_made_again(cluster, topic):
    """As Kafka 4.3: deleted is unknown by name, made again is inconsistent; a new session is new."""
    def make():
        made = cluster.make(topic, partitions=-1, factor=-1,
                            assignments=[{"partition_index": 0, "broker_ids": [0]}])
        return {"topic_id": made, "partitions": [
            {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}]}

    def fetch(session_id, epoch, *topics):
        answer = cluster.call("Fetch", 13, 0, max_bytes=1000, max_wait_ms=0, session_id=session_id,
                              session_epoch=epoch, topics=list(topics))
        assert answer["error_code"] == NONE
        return answer["session_id"], [part["error_code"] for one in answer["responses"]
                                      for part in one["partitions"]]

    def delete():
        cluster.call("DeleteTopics", 6, topics=[{"name": topic}], timeout_ms=5000)

    old = make()
    session, errors = fetch(0, 0, old)
    assert session != 0 and errors == [NONE]
    assert fetch(session, 1)[1] == []
    delete()
    assert fetch(session, 2)[1] == [UNKNOWN_TOPIC_OR_PARTITION]
    new = make()
    assert fetch(session, 3)[1] == [INCONSISTENT_TOPIC_ID]
    assert fetch(session, 4, new)[1] == [INCONSISTENT_TOPIC_ID, NONE]
    assert fetch(0, 0, old)[1] == [UNKNOWN_TOPIC_ID]


def test_a_closed_session_is_gone(session):
    session.fetch(0, {0: 0})
    assert session.fetch(-1)[0] == NONE
    assert session.fetch(1)[0] == FETCH_SESSION_ID_NOT_FOUND


def test_a_reader_without_session_gets_none(cluster, made):
    answer = cluster.call("Fetch", 12, cluster.leader(made), max_bytes=1000, session_epoch=-1,
                          topics=[{"topic": made, "partitions": [
                              {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}]}])
    assert (answer["error_code"], answer["session_id"]) == (NONE, 0)


def test_a_session_keeps_to_names_or_ids(cluster, topic, session):
    assert session.fetch(0, {0: 0})[0] == NONE
    answer = cluster.call("Fetch", 13, cluster.region.node_ids[0], max_bytes=1000,
                          session_id=session.id, session_epoch=1, topics=[
                              {"topic_id": cluster.topic(topic)["topic_id"], "partitions": [
                                  {"partition": 1, "fetch_offset": 0,
                                   "partition_max_bytes": 1000}]}])
    assert answer["error_code"] == FETCH_SESSION_TOPIC_ID_ERROR


def test_aborted_transactions_are_told_to_committed_readers_only(cluster, made):
    for isolation, expected in ((0, None), (1, [])):
        answer = cluster.call("Fetch", 12, cluster.leader(made), isolation_level=isolation,
                              max_bytes=1000, topics=[{"topic": made, "partitions": [
                                  {"partition": 0, "fetch_offset": 0,
                                   "partition_max_bytes": 1000}]}])
        assert answer["responses"][0]["partitions"][0]["aborted_transactions"] == expected


# offsets

def offset_and_time(part):
    assert part["error_code"] == NONE
    return part["offset"], part["timestamp"]


def test_first_and_last_offsets_have_no_time(cluster, made):
    assert offset_and_time(cluster.list_offset(made, LATEST)) == (6, -1)
    assert offset_and_time(cluster.list_offset(made, EARLIEST)) == (0, -1)
    assert offset_and_time(cluster.list_offset(made, EARLIEST_LOCAL)) == (0, -1)
    assert offset_and_time(cluster.list_offset(made, LATEST_TIERED)) == (-1, -1)


@pytest.mark.parametrize("special,first", [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8),
                                           (LATEST_TIERED, 9), (PENDING_UPLOAD, 11)])
def test_special_times_are_for_versions_that_know_them(cluster, made, special, first):
    part = cluster.list_offset(made, special, version=first - 1)
    assert part["error_code"] == UNSUPPORTED_VERSION
    assert cluster.list_offset(made, special, version=first)["error_code"] == NONE


def test_a_time_finds_the_record_inside_its_batch(cluster, topic):
    cluster.make(topic)
    cluster.produce(topic, batch([b"a", b"b", b"c"], timestamps=[1000, 2000, 3000]))
    cluster.produce(topic, batch([b"d", b"e"], timestamps=[5000, 4000]))
    found = [offset_and_time(cluster.list_offset(topic, at)) for at in (0, 1001, 2000, 3001, 5000)]
    assert found == [(0, 1000), (1, 2000), (1, 2000), (3, 5000), (3, 5000)]
    assert offset_and_time(cluster.list_offset(topic, 5001)) == (-1, -1)
    assert offset_and_time(cluster.list_offset(topic, MAX_TIMESTAMP)) == (3, 5000)
    part = cluster.list_offset(topic, 2000)
    assert part["leader_epoch"] == cluster.partition(topic)["leader_epoch"]


def test_a_time_finds_the_record_inside_a_compressed_batch(cluster, topic):
    cluster.make(topic, configs={"compression.type": "zstd"})
    cluster.produce(topic, batch([b"a", b"b", b"c"], timestamps=[1000, 2000, 3000]))
    assert offset_and_time(cluster.list_offset(topic, 1500)) == (1, 2000)
    assert offset_and_time(cluster.list_offset(topic, MAX_TIMESTAMP)) == (2, 3000)


def test_version_0_lists_offsets_as_an_array(cluster, made):
    part = cluster.list_offset(made, LATEST, version=0, max_num_offsets=10)
    assert part["error_code"] == NONE
    assert part["old_style_offsets"][0] == 6

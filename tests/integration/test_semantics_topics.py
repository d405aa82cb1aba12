# SPDX-License-Identifier: Apache-2.0
"""Metadata, topics, settings and what operators ask of the region."""
import re
import time

import pytest

from kafka_cluster import (ELECTION_NOT_NEEDED, INVALID_CONFIG, INVALID_PARTITIONS,
                           INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR,
                           INVALID_REQUEST, INVALID_TOPIC_EXCEPTION, LEADER_NOT_AVAILABLE,
                           MISMATCHED_ENDPOINT_TYPE, NONE, NO_REASSIGNMENT_IN_PROGRESS,
                           OFFSET_OUT_OF_RANGE, REQUEST_TIMED_OUT, TOPIC_ALREADY_EXISTS,
                           UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, Cluster)
from kafka_wire import ZERO_ID, Connection, batch
from region import eventually, free_port

TOPIC, BROKER, LOGGER, GROUP = 2, 4, 8, 32
SET, DELETE, APPEND, SUBTRACT = range(4)
NOT_ASKED = -2147483648


# Metadata

def names(answer):
    return [one["name"] for one in answer["topics"]]


def test_no_topics_means_all_in_version_0_and_none_later(cluster, topic):
    cluster.make(topic)
    assert topic in names(cluster.call("Metadata", 0, topics=[]))
    for version in (1, 9, 12):
        assert cluster.call("Metadata", version, topics=[])["topics"] == []
        assert topic in names(cluster.call("Metadata", version, topics=None))


@pytest.mark.parametrize("version", [0, 3])
def test_before_version_4_a_named_topic_is_made(cluster, topic, version):
    first = cluster.call("Metadata", version, topics=[{"name": topic}])["topics"][0]
    assert first["error_code"] in (NONE, LEADER_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION)
    eventually(lambda: cluster.topic(topic)["error_code"] == NONE)


def test_a_named_topic_is_made_only_where_the_client_wants_it(cluster, topic):
    assert cluster.topic(topic)["error_code"] == UNKNOWN_TOPIC_OR_PARTITION
    assert cluster.topic(topic)["error_code"] == UNKNOWN_TOPIC_OR_PARTITION
    cluster.call("Metadata", 12, topics=[{"name": topic}], allow_auto_topic_creation=True)
    eventually(lambda: cluster.topic(topic)["error_code"] == NONE)


def test_a_created_topic_has_its_leaders_when_the_answer_comes(cluster, topic):
    for number in range(5):
        name = f"{topic}-{number}"
        assert cluster.create(name, partitions=4)["error_code"] == NONE
        told = cluster.call("Metadata", 12, topics=None)["topics"]  # which waits for nobody
        parts = next(one for one in told if one["name"] == name)["partitions"]
        assert [part["error_code"] for part in parts] == [NONE] * 4
        answer = cluster.call("CreatePartitions", 3, timeout_ms=15000, validate_only=False, topics=[
            {"name": name, "count": 8, "assignments": None}])
        assert answer["results"][0]["error_code"] == NONE
        told = cluster.call("Metadata", 12, topics=None)["topics"]
        parts = next(one for one in told if one["name"] == name)["partitions"]
        assert [part["error_code"] for part in parts] == [NONE] * 8


def test_no_topic_is_made_where_the_broker_forbids_it(own_region, topic):
    cluster = Cluster(own_region(brokers=1, settings=["auto.create.topics.enable=false"]))
    for _ in range(2):
        answer = cluster.call("Metadata", 3, topics=[{"name": topic}])
        assert answer["topics"][0]["error_code"] == UNKNOWN_TOPIC_OR_PARTITION
    cluster.close()


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "ä", "x" * 250])
def test_an_impossible_name_is_an_invalid_topic(cluster, name):
    answer = cluster.call("Metadata", 12, topics=[{"name": name}], allow_auto_topic_creation=True)
    assert answer["topics"][0]["error_code"] == INVALID_TOPIC_EXCEPTION
    assert cluster.create(name)["error_code"] == INVALID_TOPIC_EXCEPTION


def test_the_region_describes_itself(cluster):
    answer = cluster.call("Metadata", 8, topics=[])
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", answer["cluster_id"])
    assert answer["controller_id"] in cluster.region.node_ids
    assert answer["cluster_authorized_operations"] == NOT_ASKED
    found = {one["node_id"]: f"{one['host']}:{one['port']}" for one in answer["brokers"]}
    assert found == {one: cluster.region.address(one) for one in cluster.region.node_ids}
    asked = cluster.call("Metadata", 8, topics=[], include_cluster_authorized_operations=True)
    assert asked["cluster_authorized_operations"] != NOT_ASKED


def test_topics_are_found_by_id_and_ids_are_never_used_again(cluster, topic):
    first = cluster.make(topic)

    def find(topic_id):
        return cluster.call("Metadata", 12, topics=[{"topic_id": topic_id, "name": None}],
                            allow_auto_topic_creation=False)["topics"][0]

    assert (find(first)["error_code"], find(first)["name"]) == (NONE, topic)
    answer = cluster.call("DeleteTopics", 6, timeout_ms=5000,
                          topics=[{"name": topic, "topic_id": ZERO_ID}])
    assert answer["responses"][0]["error_code"] == NONE
    second = eventually(lambda: [cluster.make(topic)])[0]
    assert second not in (first, ZERO_ID)
    assert find(first)["error_code"] == UNKNOWN_TOPIC_ID
    assert find(second)["name"] == topic


def test_the_offsets_topic_is_internal_and_others_are_not(cluster, topic):
    cluster.make(topic)
    eventually(lambda: cluster.call("FindCoordinator", 3, key="any")["error_code"] == NONE)
    assert cluster.topic("__consumer_offsets")["is_internal"]
    found = cluster.topic(topic)
    assert not found["is_internal"]
    assert found["topic_authorized_operations"] == NOT_ASKED


def test_partitions_are_described_page_by_page(cluster, topic):
    other = f"{topic}-b"
    cluster.make(topic, partitions=3)
    cluster.make(other, partitions=2)
    found, cursor = [], None
    for _ in range(10):
        values = {"cursor": cursor} if cursor else {"cursor": None}
        answer = cluster.call("DescribeTopicPartitions", 0, response_partition_limit=2,
                              topics=[{"name": topic}, {"name": other}], **values)
        found += [(one["name"], part["partition_index"]) for one in answer["topics"]
                  for part in one["partitions"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert found == [(topic, 0), (topic, 1), (topic, 2), (other, 0), (other, 1)]
    answer = cluster.call("DescribeTopicPartitions", 0, response_partition_limit=100, cursor=None,
                          topics=[{"name": "no-such-topic"}])
    assert answer["topics"][0]["error_code"] == UNKNOWN_TOPIC_OR_PARTITION


# CreateTopics

def test_what_is_acknowledged_is_seen_on_every_broker(cluster, topic):
    for number in range(5):
        name = f"{topic}-{number}"
        assert cluster.create(name)["error_code"] == NONE
        for node_id in cluster.region.node_ids:
            assert cluster.topic(name, node_id)["error_code"] == NONE


def test_defaults_are_the_brokers_and_told(cluster, topic):
    made = cluster.create(topic, partitions=-1, factor=-1, configs={"retention.ms": 12345})
    assert made["error_code"] == NONE
    assert made["num_partitions"] == len(cluster.topic(topic)["partitions"])
    assert made["replication_factor"] == len(cluster.partition(topic)["replica_nodes"])
    settings = {one["name"]: (one["value"], one["config_source"]) for one in made["configs"]}
    assert settings["retention.ms"] == ("12345", 1)
    assert settings["cleanup.policy"] == ("delete", 5)
    assert made["topic_id"] != ZERO_ID


@pytest.mark.parametrize("error,options", [
    (INVALID_PARTITIONS, {"partitions": 0}), (INVALID_PARTITIONS, {"partitions": -2}),
    (INVALID_REPLICATION_FACTOR, {"factor": 0}), (INVALID_REPLICATION_FACTOR, {"factor": 4}),
    (INVALID_CONFIG, {"configs": {"no.such.setting": 1}}),
    (INVALID_CONFIG, {"configs": {"retention.ms": "soon"}}),
    (INVALID_CONFIG, {"configs": {"cleanup.policy": "compact"}}),
    (INVALID_REPLICA_ASSIGNMENT, {"partitions": -1, "factor": -1, "assignments": [
        {"partition_index": 1, "broker_ids": [0]}]}),
    (INVALID_REPLICA_ASSIGNMENT, {"partitions": -1, "factor": -1, "assignments": [
        {"partition_index": 0, "broker_ids": [0, 0]}]}),
    (INVALID_REPLICA_ASSIGNMENT, {"partitions": -1, "factor": -1, "assignments": [
        {"partition_index": 0, "broker_ids": [77]}]}),
    (INVALID_REQUEST, {"partitions": 2, "factor": 1, "assignments": [
        {"partition_index": 0, "broker_ids": [0]}]}),
], ids=lambda value: None if isinstance(value, dict) else str(value))
@pytest.mark.parametrize("validate_only", [False, True])
def test_a_topic_is_refused_with_kafkas_error(cluster, topic, error, options, validate_only):
    made = cluster.create(topic, validate_only=validate_only, **options)
    assert made["error_code"] == error, made["error_message"]
    assert made["error_message"]
    assert cluster.topic(topic)["error_code"] == UNKNOWN_TOPIC_OR_PARTITION


def test_good_and_bad_topics_of_one_request_are_told_apart(cluster, topic):
    def one(name, count=1):
        return {"name": name, "num_partitions": count, "replication_factor": 1}

    answer = cluster.call("CreateTopics", 7, timeout_ms=5000, topics=[
        one(topic), one(f"{topic}-bad", 0), one(f"{topic}-twice"), one(f"{topic}-twice")])
    errors = {}
    for made in answer["topics"]:
        errors.setdefault(made["name"], set()).add(made["error_code"])
    assert errors == {topic: {NONE}, f"{topic}-bad": {INVALID_PARTITIONS},
                      f"{topic}-twice": {INVALID_REQUEST}}
    assert cluster.create(topic)["error_code"] == TOPIC_ALREADY_EXISTS
    assert cluster.create(topic, validate_only=True)["error_code"] == TOPIC_ALREADY_EXISTS
    assert cluster.topic(f"{topic}-twice")["error_code"] == UNKNOWN_TOPIC_OR_PARTITION


def test_names_that_differ_in_dots_and_underscores_collide(cluster, topic):
    assert cluster.create(f"{topic}.a_b")["error_code"] == NONE
    assert cluster.create(f"{topic}_a.b")["error_code"] == INVALID_TOPIC_EXCEPTION


def test_a_valid_topic_is_not_made_by_validation(cluster, topic):
    assert cluster.create(topic, validate_only=True)["error_code"] == NONE
    assert cluster.topic(topic)["error_code"] == UNKNOWN_TOPIC_OR_PARTITION


# other changes of topics

def test_partitions_are_only_added(cluster, topic):
    cluster.make(topic, partitions=2)

    def grow(count, name=topic, **more):
        answer = cluster.call("CreatePartitions", 3, timeout_ms=5000, topics=[
            {"name": name, "count": count, "assignments": None}], **more)
        assert [one["name"] for one in answer["results"]] == [name]
        return answer["results"][0]["error_code"]

    assert grow(2) == grow(1) == grow(0) == grow(-1) == INVALID_PARTITIONS
    assert grow(4, validate_only=True) == NONE
    assert len(cluster.topic(topic)["partitions"]) == 2
    assert grow(4) == NONE
    assert len(cluster.topic(topic)["partitions"]) == 4
    assert grow(4, "no-such-topic") == UNKNOWN_TOPIC_OR_PARTITION


def test_topics_are_deleted_by_name_or_id(cluster, topic):
    topic_id = cluster.make(topic)

    def delete(name=None, some_id=ZERO_ID):
        answer = cluster.call("DeleteTopics", 6, timeout_ms=5000,
                              topics=[{"name": name, "topic_id": some_id}])
        return answer["responses"][0]["error_code"]

    assert delete("no-such-topic") == UNKNOWN_TOPIC_OR_PARTITION
    assert delete(None, b"\7" * 16) == UNKNOWN_TOPIC_ID
    assert delete(None, topic_id) == NONE
    assert cluster.topic(topic)["error_code"] == UNKNOWN_TOPIC_OR_PARTITION
    assert delete(None, topic_id) == UNKNOWN_TOPIC_ID
    cluster.make(topic)
    assert delete(topic) == NONE


def test_records_are_deleted_up_to_an_offset_or_the_high_watermark(cluster, topic):
    cluster.make(topic)
    cluster.produce(topic, batch([b"x"] * 5))

    def delete(offset, name=topic, index=0):
        answer = cluster.call("DeleteRecords", 2, cluster.leader(topic), timeout_ms=5000, topics=[
            {"name": name, "partitions": [{"partition_index": index, "offset": offset}]}])
        part = answer["topics"][0]["partitions"][0]
        return part["error_code"], part["low_watermark"]

    assert delete(6)[0] == OFFSET_OUT_OF_RANGE
    assert delete(-2)[0] == OFFSET_OUT_OF_RANGE
    assert delete(2) == (NONE, 2)
    assert delete(1) == (NONE, 2)
    assert delete(-1) == (NONE, 5)
    assert delete(0, "no-such-topic")[0] == UNKNOWN_TOPIC_OR_PARTITION
    assert delete(0, topic, 9)[0] == UNKNOWN_TOPIC_OR_PARTITION


# settings

def alter(cluster, name, *changes, kind=TOPIC, validate_only=False, times=1):
    resource = {"resource_type": kind, "resource_name": name, "configs": [
        {"name": key, "config_operation": how, "value": value} for key, how, value in changes]}
    answer = cluster.call("IncrementalAlterConfigs", 1, resources=[resource] * times,
                          validate_only=validate_only)
    return answer["responses"][0]["error_code"]


def describe(cluster, name, keys=None, kind=TOPIC, node_id=None):
    answer = cluster.call("DescribeConfigs", 4, node_id, include_synonyms=True, resources=[
        {"resource_type": kind, "resource_name": name, "configuration_keys": keys}])
    result = answer["results"][0]
    return result["error_code"], {one["name"]: one for one in result["configs"]}


def value(cluster, name, key):
    one = describe(cluster, name, [key])[1][key]
    return one["value"], one["config_source"]


def test_settings_are_set_and_taken_back(cluster, topic):
    cluster.make(topic)
    assert alter(cluster, topic, ("retention.ms", SET, "5000")) == NONE
    for node_id in cluster.region.node_ids:
        one = describe(cluster, topic, ["retention.ms"], node_id=node_id)[1]["retention.ms"]
        assert one["value"] == "5000"
    assert value(cluster, topic, "retention.ms") == ("5000", 1)
    assert alter(cluster, topic, ("retention.ms", DELETE, None)) == NONE
    assert value(cluster, topic, "retention.ms") == ("604800000", 5)


def test_lists_are_appended_to_and_subtracted_from(cluster, topic):
    cluster.make(topic)
    key = "leader.replication.throttled.replicas"
    assert alter(cluster, topic, (key, SET, "0:0")) == NONE
    assert alter(cluster, topic, (key, APPEND, "0:1,0:0")) == NONE
    assert value(cluster, topic, key)[0] == "0:0,0:1"
    assert alter(cluster, topic, (key, SUBTRACT, "0:0")) == NONE
    assert value(cluster, topic, key)[0] == "0:1"
    assert alter(cluster, topic, ("retention.ms", APPEND, "1")) == INVALID_CONFIG
    assert alter(cluster, topic, ("retention.ms", SUBTRACT, "1")) == INVALID_CONFIG


def test_settings_are_refused_with_kafkas_error(cluster, topic):
    cluster.make(topic)
    assert alter(cluster, topic, ("no.such.key", SET, "1")) == INVALID_CONFIG
    assert alter(cluster, topic, ("retention.ms", SET, "soon")) == INVALID_CONFIG
    assert alter(cluster, topic, ("retention.ms", SET, None)) in (INVALID_CONFIG, INVALID_REQUEST)
    assert alter(cluster, topic, ("retention.ms", SET, "1"),
                 ("retention.ms", SET, "2")) == INVALID_REQUEST
    assert alter(cluster, topic, ("retention.ms", SET, "1"), times=2) == INVALID_REQUEST
    assert alter(cluster, "no-such-topic", ("retention.ms", SET, "1")) == \
        UNKNOWN_TOPIC_OR_PARTITION
    assert alter(cluster, topic, ("retention.ms", SET, "1"), validate_only=True) == NONE
    assert value(cluster, topic, "retention.ms") == ("604800000", 5)


@pytest.mark.parametrize("node_id", ["0", ""])
def test_a_broker_keeps_keys_that_only_a_plug_in_knows(cluster, node_id):
    """As Kafka 4.3.1: write them, do not read them back; ours alone are all known."""
    def broker(*changes):
        return alter(cluster, node_id, *changes, kind=BROKER)

    def keys():
        return [(key, one["value"], one["read_only"], one["is_sensitive"], one["config_source"])
                for key, one in describe(cluster, node_id, kind=BROKER)[1].items()
                if key.startswith("some.plugin")]

    assert broker(("some.plugin.key", SET, "x")) == NONE
    assert keys() == [("some.plugin.key", None, True, True, 2 if node_id else 3)]
    assert broker(("some.plugin.list", APPEND, "x")) == INVALID_CONFIG
    assert broker(("gyre.no.such.key", SET, "x")) == INVALID_CONFIG
    assert broker(("node.id", SET, "7")) == INVALID_REQUEST
    assert broker(("listener.name.l.no.such.key", SET, "x")) == (
        NONE if node_id else INVALID_REQUEST)
    assert broker(*((f"some.plugin.{i}", SET, "x") for i in range(501))) == INVALID_CONFIG
    assert broker(("some.plugin.key", DELETE, None),
                  ("listener.name.l.no.such.key", DELETE, None)) == NONE
    assert keys() == []


def test_the_older_way_replaces_all_settings(cluster, topic):
    cluster.make(topic, configs={"retention.ms": 1000, "segment.bytes": 2 << 20})
    for validate_only in (True, False):
        answer = cluster.call("AlterConfigs", 2, validate_only=validate_only, resources=[
            {"resource_type": TOPIC, "resource_name": topic,
             "configs": [{"name": "retention.bytes", "value": "777"}]}])
        assert answer["responses"][0]["error_code"] == NONE
        assert value(cluster, topic, "retention.ms") == \
            (("1000", 1) if validate_only else ("604800000", 5))
    assert value(cluster, topic, "retention.bytes") == ("777", 1)
    assert value(cluster, topic, "segment.bytes")[1] == 5


def test_all_settings_are_described_with_what_stands_behind_them(cluster, topic):
    cluster.make(topic, configs={"retention.ms": 1000})
    error, found = describe(cluster, topic)
    assert error == NONE
    assert {"cleanup.policy", "min.insync.replicas", "segment.bytes", "compression.type",
            "max.message.bytes", "message.timestamp.type"} <= set(found)
    one = found["retention.ms"]
    # What Kafka finds under log.retention.hours it does not tell.
    assert [synonym["source"] for synonym in one["synonyms"]] == [1]
    assert found["max.message.bytes"]["synonyms"][-1]["source"] == 5
    assert one["config_type"] == 5
    assert [key for key, one in found.items() if one["config_source"] == 1] == ["retention.ms"]
    assert set(describe(cluster, topic, ["retention.ms", "no.such.key"])[1]) == {"retention.ms"}
    assert describe(cluster, "no-such-topic")[0] == UNKNOWN_TOPIC_OR_PARTITION


def test_brokers_are_shown_at_the_listener_on_which_the_client_came(own_region):
    port = free_port(1)
    region = own_region(brokers=1, port=port, settings=[
        f"listeners=INSIDE://127.0.0.1:{port},OUTSIDE://127.0.0.1:{port + 1}",
        f"advertised.listeners=INSIDE://127.0.0.1:{port},OUTSIDE://127.0.0.2:{port + 1}",
        "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT"])
    assert region.address(0) == f"127.0.0.1:{port}"
    for host, more in (("127.0.0.1", 0), ("127.0.0.2", 1)):
        with Connection(f"127.0.0.1:{port + more}") as client:
            told = client.call("Metadata", 12, topics=[])["brokers"]
            assert [(one["host"], one["port"]) for one in told] == [(host, port + more)]
            told = client.call("DescribeCluster", 1)["brokers"]
            assert [(one["host"], one["port"]) for one in told] == [(host, port + more)]
            told = client.call("FindCoordinator", 4, key_type=0, coordinator_keys=["g"])
            assert all((one["host"], one["port"]) in ((host, port + more), ("", -1))
                       for one in told["coordinators"])


def test_a_secret_is_never_described(own_region):
    cluster = Cluster(own_region(brokers=1, settings=["ssl.keystore.password=geheim-7"]))
    error, told = describe(cluster, "0", kind=BROKER)
    assert error == NONE and "geheim-7" not in str(told)
    secret = told["ssl.keystore.password"]
    assert (secret["value"], secret["is_sensitive"]) == (None, True)
    assert all(one["value"] is None for one in secret["synonyms"])
    assert not told["num.partitions"]["is_sensitive"]
    cluster.close()


def test_options_of_brokers_change_while_they_run_or_are_refused(own_region):
    region = own_region(brokers=2)
    cluster = Cluster(region)
    assert describe(cluster, "0", ["max.connections"], BROKER)[1]["max.connections"]["value"] == \
        "10000"
    assert alter(cluster, "", ("max.connections", SET, "2"), kind=BROKER) == NONE
    others = [cluster.connect(node_id) for node_id in (0, 1)]
    waiting = []
    for node_id in (0, 1):
        assert cluster.call("ApiVersions", 0, node_id)["error_code"] == NONE
        waiting.append(cluster.connect(node_id))
        eventually(lambda broker=node_id: region.metric(broker, "gyre_listeners_full") == 1)
    assert alter(cluster, "1", ("max.connections", SET, "9"), kind=BROKER) == NONE
    assert waiting[1].call("ApiVersions", 0)["error_code"] == NONE
    assert region.metric(0, "gyre_listeners_full") == 1
    assert alter(cluster, "", ("max.connections", DELETE, None), kind=BROKER) == NONE
    assert waiting[0].call("ApiVersions", 0)["error_code"] == NONE
    for key, new in (("broker.rack", "x"), ("node.id", "7"), ("process.roles", "broker"),
                     ("listeners", "A://:1"), ("max.connections", "all")):
        for name in ("", "0"):
            assert alter(cluster, name, (key, SET, new), kind=BROKER) == INVALID_REQUEST
    for one in others + waiting:
        one.socket.close()
    cluster.close()


def test_loggers_have_levels_that_can_be_changed(cluster):
    error, loggers = describe(cluster, "0", kind=LOGGER)
    assert error == NONE and loggers["raft"]["value"] == "INFO"
    assert alter(cluster, "0", ("raft", SET, "DEBUG"), kind=LOGGER) == NONE
    assert describe(cluster, "0", ["raft"], LOGGER)[1]["raft"]["value"] == "DEBUG"
    assert alter(cluster, "0", ("raft", DELETE, None), kind=LOGGER) == NONE
    assert describe(cluster, "0", ["raft"], LOGGER)[1]["raft"]["value"] == "INFO"
    assert alter(cluster, "0", ("raft", SET, "LOUD"), kind=LOGGER) == INVALID_CONFIG
    assert alter(cluster, "0", ("nobody", SET, "INFO"), kind=LOGGER) == INVALID_CONFIG
    assert alter(cluster, "0", ("raft", APPEND, "INFO"), kind=LOGGER) == INVALID_REQUEST
    assert alter(cluster, "1", ("raft", SET, "INFO"), kind=LOGGER) == INVALID_REQUEST


def test_a_setting_of_all_brokers_stands_behind_the_topics(cluster, topic):
    cluster.make(topic)
    assert alter(cluster, "", ("log.retention.ms", SET, "424242"), kind=BROKER) == NONE
    assert value(cluster, topic, "retention.ms") == ("424242", 3)
    assert alter(cluster, "", ("log.retention.ms", DELETE, None), kind=BROKER) == NONE
    assert value(cluster, topic, "retention.ms") == ("604800000", 5)


def test_a_broker_describes_itself_only(cluster):
    first, second = cluster.region.node_ids[:2]
    error, found = describe(cluster, str(first), kind=BROKER, node_id=first)
    assert error == NONE and found["node.id"]["value"] == str(first)
    assert describe(cluster, str(first), kind=BROKER, node_id=second)[0] == INVALID_REQUEST


def test_a_group_has_settings_before_it_exists(cluster):
    key = "consumer.session.timeout.ms"
    assert alter(cluster, "group-of-settings", (key, SET, "50000"), kind=GROUP) == NONE
    one = describe(cluster, "group-of-settings", kind=GROUP)[1][key]
    assert (one["value"], one["config_source"]) == ("50000", 8)


def test_small_segments_may_be_asked_for_by_kafkas_internal_key(cluster, topic):
    made = cluster.create(topic, configs={"internal.segment.bytes": 100000})
    assert made["error_code"] == NONE
    assert value(cluster, topic, "internal.segment.bytes") == ("100000", 1)
    assert alter(cluster, topic, ("segment.bytes", SET, "1000")) == INVALID_CONFIG


# the region

def test_elections_are_answered_partition_by_partition(cluster, topic):
    cluster.make(topic)

    def elect(name, index=0, kind=0, timeout_ms=5000):
        return cluster.call("ElectLeaders", 2, election_type=kind, timeout_ms=timeout_ms,
                            topic_partitions=[{"topic": name, "partitions": [index]}])

    preferred = cluster.partition(topic)["replica_nodes"][0]
    eventually(lambda: cluster.leader(topic) == preferred)
    part = elect(topic)["replica_election_results"][0]["partition_result"][0]
    assert part["error_code"] == ELECTION_NOT_NEEDED
    part = elect(topic, 9)["replica_election_results"][0]["partition_result"][0]
    assert part["error_code"] == UNKNOWN_TOPIC_OR_PARTITION
    answer = elect(topic, timeout_ms=0)
    assert answer["error_code"] == REQUEST_TIMED_OUT
    part = elect(topic, kind=1)["replica_election_results"][0]["partition_result"][0]
    assert part["error_code"] == ELECTION_NOT_NEEDED


def test_reassignments_are_refused_where_there_is_none(cluster, topic):
    cluster.make(topic)

    def assign(name, index, replicas):
        answer = cluster.call("AlterPartitionReassignments", 0, timeout_ms=5000, topics=[
            {"name": name, "partitions": [{"partition_index": index, "replicas": replicas}]}])
        assert answer["error_code"] == NONE
        return answer["responses"][0]["partitions"][0]["error_code"]

    assert assign(topic, 0, None) == NO_REASSIGNMENT_IN_PROGRESS
    assert assign(topic, 9, [0]) == UNKNOWN_TOPIC_OR_PARTITION
    for bad in ([], [0, 0], [99], [-1]):
        assert assign(topic, 0, bad) == INVALID_REPLICA_ASSIGNMENT
    answer = cluster.call("ListPartitionReassignments", 0, timeout_ms=5000, topics=None)
    assert answer["error_code"] == NONE
    assert topic not in [one["name"] for one in answer["topics"]]


def test_a_reassignment_moves_the_replicas(cluster, topic):
    first, second, third = cluster.region.node_ids
    cluster.make(topic, partitions=-1, factor=-1, assignments=[
        {"partition_index": 0, "broker_ids": [first, second]}])
    cluster.produce(topic, batch([b"x"]))
    answer = cluster.call("AlterPartitionReassignments", 0, timeout_ms=5000, topics=[
        {"name": topic, "partitions": [{"partition_index": 0, "replicas": [second, third]}]}])
    assert answer["responses"][0]["partitions"][0]["error_code"] == NONE
    eventually(lambda: cluster.partition(topic)["replica_nodes"] == [second, third])
    eventually(lambda: cluster.leader(topic) in (second, third))
    eventually(lambda: cluster.fetch(topic, 0)["high_watermark"] == 1)


def reassign(cluster, topic, replicas):
    answer = cluster.call("AlterPartitionReassignments", 0, timeout_ms=5000, topics=[
        {"name": topic, "partitions": [{"partition_index": 0, "replicas": replicas}]}])
    return answer["responses"][0]["partitions"][0]["error_code"]


def is_at_rest(cluster, topic):
    answer = cluster.call("ListPartitionReassignments", 0, timeout_ms=5000, topics=None)
    return topic not in [one["name"] for one in answer["topics"]]


def test_a_reassignment_that_is_called_off_or_changed_loses_nothing(cluster, topic):
    """Whenever that happens: the only replica may have moved already, or be about to."""
    first, second, third = cluster.region.node_ids
    cluster.make(topic, partitions=-1, factor=-1, assignments=[
        {"partition_index": 0, "broker_ids": [first]}])
    for number in range(16):
        eventually(lambda: cluster.partition(topic)["error_code"] == NONE)
        eventually(lambda: cluster.produce(topic, batch([b"x"]))["error_code"] == NONE)
        assert reassign(cluster, topic, [second]) == NONE
        time.sleep(0.015 * number)
        if number % 2 == 0:
            assert reassign(cluster, topic, None) in (NONE, NO_REASSIGNMENT_IN_PROGRESS)
        else:
            assert reassign(cluster, topic, [third]) == NONE
            eventually(lambda: cluster.partition(topic)["replica_nodes"] == [third])
            eventually(lambda: is_at_rest(cluster, topic))
        eventually(lambda: reassign(cluster, topic, [first]) == NONE)
        eventually(lambda: cluster.partition(topic)["replica_nodes"] == [first])
        eventually(lambda: is_at_rest(cluster, topic))
        eventually(lambda: cluster.fetch(topic, 0)["high_watermark"] == number + 1)


def test_log_dirs_tell_sizes(cluster, topic):
    cluster.make(topic, factor=3)
    cluster.produce(topic, batch([b"x" * 1000]))
    for wanted in (None, [{"topic": topic, "partitions": [0]}]):
        result, = cluster.call("DescribeLogDirs", 4, cluster.leader(topic),
                               topics=wanted)["results"]
        assert result["error_code"] == NONE
        assert result["total_bytes"] >= result["usable_bytes"] > 0
        sizes = {one["name"]: one["partitions"][0]["partition_size"] for one in result["topics"]}
        assert sizes[topic] >= 1000


def test_the_cluster_describes_its_brokers_not_controllers(cluster):
    answer = cluster.call("DescribeCluster", 1, endpoint_type=1)
    assert answer["error_code"] == NONE
    assert sorted(one["broker_id"] for one in answer["brokers"]) == cluster.region.node_ids
    assert answer["cluster_id"] == cluster.call("Metadata", 12, topics=[])["cluster_id"]
    assert cluster.call("DescribeCluster", 1, endpoint_type=2)["error_code"] == \
        MISMATCHED_ENDPOINT_TYPE

# SPDX-License-Identifier: Apache-2.0
"""Moves of replicas that take long enough to be looked at: throttled, cancelled, replaced."""
import time

import pytest

from kafka_cluster import NONE
from kafka_wire import batch
from region import eventually

TOPIC, BROKER = 2, 4
SET, DELETE = 0, 1
LEADER_RATE = "leader.replication.throttled.rate"
FOLLOWER_RATE = "follower.replication.throttled.rate"
LEADER_REPLICAS = "leader.replication.throttled.replicas"
FOLLOWER_REPLICAS = "follower.replication.throttled.replicas"

MIB = 1 << 20
BATCHES = 24
RATE = MIB // 2
"""A batch takes so long that a throttled move is under way for a while."""


def alter(cluster, kind, name, changes):
    """None takes a setting back."""
    configs = [{"name": key, "config_operation": DELETE if value is None else SET,
                "value": None if value is None else str(value)} for key, value in changes.items()]
    answer = cluster.call("IncrementalAlterConfigs", 1, validate_only=False, resources=[
        {"resource_type": kind, "resource_name": str(name), "configs": configs}])
    assert answer["responses"][0]["error_code"] == NONE, answer


def throttle(cluster, topic, leader_rate=RATE, follower_rate=RATE):
    for node_id in cluster.region.node_ids:
        alter(cluster, BROKER, node_id, {LEADER_RATE: leader_rate, FOLLOWER_RATE: follower_rate})
    alter(cluster, TOPIC, topic, {LEADER_REPLICAS: "*", FOLLOWER_REPLICAS: "*"})


def unthrottle(cluster, topic=None):
    for node_id in cluster.region.node_ids:
        alter(cluster, BROKER, node_id, {LEADER_RATE: None, FOLLOWER_RATE: None})
    if topic is not None:
        alter(cluster, TOPIC, topic, {LEADER_REPLICAS: None, FOLLOWER_REPLICAS: None})


def assign(cluster, topic, replicas):
    answer = cluster.call("AlterPartitionReassignments", 0, timeout_ms=10000, topics=[
        {"name": topic, "partitions": [{"partition_index": 0, "replicas": replicas}]}])
    assert answer["error_code"] == NONE
    return answer["responses"][0]["partitions"][0]["error_code"]


def moving(cluster, topic):
    """What comes and what goes; None: nothing moves."""
    answer = cluster.call("ListPartitionReassignments", 0, timeout_ms=10000, topics=None)
    for one in answer["topics"]:
        if one["name"] == topic:
            part = one["partitions"][0]
            return part["adding_replicas"], part["removing_replicas"]
    return None


def held(cluster, topic, node_id):
    """Bytes that a broker has of the partition; None: no replica."""
    result, = cluster.call("DescribeLogDirs", 4, node_id,
                           topics=[{"topic": topic, "partitions": [0]}])["results"]
    sizes = [part["partition_size"] for one in result["topics"] for part in one["partitions"]]
    return sizes[0] if sizes else None


def fill(cluster, topic, replicas, count=BATCHES):
    cluster.make(topic, partitions=-1, factor=-1, assignments=[
        {"partition_index": 0, "broker_ids": replicas}],
        configs={"max.message.bytes": 2 * MIB})
    records = batch([b"x" * (MIB // 2)])
    for _ in range(count):
        assert cluster.produce(topic, records)["error_code"] == NONE


@pytest.mark.parametrize("side", ["leader", "follower", "both"])
def test_a_throttled_move_takes_its_time_until_the_throttle_goes(cluster, topic, side):
    first, second, _ = cluster.region.node_ids
    fill(cluster, topic, [first])
    throttle(cluster, topic, leader_rate=RATE if side != "follower" else 1 << 40,
             follower_rate=RATE if side != "leader" else 1 << 40)
    begin = time.monotonic()
    assert assign(cluster, topic, [second]) == NONE
    eventually(lambda: (held(cluster, topic, second) or 0) > 2 * MIB)
    took = time.monotonic() - begin
    assert moving(cluster, topic) == ([second], [first])
    so_far = held(cluster, topic, second)
    assert so_far < BATCHES * MIB // 2
    assert took > 1, f"{so_far} bytes in {took} s"
    begin = time.monotonic()
    assert cluster.produce(topic, batch([b"live"]))["error_code"] == NONE
    assert time.monotonic() - begin < 2
    unthrottle(cluster, topic)
    eventually(lambda: moving(cluster, topic) is None)
    assert cluster.partition(topic)["replica_nodes"] == [second]
    assert cluster.fetch(topic, 0)["high_watermark"] == BATCHES + 1
    eventually(lambda: held(cluster, topic, first) is None)

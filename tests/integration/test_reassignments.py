# SPDX-License-Identifier: Apache-2.0
"""Moves of replicas that take long enough to be looked at: throttled, cancelled, replaced."""
import time

import pytest

from kafka_cluster import NO_REASSIGNMENT_IN_PROGRESS, NONE
from kafka_wire import batch
from region import PATIENCE, eventually

TOPIC, BROKER = 2, 4
SET, DELETE = 0, 1
PREFERRED = 0
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


def begin_slowly(cluster, topic, replicas, targets):
    """A move that is under way and will not end while the throttle holds."""
    fill(cluster, topic, replicas)
    throttle(cluster, topic)
    assert assign(cluster, topic, targets) == NONE
    for node_id in set(targets) - set(replicas):
        eventually(lambda node_id=node_id: (held(cluster, topic, node_id) or 0) > 0)
    assert moving(cluster, topic) is not None


def is_whole(cluster, topic, count=BATCHES):
    answer = cluster.produce(topic, batch([b"after"]))
    assert answer["error_code"] == NONE, answer
    assert cluster.fetch(topic, 0)["high_watermark"] == count + 1
    return True


@pytest.mark.parametrize("factor", [1, 2])
def test_a_move_that_is_called_off_leaves_all_where_it_was(cluster, topic, factor):
    *replicas, target = cluster.region.node_ids[-factor - 1:]
    begin_slowly(cluster, topic, replicas, [target] + replicas[1:])
    assert assign(cluster, topic, None) == NONE
    assert moving(cluster, topic) is None
    assert cluster.partition(topic)["replica_nodes"] == replicas
    eventually(lambda: held(cluster, topic, target) is None)
    assert assign(cluster, topic, None) == NO_REASSIGNMENT_IN_PROGRESS
    assert is_whole(cluster, topic)
    assert all(held(cluster, topic, node_id) for node_id in replicas)
    unthrottle(cluster, topic)
    assert assign(cluster, topic, [target]) == NONE
    eventually(lambda: cluster.partition(topic)["replica_nodes"] == [target])
    assert is_whole(cluster, topic, BATCHES + 1)


def test_a_move_is_replaced_by_another(cluster, topic):
    first, second, third = cluster.region.node_ids
    begin_slowly(cluster, topic, [first], [second])
    assert assign(cluster, topic, [third]) == NONE
    assert moving(cluster, topic) == ([third], [first])
    eventually(lambda: (held(cluster, topic, third) or 0) > 0)
    so_far = held(cluster, topic, second)
    eventually(lambda: held(cluster, topic, third) > MIB)
    assert held(cluster, topic, second) < so_far + MIB, "it is fed in vain"
    unthrottle(cluster, topic)
    eventually(lambda: cluster.partition(topic)["replica_nodes"] == [third])
    eventually(lambda: held(cluster, topic, first) is None)
    eventually(lambda: held(cluster, topic, second) is None)
    assert is_whole(cluster, topic)


def test_a_target_that_dies_holds_nothing_up_and_keeps_nothing(own_region, connect, topic):
    region = own_region(brokers=3)
    cluster = connect(region)
    first, second, third = region.node_ids
    begin_slowly(cluster, topic, [first, second], [first, third])
    region.kill(third)
    time.sleep(1)
    assert moving(cluster, topic) == ([third], [second])
    assert cluster.produce(topic, batch([b"live"]))["error_code"] == NONE
    assert assign(cluster, topic, None) == NONE
    assert moving(cluster, topic) is None
    region.start(third)
    eventually(lambda: held(connect(region), topic, third) is None)
    assert is_whole(cluster, topic, BATCHES + 1)


def elect_preferred(cluster, topic):
    answer = cluster.call("ElectLeaders", 2, election_type=PREFERRED, timeout_ms=10000,
                          topic_partitions=[{"topic": topic, "partitions": [0]}])
    return answer["replica_election_results"][0]["partition_result"][0]["error_code"]


def test_leadership_moves_while_a_new_replica_catches_up(own_region, connect, topic):
    region = own_region(brokers=3)
    cluster = connect(region)
    first, second, third = region.node_ids
    begin_slowly(cluster, topic, [first, second], [first, third])
    throttle(cluster, topic, RATE // 8, RATE // 8)
    assert cluster.leader(topic) == first
    begin = time.monotonic()
    region.kill(first, "TERM")
    assert time.monotonic() - begin < 10 * PATIENCE
    assert "leaderships_left=0" in (region.home(first) / "gyred.log").read_text(errors="replace")
    eventually(lambda: cluster.topic(topic, second)["partitions"][0]["leader_id"] == second)
    region.start(first)
    cluster = connect(region)
    assert cluster.leader(topic) == second
    eventually(lambda: elect_preferred(cluster, topic) == NONE)
    eventually(lambda: cluster.leader(topic) == first)
    assert moving(cluster, topic) == ([third], [second])
    unthrottle(cluster, topic)
    eventually(lambda: cluster.partition(topic)["replica_nodes"] == [first, third], timeout=30)
    assert is_whole(cluster, topic)


def test_a_move_goes_on_with_a_target_that_comes_back(own_region, connect, topic):
    region = own_region(brokers=3)
    cluster = connect(region)
    first, second, third = region.node_ids
    begin_slowly(cluster, topic, [first, second], [first, third])
    for victim in (third, first):
        region.kill(victim)
        region.start(victim)
    cluster = connect(region)
    unthrottle(cluster, topic)
    eventually(lambda: cluster.partition(topic)["replica_nodes"] == [first, third], timeout=30)
    eventually(lambda: held(cluster, topic, second) is None)
    assert is_whole(cluster, topic)


def test_a_broker_ends_in_order_while_the_catalog_cannot_be_told_of_a_move(own_region, connect,
                                                                            topic):
    """The move's answer comes when what asked is gone: sanitizers see whether it is looked for."""
    region = own_region(brokers=4)
    cluster = connect(region)
    leader = region.node_ids[0]  # the founder
    quorum = cluster.call("DescribeQuorum", 2, topics=[
        {"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}])
    voters = {one["replica_id"]
              for one in quorum["topics"][0]["partitions"][0]["current_voters"]}
    target, = set(region.node_ids) - voters
    begin_slowly(cluster, topic, [leader], [leader, target])
    for node_id in voters - {leader}:
        region.kill(node_id)
    eventually(lambda: sorted(cluster.partition(topic)["isr_nodes"]) == [leader, target], 60)
    log = region.home(leader) / "gyred.log"
    region.kill(leader, "TERM")
    eventually(lambda: "message=stopped" in log.read_text().splitlines()[-1], 60)

# SPDX-License-Identifier: Apache-2.0
"""What clients see of a region whose brokers die and come back."""
import re
import time

import pytest

from kafka_cluster import (INVALID_REPLICATION_FACTOR, NONE, NOT_ENOUGH_REPLICAS, PREFERRED_LEADER_NOT_AVAILABLE,
                           REQUEST_TIMED_OUT, Cluster)
from kafka_wire import Closed, batch
from region import eventually


class Survivors(Cluster):
    """Asks only brokers that live, each time over a new connection after a death."""

    def __init__(self, region):
        super().__init__(region)
        self.dead = set()

    def any(self, node_id):
        return next(one for one in self.region.node_ids if one not in self.dead) \
            if node_id is None else node_id

    def kill(self, node_id):
        self.region.kill(node_id)
        self.dead.add(node_id)
        self.forget(node_id)

    def start(self, node_id):
        self.region.start(node_id)
        self.dead.discard(node_id)

    def forget(self, node_id):
        if node_id in self.connections:
            self.connections.pop(node_id).socket.close()

    def placed(self, topic, leader, **options):
        """A topic of one partition whose preferred leader is this one."""
        others = [one for one in self.region.node_ids if one != leader]
        self.make(topic, partitions=-1, factor=-1, **options, assignments=[
            {"partition_index": 0, "broker_ids": [leader, *others]}])
        eventually(lambda: self.leader(topic) == leader)


@pytest.fixture(name="cluster")
def make_cluster(own_region):
    cluster = Survivors(own_region(brokers=3))
    yield cluster
    cluster.close()


def test_an_election_raises_the_epoch_and_loses_nothing(cluster, topic):
    cluster.placed(topic, 2)
    for number in range(5):
        assert cluster.produce(topic, batch([b"x"]))["base_offset"] == number
    old = cluster.partition(topic)["leader_epoch"]
    cluster.kill(2)
    eventually(lambda: cluster.leader(topic) in (0, 1))
    new = cluster.partition(topic)["leader_epoch"]
    assert new > old
    part = eventually(lambda: [one for one in [cluster.fetch(topic, 5)]
                               if one["error_code"] == NONE])[0]
    assert part["high_watermark"] == 5
    assert cluster.produce(topic, batch([b"x"]))["base_offset"] == 5
    answer = cluster.call("OffsetForLeaderEpoch", 4, cluster.leader(topic), replica_id=-1, topics=[
        {"topic": topic, "partitions": [{"partition": 0, "leader_epoch": old}]}])
    part = answer["topics"][0]["partitions"][0]
    assert (part["error_code"], part["leader_epoch"], part["end_offset"]) == (NONE, old, 5)


def test_replicas_on_dead_brokers_are_offline(cluster, topic):
    cluster.placed(topic, 0)
    assert cluster.partition(topic)["offline_replicas"] == []
    cluster.kill(2)
    eventually(lambda: cluster.partition(topic)["offline_replicas"] == [2])
    assert sorted(cluster.partition(topic)["replica_nodes"]) == [0, 1, 2]
    eventually(lambda: 2 not in cluster.partition(topic)["isr_nodes"])
    cluster.start(2)
    eventually(lambda: cluster.partition(topic)["offline_replicas"] == [])
    eventually(lambda: sorted(cluster.partition(topic)["isr_nodes"]) == [0, 1, 2])


def test_a_broker_that_died_is_listed_for_some_seconds_more(cluster, topic):
    """Clients that forget a broker in the answer that names new leaders wait a second longer."""
    cluster.placed(topic, 2)

    def listed():
        return sorted(one["node_id"]
                      for one in cluster.call("Metadata", 12, topics=[])["brokers"])

    cluster.kill(2)
    eventually(lambda: cluster.leader(topic) in (0, 1))
    assert listed() == [0, 1, 2]
    eventually(lambda: listed() == [0, 1])


def test_a_dead_broker_is_not_elected(cluster, topic):
    cluster.placed(topic, 2)
    cluster.kill(2)

    def elect():
        answer = cluster.call("ElectLeaders", 2, election_type=0, timeout_ms=5000,
                              topic_partitions=[{"topic": topic, "partitions": [0]}])
        return answer["replica_election_results"][0]["partition_result"][0]["error_code"]

    eventually(lambda: elect() == PREFERRED_LEADER_NOT_AVAILABLE)


def test_without_enough_replicas_producers_hear_of_it(cluster, topic):
    cluster.placed(topic, 0, configs={"min.insync.replicas": 3})
    assert cluster.produce(topic, batch([b"x"]))["error_code"] == NONE
    cluster.kill(2)
    eventually(lambda: cluster.produce(topic, batch([b"x"]), timeout_ms=1000)["error_code"]
               == NOT_ENOUGH_REPLICAS)


def test_without_a_majority_producers_hear_of_it_in_time(cluster, topic):
    cluster.placed(topic, 0)
    assert cluster.produce(topic, batch([b"x"]))["error_code"] == NONE
    cluster.kill(1)
    cluster.kill(2)
    begin = time.monotonic()
    answer = cluster.produce(topic, batch([b"x"]), timeout_ms=1000, node_id=0)
    assert answer["error_code"] == REQUEST_TIMED_OUT
    assert time.monotonic() - begin < 5


def test_times_are_found_after_the_indexes_were_deleted(cluster, topic):
    cluster.placed(topic, 0)
    cluster.produce(topic, batch([b"a", b"b"], timestamps=[1000, 5000]))
    cluster.produce(topic, batch([b"c", b"d"], timestamps=[2000, 3000]))
    for node_id in cluster.region.node_ids:
        cluster.kill(node_id)
    for path in cluster.region.dir.rglob("*"):
        if re.fullmatch(r"\d{20}\.(index|timeindex)", path.name):
            path.unlink()
    cluster.region.up()
    cluster.dead.clear()
    eventually(lambda: cluster.list_offset(topic, -1)["offset"] == 4)
    found = [cluster.list_offset(topic, at) for at in (-3, 0, 1001, 5001)]
    assert [(one["offset"], one["timestamp"]) for one in found] == \
        [(1, 5000), (0, 1000), (1, 5000), (-1, -1)]


def test_a_broker_that_is_down_gets_replicas_where_there_are_no_others(cluster, topic):
    """KRaft counts the registered brokers, and takes the fenced ones last."""
    cluster.kill(2)
    eventually(lambda: cluster.call("Metadata", 12, topics=[])["brokers"][2:] == [])
    cluster.make(topic + "-2", partitions=6, factor=2)
    for part in cluster.topic(topic + "-2")["partitions"]:
        assert sorted(part["replica_nodes"]) == [0, 1]
    cluster.make(topic, partitions=6, factor=3)
    for part in cluster.topic(topic)["partitions"]:
        assert sorted(part["replica_nodes"]) == [0, 1, 2]
        assert part["replica_nodes"][0] != 2
        assert part["offline_replicas"] == [2]
    assert cluster.create(topic + "-4", factor=4)["error_code"] == INVALID_REPLICATION_FACTOR
    assert cluster.produce(topic, batch([b"x"]))["error_code"] == NONE
    cluster.start(2)
    eventually(lambda: all(sorted(part["isr_nodes"]) == [0, 1, 2]
                           for part in cluster.topic(topic)["partitions"]), timeout=60)


def test_a_broker_that_hears_no_catalog_serves_only_for_a_while(own_region, topic):
    """P6: rights may have been revoked meanwhile. Two of three brokers are stopped, not dead."""
    region = own_region(brokers=3, settings=["gyre.catalog.staleness.max.ms=10000"])
    cluster = Survivors(region)
    cluster.make(topic, partitions=-1, factor=-1,
                 assignments=[{"partition_index": 0, "broker_ids": [0]}])
    started = time.monotonic()
    region.kill(1, "STOP")
    region.kill(2, "STOP")
    served_s = 0.0
    with pytest.raises(Closed):
        while time.monotonic() - started < 30:
            assert cluster.produce(topic, batch([b"x"]), node_id=0)["error_code"] == NONE
            served_s = time.monotonic() - started
            time.sleep(0.25)
    assert 7 < served_s < 10
    assert eventually(lambda: region.metric(0, "gyre_catalog_is_stale") == 1)
    with cluster.connect(0) as other:
        other.call("ApiVersions", 3, client_software_name="a", client_software_version="1")
        with pytest.raises(Closed):
            other.call("Metadata", 12, topics=None)
    region.kill(1, "CONT")
    region.kill(2, "CONT")
    cluster.forget(0)

    def serves():
        try:
            return cluster.produce(topic, batch([b"x"]), node_id=0)["error_code"] == NONE
        except Closed:
            cluster.forget(0)
            return False
    eventually(serves)
    assert region.metric(0, "gyre_catalog_is_stale") == 0
    cluster.close()

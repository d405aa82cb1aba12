# SPDX-License-Identifier: Apache-2.0
"""The majority of the catalog's voters is lost for good: `gyred recover-catalog`.

Brokers that come later, which `gyre dev` does not start, are processes of the test's own.
"""
import re
import shutil
import subprocess
import time

import pytest

from kafka_cluster import INVALID_REQUEST, NONE
from region import BIN, PATIENCE, Region, eventually, free_port, run

UNCLEAN = 1
BROKER_ID_NOT_REGISTERED = 102
BROKERS_MAX = 6


def numbered(begin, end):
    return [f"{i:08}" for i in range(begin, end)]


def recover(region, node_id, *words, stdin=""):
    return subprocess.run([BIN / "gyred", "recover-catalog", *words,
                           region.home(node_id) / "broker.conf"], input=stdin, text=True,
                          capture_output=True, timeout=60, check=False)


class Growing(Region):
    """A region whose brokers may be lost, and get company."""

    def __init__(self, **options):
        super().__init__(port=free_port(BROKERS_MAX), first_node_id=1, **options)
        self.processes = {}

    def run_broker(self, node_id):
        """Starts a process that `gyre dev` does not wait for."""
        home = self.home(node_id)
        with open(home / "gyred.log", "ab") as log:
            self.processes[node_id] = subprocess.Popen(
                [BIN / "gyred", home / "broker.conf"], stdout=log, stderr=log)
        return self.processes[node_id]

    def is_ready(self, node_id):
        return self.http(node_id, "/readyz")[0] == 200

    def add(self, node_id, place, seed=None):
        """A new broker in an empty directory, at the ports that follow."""
        self.begin_to_add(node_id, place, seed)
        eventually(lambda: self.is_ready(node_id), 40)

    def begin_to_add(self, node_id, place, seed=None, **settings):
        """With a broker for its only seed, or those of the others."""
        first = self.broker(1)
        home = self.home(1).parent / f"broker-{node_id}"
        home.mkdir()
        conf = (self.home(1) / "broker.conf").read_text()
        conf = conf.replace(f":{first['kafka_port']}", f":{self.port + place}", 1)
        conf = re.sub(r"node.id=\d+", f"node.id={node_id}", conf)
        conf = conf.replace("/broker-1/", f"/broker-{node_id}/")
        for key, offset in (("gyre.rpc.listeners", 20), ("gyre.admin.listeners", 40)):
            conf = re.sub(rf"({key}=\S+:)\d+", rf"\g<1>{self.port + offset + place}", conf)
        if seed is not None:
            conf = re.sub(r"(gyre.seed.servers=).*",
                          rf"\g<1>127.0.0.1:{self.broker(seed)['rpc_port']}", conf)
        conf += "".join(f"\n{key}={value}\n" for key, value in settings.items())
        (home / "broker.conf").write_text(conf)
        self._brokers().append({
            "node_id": node_id, "kafka_port": self.port + place,
            "rpc_port": self.port + 20 + place, "admin_port": self.port + 40 + place,
            "data_dir": str(home / "data")})
        self.state["regions"][0]["bootstrap"] += f",127.0.0.1:{self.port + place}"
        return self.run_broker(node_id)

    def lose(self, *node_ids, keep=None):
        """The broker's disk goes; `keep` gets a copy, which ought not to exist."""
        for node_id in node_ids:
            data = self.home(node_id) / "data"
            if keep is not None:
                shutil.copytree(data, keep / str(node_id))
            shutil.rmtree(data)

    def destroy(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        super().destroy()


@pytest.fixture(name="growing")
def make_growing():
    with Growing() as region:
        yield region


def quorum(cluster, node_id=1):
    """Voters and observers of the catalog, as the broker tells them."""
    answer = cluster.call("DescribeQuorum", 2, node_id, topics=[
        {"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}])
    assert answer["error_code"] == NONE, answer
    part = answer["topics"][0]["partitions"][0]
    return (part["leader_id"], sorted(one["replica_id"] for one in part["current_voters"]),
            sorted(one["replica_id"] for one in part["observers"]))


def elect_unclean(cluster, topic, partitions):
    answer = cluster.call("ElectLeaders", 2, election_type=UNCLEAN, timeout_ms=10000,
                          topic_partitions=[{"topic": topic, "partitions": partitions}])
    results = answer["replica_election_results"][0]["partition_result"]
    return all(one["error_code"] == NONE for one in results)


def move(cluster, topic, replicas):
    """Replicas by partition."""
    answer = cluster.call("AlterPartitionReassignments", 0, timeout_ms=10000, topics=[
        {"name": topic, "partitions": [{"partition_index": index, "replicas": nodes}
                                       for index, nodes in replicas.items()]}])
    assert answer["error_code"] == NONE
    assert all(one["error_code"] == NONE for one in answer["responses"][0]["partitions"])


def are_moved(cluster, topic, replicas):
    return all(sorted(cluster.partition(topic, index)["isr_nodes"]) == sorted(nodes) and
               cluster.partition(topic, index)["replica_nodes"] == nodes
               for index, nodes in replicas.items())


def lose_majority(region, cluster, topic, keep=None):
    """Three partitions with acknowledged records; then 2 and 3 are gone and 1 is recovered."""
    cluster.make(topic, partitions=3, configs={"min.insync.replicas": "2"})
    for index in range(3):
        region.produce(topic, numbered(index * 1000, index * 1000 + 1000), partition=index)
    for index in range(3):  # what is acknowledged is on a majority; here on all, and so on 1
        eventually(lambda index=index: len(cluster.partition(topic, index)["isr_nodes"]) == 3)
    for node_id in (1, 2, 3):
        region.kill(node_id)
    cluster.close()
    cluster.connections.clear()
    region.lose(2, 3, keep=keep)
    done = recover(region, 1, "--yes")
    assert done.returncode == 0, done.stderr
    region.run_broker(1)
    eventually(lambda: region.is_ready(1))
    return done.stdout


def unregister(cluster, broker):
    return cluster.call("UnregisterBroker", 0, broker_id=broker)["error_code"]


def test_a_survivor_goes_on_and_takes_in_new_brokers(growing, connect, topic):
    cluster = connect(growing)
    said = lose_majority(growing, cluster, topic)
    assert re.search(r"members: .*1 \(this broker\)", said)
    assert re.search(r"goes up to: +term \d+, index \d+", said)
    assert "What may be lost" in said and "2 of 3 voters" in said
    assert cluster.leader(topic) == -1
    assert elect_unclean(cluster, topic, [0, 1, 2])
    for index in range(3):
        eventually(lambda index=index: cluster.leader(topic, index) == 1)
        assert growing.values(topic, partition=index) == numbered(index * 1000, index * 1000 + 1000)
    growing.add(4, 3)
    growing.add(5, 4)
    eventually(lambda: quorum(cluster) == (1, [1, 4, 5], [2, 3]), 40)
    replicas = {0: [1, 4, 5], 1: [4, 5, 1], 2: [5, 1, 4]}
    move(cluster, topic, replicas)
    eventually(lambda: are_moved(cluster, topic, replicas), 60)
    growing.produce(topic, numbered(5000, 6000), partition=0)
    assert growing.values(topic, partition=0) == numbered(0, 1000) + numbered(5000, 6000)
    cluster.make(f"{topic}-new", partitions=1, factor=3)
    for node_id in (2, 3):
        assert unregister(cluster, node_id) == NONE
    eventually(lambda: quorum(cluster) == (1, [1, 4, 5], []), 40)
    # The survivor is one of three again: the region lives without it.
    growing.processes[1].kill()
    growing.processes[1].wait()
    cluster.connections.clear()
    eventually(lambda: quorum(cluster, 4)[0] in (4, 5))
    eventually(lambda: cluster.topic(topic, 4)["partitions"][0]["leader_id"] in (4, 5))
    growing.produce(topic, numbered(6000, 6100), partition=0)


def test_lost_brokers_that_return_follow_the_recovered_catalog(growing, connect, topic, tmp_path):
    cluster = connect(growing)
    lose_majority(growing, cluster, topic, keep=tmp_path)
    cluster.make(f"{topic}-after", partitions=1, factor=1)
    # Together they are a majority of what they know; a topic that only they know of is theirs alone.
    for node_id in (2, 3):
        shutil.copytree(tmp_path / str(node_id), growing.home(node_id) / "data")
        growing.run_broker(node_id)
    for node_id in (2, 3):
        eventually(lambda node_id=node_id: growing.is_ready(node_id), 40)
        assert quorum(cluster, node_id)[0] == 1
        assert cluster.topic(f"{topic}-after", node_id)["error_code"] == NONE
    eventually(lambda: quorum(cluster) == (1, [1, 2, 3], []), 40)


def test_lost_brokers_that_led_alone_follow_when_they_meet_the_survivor(growing, connect, topic,
                                                                         tmp_path):
    cluster = connect(growing)
    lose_majority(growing, cluster, topic, keep=tmp_path)
    cluster.make(f"{topic}-after", partitions=1, factor=1)
    growing.processes[1].terminate()
    growing.processes[1].wait()
    for node_id in (2, 3):
        shutil.copytree(tmp_path / str(node_id), growing.home(node_id) / "data")
        growing.run_broker(node_id)
    # Alone with each other, nothing can tell them.
    eventually(lambda: growing.is_ready(2) and growing.is_ready(3), 40)
    assert quorum(cluster, 2)[0] in (2, 3)
    assert cluster.call("CreateTopics", 7, 2, timeout_ms=15000, validate_only=False, topics=[
        {"name": f"{topic}-astray", "num_partitions": 1, "replication_factor": 1,
         "configs": []}])["topics"][0]["error_code"] == NONE
    cluster.connections.clear()
    growing.run_broker(1)
    eventually(lambda: growing.is_ready(1), 40)
    for node_id in (2, 3):
        eventually(lambda node_id=node_id: quorum(cluster, node_id)[0] == 1, 40)
        eventually(lambda node_id=node_id:
                   cluster.topic(f"{topic}-after", node_id)["error_code"] == NONE, 40)
        assert cluster.topic(f"{topic}-astray", node_id)["error_code"] != NONE
    eventually(lambda: quorum(cluster) == (1, [1, 2, 3], []), 40)


def test_a_wiped_broker_is_refused_under_its_old_id(growing, connect, topic):
    lose_majority(growing, connect(growing), topic)
    process = growing.run_broker(2)
    assert process.wait(30) == 1
    assert "comes back under a new node id" in growing.logs()


def test_the_command_says_why_it_does_nothing(growing, connect):
    running = recover(growing, 1, "--yes")
    assert running.returncode == 1 and "a gyred is using it" in running.stderr
    for node_id in (1, 2, 3):
        growing.kill(node_id)
    growing.lose(2)
    for stdin in ("", "no\n", "y\n"):
        asked = recover(growing, 1, stdin=stdin)
        assert asked.returncode == 1 and "nothing was changed" in asked.stderr
    absent = recover(growing, 2, "--yes")
    assert absent.returncode == 1 and "nothing was changed" in absent.stderr
    conf = growing.home(1) / "broker.conf"
    usage = subprocess.run([BIN / "gyred", "recover-catalog"], capture_output=True, check=False)
    assert usage.returncode == 2
    other = run(BIN / "gyred", "recover-catalog", "-o", "node.id=9", conf, check=False)
    assert other == ""
    assert recover(growing, 1, stdin="yes\n").returncode == 0
    again = recover(growing, 1, "--yes")
    assert again.returncode == 1 and "only voter already" in again.stderr
    growing.run_broker(1)
    eventually(lambda: growing.is_ready(1))
    assert quorum(connect(growing))[0] == 1


def test_an_empty_directory_has_nothing_to_recover(tmp_path):
    conf = tmp_path / "broker.conf"
    conf.write_text(f"node.id=7\nlog.dirs={tmp_path / 'data'}\n")
    run(BIN / "gyred", "format", conf)
    done = subprocess.run([BIN / "gyred", "recover-catalog", "--yes", conf], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "no copy of a catalog" in done.stderr


def test_a_broker_that_lost_its_disk_is_replaced(growing, connect, topic):
    cluster = connect(growing)
    cluster.make(topic, partitions=1, factor=3)
    growing.produce(topic, numbered(0, 500), partition=0)
    growing.kill(3)
    growing.lose(3)
    growing.add(4, 3)
    assert unregister(cluster, 4) == INVALID_REQUEST  # it runs
    assert unregister(cluster, 3) == INVALID_REQUEST  # it has replicas
    replicas = {0: [4, 1, 2]}
    move(cluster, topic, replicas)
    eventually(lambda: are_moved(cluster, topic, replicas), 60)
    assert quorum(cluster)[1] == [1, 2, 3]
    assert unregister(cluster, 3) == NONE
    assert unregister(cluster, 3) == BROKER_ID_NOT_REGISTERED
    # The new one votes in its place: the region lives without another one.
    eventually(lambda: quorum(cluster)[1:] == ([1, 2, 4], []), 60)
    growing.kill(2)
    growing.produce(topic, numbered(500, 600), partition=0)
    cluster.make(f"{topic}-new", partitions=1, factor=2)
    assert growing.values(topic, partition=0) == numbered(0, 600)


def test_a_node_id_that_was_forgotten_votes_with_its_new_disk_only(growing, connect, topic):
    cluster = connect(growing)
    cluster.make(topic, partitions=-1, factor=-1, assignments=[
        {"partition_index": 0, "broker_ids": [1, 2]}])
    growing.kill(3)
    growing.lose(3)
    eventually(lambda: unregister(cluster, 3) == NONE)
    growing.run_broker(3)
    eventually(lambda: growing.is_ready(3), 40)
    eventually(lambda: quorum(cluster)[1:] == ([1, 2, 3], []), 60)


def test_a_new_broker_is_taken_in_whomever_it_asks(growing, connect):
    cluster = connect(growing)
    leader, voters, _ = quorum(cluster)
    growing.add(4, 3, seed=next(one for one in voters if one != leader))
    eventually(lambda: quorum(cluster)[1:] == ([1, 2, 3], [4]), 20)


def test_a_broker_that_was_unregistered_comes_back_with_its_disk(growing, connect):
    cluster = connect(growing)
    growing.kill(3)
    eventually(lambda: unregister(cluster, 3) == NONE)
    eventually(lambda: quorum(cluster)[1:] == ([1, 2], []), 40)
    growing.run_broker(3)
    eventually(lambda: growing.is_ready(3), 40)
    eventually(lambda: quorum(cluster)[1:] == ([1, 2, 3], []), 40)


def test_a_broker_that_was_stopped_before_it_was_entered_asks_again(growing, connect):
    for node_id in (2, 3):
        growing.kill(node_id)
    eventually(lambda: not growing.is_ready(1))  # nobody leads: nothing of the newcomer is written
    newcomer = growing.begin_to_add(4, 3)
    eventually(lambda: "the region is known" in (growing.home(4) / "gyred.log").read_text(), 40)
    growing.kill(1, "STOP")
    time.sleep(1)  # by now it has asked somebody who does not answer
    newcomer.terminate()
    assert newcomer.wait(30 * PATIENCE) == 0
    growing.kill(1, "CONT")
    for node_id in (2, 3):
        growing.start(node_id)
    growing.run_broker(4)
    eventually(lambda: growing.is_ready(4), 40)
    eventually(lambda: quorum(connect(growing))[1:] == ([1, 2, 3], [4]), 20)


def test_all_brokers_of_a_larger_region_have_the_catalog(own_region, connect, topic):
    region = own_region(brokers=10, first_node_id=1)
    cluster = connect(region)
    cluster.make(topic, partitions=-1, factor=-1, assignments=[
        {"partition_index": index, "broker_ids": [node_id]}
        for index, node_id in enumerate(region.node_ids)])
    _, voters, standbys = quorum(cluster)
    assert len(voters) == 5
    assert sorted(voters + standbys) == region.node_ids


@pytest.mark.parametrize("dies", [False, True])
def test_a_broker_that_cannot_be_fed_keeps_no_other_from_voting(connect, dies):
    with Growing(brokers=2) as growing:
        cluster = connect(growing)
        # It takes nothing in, as with a full disk, and everybody hears that it lives.
        full = growing.begin_to_add(3, 2, **{"gyre.disk.reserved.bytes": 1 << 50})
        eventually(lambda: quorum(cluster)[2] == [3])
        time.sleep(2)  # by now it is to become a voter
        if dies:
            full.kill()
            full.wait()
        growing.add(4, 3)
        eventually(lambda: quorum(cluster)[1:] == ([1, 2, 4], [3]), 40)
        if dies:
            eventually(lambda: unregister(cluster, 3) == NONE)
            eventually(lambda: quorum(cluster)[1:] == ([1, 2, 4], []), 40)

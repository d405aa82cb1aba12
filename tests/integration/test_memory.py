# SPDX-License-Identifier: Apache-2.0
"""gyre.durability=memory: what processes lose, what machines lose, and who may say so.

A broker that is started with another boot id than before takes its machine for one that lost its
power; what it lost is chosen by the test, which puts an older copy of its directory in place.
"""
import os
import shutil
import subprocess

import pytest
from kafka_cluster import NONE
from kafka_wire import batch
from region import BIN, CommandFailed, eventually

BOOT_ID = "/proc/sys/kernel/random/boot_id"
MEMORY = {"gyre.durability": "memory"}
UNCLEAN = 1
TIMED_OUT = 4  # of `gyre`: its exit status
# Without a flush for a minute: what is there after a kill was written and nothing else.
SETTINGS = ["gyre.memory.sync.ms=60000"]


def numbered(begin, end):
    return [f"{i:08}" for i in range(begin, end)]


@pytest.fixture(name="start_after_power_loss")
def make_start_after_power_loss(tmp_path):
    """Starts brokers on what looks like another run of the operating system."""
    probe = ["unshare", "-m", "mount", "--bind", BOOT_ID, BOOT_ID]
    done = subprocess.run(probe, check=False, capture_output=True, text=True)
    if os.geteuid() != 0 or done.returncode != 0:
        assert os.environ.get("CI") != "true", done.stderr
        pytest.skip("a mount needs root")

    def start(region, *node_ids):
        boot_id = tmp_path / f"boot-{len(list(tmp_path.iterdir()))}"
        boot_id.write_text(f"{boot_id.name}\n")
        script = f'mount --bind "{boot_id}" {BOOT_ID} && exec "$@"'
        for node_id in node_ids:
            # Alone a broker is not healthy; the last one makes all of them so.
            timeout = "60" if node_id == node_ids[-1] else "1"
            done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", BIN / "gyre", "dev",
                                   "start", "--dir", region.dir, "--broker", str(node_id),
                                   "--timeout", timeout], check=False, timeout=90,
                                  capture_output=True, text=True)
            assert done.returncode in ((0,) if timeout == "60" else (0, TIMED_OUT)), done.stderr

    return start


def make_topic(cluster, topic, **options):
    cluster.make(topic, partitions=-1, factor=-1, assignments=[
        {"partition_index": 0, "broker_ids": [0, 1, 2]}], **options)
    eventually(lambda: cluster.leader(topic) == 0)


def elect_unclean(cluster, topic):
    answer = cluster.call("ElectLeaders", 2, election_type=UNCLEAN, timeout_ms=10000,
                          topic_partitions=[{"topic": topic, "partitions": [0]}])
    return answer["replica_election_results"][0]["partition_result"][0]["error_code"]



def test_the_death_of_all_processes_loses_nothing(own_region, connect, topic):
    region = own_region(settings=SETTINGS)
    make_topic(connect(region), topic, configs=MEMORY)
    settings = ["enable.idempotence=true"]
    region.produce(topic, numbered(0, 1000), partition=0, settings=settings)
    region.kill(0)
    region.produce(topic, numbered(1000, 2000), partition=0, settings=settings)
    region.start(0)
    for node_id in region.node_ids:
        region.kill(node_id)
    region.up()
    records = region.consume(topic, partition=0)
    assert [record["payload"] for record in records] == numbered(0, 2000)


def test_large_batches_survive_the_death_of_all_processes(own_region, connect, topic):
    region = own_region(settings=SETTINGS)
    cluster = connect(region)
    make_topic(cluster, topic, configs=MEMORY)
    values = [bytes([i]) * 300_000 for i in range(20)]
    for value in values:
        assert cluster.produce(topic, batch([value]))["error_code"] == NONE
    for node_id in region.node_ids:
        region.kill(node_id)
    region.up()
    sizes = [len(record["payload"]) for record in region.consume(topic, partition=0)]
    assert sizes == [len(value) for value in values]


def test_durability_of_a_living_topic_changes(own_region, connect, topic):
    region = own_region(settings=SETTINGS)
    make_topic(connect(region), topic)
    for round_number, durability in enumerate(["memory", "fsync", "memory"]):
        region.on("topic", "alter", topic, "--config", f"gyre.durability={durability}")
        begin = round_number * 200
        region.produce(topic, numbered(begin, begin + 200), partition=0)
    for node_id in region.node_ids:
        region.kill(node_id)
    region.up()
    assert region.values(topic) == numbered(0, 600)


def test_who_may_have_lost_entries_elects_nobody(own_region, connect, start_after_power_loss,
                                                 topic):
    region = own_region(settings=SETTINGS)
    make_topic(connect(region), topic, configs=MEMORY)
    region.produce(topic, numbered(0, 100), partition=0)
    home = region.home(2)
    region.kill(2)
    shutil.copytree(home / "data", home / "older")
    region.start(2)
    region.kill(1)
    # Acknowledged by 0 and 2; then 2 forgets it, and 0 is away.
    region.produce(topic, numbered(100, 200), partition=0)
    region.kill(2)
    region.kill(0)
    shutil.rmtree(home / "data")
    (home / "older").rename(home / "data")
    with pytest.raises(CommandFailed) as failure:
        region.start(1, timeout=1)  # it runs, and waits for another
    assert failure.value.status == TIMED_OUT
    start_after_power_loss(region, 2)
    cluster = connect(region)
    with pytest.raises(AssertionError):
        eventually(lambda: cluster.topic(topic, 1)["partitions"][0]["leader_id"] in (1, 2), 8)
    region.start(0)
    eventually(lambda: region.values(topic) == numbered(0, 200), 30)
    # It has what a leader has by now, and counts again.
    region.kill(1)
    region.produce(topic, numbered(200, 300), partition=0)
    assert region.values(topic) == numbered(0, 300)


def test_an_operator_recovers_what_all_machines_kept(own_region, connect, start_after_power_loss,
                                                     topic):
    region = own_region(settings=SETTINGS)
    cluster = connect(region)
    make_topic(cluster, topic, configs=MEMORY)
    make_topic(cluster, f"{topic}-fsync")
    region.produce(topic, numbered(0, 500), partition=0)
    region.produce(f"{topic}-fsync", numbered(0, 500), partition=0)
    for node_id in region.node_ids:
        region.kill(node_id)
    start_after_power_loss(region, *region.node_ids)
    assert region.values(f"{topic}-fsync") == numbered(0, 500)
    cluster = connect(region)
    assert cluster.leader(topic) == -1
    eventually(lambda: elect_unclean(cluster, topic) == NONE)
    assert region.values(topic) == numbered(0, 500)
    eventually(lambda: sorted(cluster.partition(topic)["isr_nodes"]) == [0, 1, 2], 60)
    region.produce(topic, numbered(500, 600), partition=0)
    assert region.values(topic) == numbered(0, 600)

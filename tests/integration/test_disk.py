# SPDX-License-Identifier: Apache-2.0
"""Disks that fill up, files that were damaged, directories that are somebody else's."""
import os
import pathlib
import signal
import struct
import subprocess
import tempfile

import pytest
from kafka_cluster import NONE, REQUEST_TIMED_OUT
from kafka_wire import batch
from region import BIN, eventually

KAFKA_STORAGE_ERROR = 56
MIB = 1 << 20


def log_of(region, node_id):
    return (region.home(node_id) / "gyred.log").read_text(errors="replace")


def line_of(region, node_id, *words):
    """The last line of a broker's log with all these words, or None."""
    lines = [line for line in log_of(region, node_id).splitlines()
             if all(word in line for word in words)]
    return lines[-1] if lines else None


def stop(region, node_id):
    """Orderly: everything is in segments afterwards."""
    region.kill(node_id, "TERM")
    eventually(lambda: "message=stopped" in log_of(region, node_id).splitlines()[-1], 60)


def place(cluster, topic, replicas, **options):
    cluster.make(topic, partitions=-1, factor=-1, assignments=[
        {"partition_index": 0, "broker_ids": replicas}], **options)
    eventually(lambda: cluster.leader(topic) == replicas[0])


def numbered(count):
    return [f"number-{i:06}" for i in range(count)]


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


# space

def log_bytes(region, node_id):
    return sum(path.stat().st_size for path in region.home(node_id).rglob("*.log")
               if path.name != "gyred.log")


def test_deleted_records_leave_the_disk_soon(own_region, connect, topic):
    region = own_region(brokers=3, settings=["log.retention.check.interval.ms=1000"])
    cluster = connect(region)
    cluster.make(topic, configs={"segment.bytes": MIB})
    for _ in range(8):
        assert cluster.produce(topic, batch([os.urandom(500_000)]))["error_code"] == NONE
    eventually(lambda: min(log_bytes(region, node) for node in region.node_ids) > 3 * MIB)
    answer = cluster.call("DeleteRecords", 2, cluster.leader(topic), timeout_ms=5000, topics=[
        {"name": topic, "partitions": [{"partition_index": 0, "offset": -1}]}])
    assert answer["topics"][0]["partitions"][0]["error_code"] == NONE
    eventually(lambda: max(log_bytes(region, node) for node in region.node_ids) < 1.1 * MIB, 20)


def offsets(region, topic):
    """Of the first record and of the next."""
    said = region.kcat("-Q", "-t", f"{topic}:0:-2"), region.kcat("-Q", "-t", f"{topic}:0:-1")
    return [int(one.split()[-1]) for one in said]


def test_records_of_a_quiet_topic_expire_too(own_region, topic):
    region = own_region(brokers=1, settings=["log.retention.check.interval.ms=200"])
    region.on("topic", "create", topic, "--config", "retention.ms=3600000")
    region.produce(topic, ["old"] * 10)
    assert offsets(region, topic) == [0, 10]
    region.on("topic", "alter", topic, "--config", "retention.ms=1")
    eventually(lambda: offsets(region, topic) == [10, 10])
    region.on("topic", "alter", topic, "--config", "retention.ms=3600000")
    region.produce(topic, ["new"] * 5)
    region.kill(0)
    region.start(0)
    assert offsets(region, topic) == [10, 15]
    assert region.values(topic) == ["new"] * 5


@pytest.fixture(name="small_disk")
def make_small_disk():
    if os.geteuid() != 0:
        assert os.environ.get("CI") != "true", "a disk can only be mounted by root"
        pytest.skip("a disk can only be mounted by root")
    with tempfile.TemporaryDirectory(prefix="gyre-disk-") as path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "disk", path],
                              check=False, capture_output=True, text=True)
        if done.returncode != 0:
            assert os.environ.get("CI") != "true", done.stderr
            pytest.skip(f"a disk cannot be mounted: {done.stderr.strip()}")
        try:
            yield pathlib.Path(path)
        finally:
            subprocess.run(["umount", "-l", path], check=True)


def fill(path):
    """To the last byte."""
    with open(path / "ballast", "wb", buffering=0) as ballast:
        for size in (MIB, 4096):
            try:
                while True:
                    ballast.write(bytes(size))
            except OSError:
                pass


def test_a_full_disk_refuses_producers_serves_readers_and_recovers(
        own_region, connect, topic, small_disk):
    region = own_region(brokers=3, settings=[f"2:log.dirs={small_disk}/data",
                                             "2:gyre.journal.file.bytes=4194304",
                                             "2:gyre.disk.reserved.bytes=1048576"])
    cluster = connect(region)
    place(cluster, topic, [2])
    acknowledged = 0
    for _ in range(20):
        assert cluster.produce(topic, batch([b"kept" * 1000]))["error_code"] == NONE
        acknowledged += 1
    fill(small_disk)
    unknown = 0  # what was taken just before the disk was full waits for space
    code = NONE
    while code != KAFKA_STORAGE_ERROR:
        code = cluster.produce(topic, batch([b"more" * 50_000]), node_id=2,
                               timeout_ms=1000)["error_code"]
        assert code in (NONE, REQUEST_TIMED_OUT, KAFKA_STORAGE_ERROR)
        acknowledged += code == NONE
        unknown += code == REQUEST_TIMED_OUT
        assert acknowledged + unknown < 200
    part = cluster.fetch(topic, 0, node_id=2)
    assert part["error_code"] == NONE
    assert part["high_watermark"] >= acknowledged
    assert len(part["records"]) > 20 * 4000
    assert line_of(region, 2, "no space is left", str(small_disk))
    (small_disk / "ballast").unlink()
    eventually(lambda: cluster.produce(topic, batch([b"new"]), node_id=2)["error_code"] == NONE, 20)
    end = cluster.list_offset(topic, -1)["offset"]
    assert acknowledged < end <= acknowledged + unknown + 1
    region.kill(2)
    region.start(2)
    eventually(lambda: cluster.connections.pop(2, None) is None and
               cluster.list_offset(topic, -1)["offset"] == end, 20)
    region.down()


# damage

def test_a_damaged_segment_is_named_and_refilled(own_region, connect, topic):
    region = own_region(brokers=3)
    cluster = connect(region)
    place(cluster, topic, [2, 0, 1])
    region.produce(topic, numbered(3000), partition=0)
    stop(region, 2)
    path = max((one for one in region.home(2).rglob("*.log") if one.name != "gyred.log"),
               key=lambda one: one.stat().st_size)
    whole = b"".join(segments(region, 2, path.parent.name))
    flip(path, path.stat().st_size // 2)
    assert b"".join(segments(region, 2, path.parent.name)) != whole
    region.start(2)
    # What was stored before the start is verified when it is read, so somebody reads it there.
    eventually(lambda: lead_preferred(cluster, topic) == 2)
    assert region.values(topic, partition=0) == numbered(3000)
    assert eventually(lambda: line_of(region, 2, "stored bytes are damaged", path.parent.name))
    assert eventually(lambda: line_of(region, 2, "was refilled", path.parent.name), 30)
    # It leads again when it may vote again, and serves what it was refilled with.
    eventually(lambda: lead_preferred(cluster, topic) == 2, 30)
    region.kill(0)
    assert region.values(topic, partition=0) == numbered(3000)
    stop(region, 2)
    assert b"".join(segments(region, 2, path.parent.name)) == whole


def test_a_damaged_journal_is_named_and_its_replicas_refilled(own_region, connect, topic):
    region = own_region(brokers=3)
    cluster = connect(region)
    place(cluster, topic, [0, 1, 2])
    values = numbered(50)
    for value in values:
        assert cluster.produce(topic, batch([value.encode()]))["error_code"] == NONE
    eventually(lambda: values[-1].encode() in journal(region, 2).read_bytes())
    region.kill(2)
    flip(journal(region, 2), journal(region, 2).read_bytes().index(values[20].encode()))
    region.start(2)
    assert eventually(lambda: line_of(region, 2, "stored bytes are damaged"), 30)
    assert eventually(lambda: line_of(region, 2, "was refilled"), 30)
    eventually(lambda: sorted(cluster.partition(topic)["isr_nodes"]) == [0, 1, 2], 30)
    region.kill(1)
    assert region.values(topic, partition=0) == values


def lead_preferred(cluster, topic):
    """Who leads after its preferred leader was asked to."""
    cluster.call("ElectLeaders", 2, election_type=0, timeout_ms=5000,
                 topic_partitions=[{"topic": topic, "partitions": [0]}])
    return cluster.partition(topic)["leader_id"]


def journal(region, node_id):
    return next(region.home(node_id).rglob("0000.journal"))


def segments(region, node_id, directory):
    return [path.read_bytes() for path in sorted(region.home(node_id).rglob(f"{directory}/*.log"))]


# directories of somebody else

def start_alone(conf):
    """Runs gyred in the foreground; it must end by itself."""
    done = subprocess.run([BIN / "gyred", conf], capture_output=True, text=True, timeout=30,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def test_another_nodes_directory_and_a_newer_format_are_refused(own_region):
    region = own_region(brokers=1)
    region.down()
    conf = region.home(0) / "broker.conf"
    other = region.home(0) / "other.conf"
    other.write_text(conf.read_text().replace("node.id=0", "node.id=7"))
    code, said = start_alone(other)
    assert code != 0
    assert "belongs to another node id" in said and "its_node_id=0" in said

    meta = next(region.home(0).rglob("meta"))
    kept = meta.read_bytes()
    meta.write_bytes(kept[:8] + struct.pack("<I", 99) + kept[12:])
    code, said = start_alone(conf)
    assert code != 0
    assert "written by a newer Gyre (format 99" in said
    meta.write_bytes(kept)
    region.up()


def test_a_broker_of_another_region_is_turned_away(own_region):
    ours = own_region(brokers=1)
    theirs = own_region(brokers=1, first_node_id=5)
    conf = theirs.home(5) / "broker.conf"
    their_seed, our_seed = (f"127.0.0.1:{region.port + 20}" for region in (theirs, ours))
    theirs.down()
    text = conf.read_text()
    seeds = next(line for line in text.splitlines() if line.startswith("gyre.seed.servers="))
    assert their_seed in seeds
    conf.write_text(text.replace(seeds, f"gyre.seed.servers={our_seed}"))
    with subprocess.Popen([BIN / "gyred", conf], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            assert eventually(lambda: line_of(ours, 0, "another region was turned away"), 20)
        finally:
            process.send_signal(signal.SIGKILL)
    assert ours.status()[0] == "ready"

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three real brokers, real clients, seeded faults, and a judge of what the clients saw.

    tests/chaos/chaos.py [--seconds 120] [--seed N] [--only FAULT[,FAULT...]] [--json FILE]
    tests/chaos/chaos.py --protected --durability memory

Runs in network and mount namespaces of its own; status 77 says that this machine allows none.
The programs are those in build/release/bin, or in $GYRE_BIN; GYRE_KEEP=1 keeps all files.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import traceback

try:
    import confluent_kafka
    from confluent_kafka.admin import AdminClient, NewTopic
except ImportError:
    print("chaos: python3-confluent-kafka is not installed (ops/install test)")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import clients  # noqa: E402 (found through the line above)
from access import ROOT, Open, Protected  # noqa: E402
from brokers import Brokers  # noqa: E402
from faults import PLAN, Faults  # noqa: E402
from history import Findings, check_partition, check_same  # noqa: E402
from workload import GROUPS, QUIET, Member, NumberingProducer, Reader, unprocessed  # noqa: E402

TOPIC = "chaos"
INSIDE = "GYRE_CHAOS_INSIDE"
ACKNOWLEDGED_MIN = 100_000
LEADER_KILLS_MIN = 10
GAP_MAX_S = 2.0
SETTLE_S = 60
READ_ALL_S = 240


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default=None, help="of these faults alone, by name")
    parser.add_argument("--count", type=int, default=None, help="end after so many faults")
    parser.add_argument("--producers", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--rate", type=int, default=600, help="records a second and producer")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE for every broker")
    parser.add_argument("--protected", action="store_true",
                        help="TLS, SCRAM and rules for clients, mutual TLS between brokers")
    parser.add_argument("--durability", choices=("fsync", "memory"), default="fsync",
                        help="gyre.durability of the topic")
    parser.add_argument("--disk-mib", type=int, default=1024, help="of the last broker")
    parser.add_argument("--no-group", action="store_true")
    parser.add_argument("--assert-gap", action="store_true",
                        help="fail where a gap after kill -9 exceeds 2 s")
    parser.add_argument("--json", default=None, help="write counts and figures here")
    return parser.parse_args()


def interpreter():
    """
    Of a confluent-kafka that lives through this, where the registry can be reached. A producer of
    Debian's librdkafka, before 2.3, expects too much after a broken connection and gives up for
    good (librdkafka's pull request 4438); a consumer of 2.16 was seen to stop answering itself.
    """
    client = clients.PythonClient("confluent-kafka-python-2.10.1", folder="confluent-kafka-python",
                                  requirements="requirements-2.10.1.txt")
    try:
        client.prepare()
    except clients.Unavailable as problem:
        print(f"chaos: with Debian's librdkafka: {problem}", flush=True)
        return sys.executable
    return str(client.python)


def enter_namespaces():
    """Runs this program again in namespaces of its own; brokers end with it, however it ends."""
    if os.environ.get(INSIDE):
        return
    words = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork",
             "--kill-child", "--mount-proc"]
    words += [] if os.geteuid() == 0 else ["--map-root-user"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        print("chaos: this machine allows no network namespaces (run it as root)")
        sys.exit(77)
    os.execvpe("unshare", [*words, interpreter(), *sys.argv], {**os.environ, INSIDE: "1"})


class World:
    """The clients, and what faults need to know of the region."""

    def __init__(self, brokers, options, findings):
        self.brokers = brokers
        self.partitions = options.partitions
        self.findings = findings
        self.began = time.monotonic()
        self.admin = AdminClient({**brokers.client("admin"), **QUIET})
        self._create_topic(options.durability)
        brokers.access.grant(brokers.bootstrap, TOPIC, GROUPS)
        common = (brokers.client("worker"), TOPIC, options.partitions)
        self.producers = [NumberingProducer(n, *common, options.rate, findings)
                          for n in range(options.producers)]
        self.readers = [Reader(f"live reader {n}", *common, findings) for n in range(2)]
        self.members = [] if options.no_group else [Member(n, *common, findings)
                                                    for n in range(2)]

    def clock(self):
        return time.monotonic() - self.began

    def _create_topic(self, durability):
        topic = NewTopic(TOPIC, num_partitions=self.partitions, replication_factor=3,
                         config={"gyre.durability": durability})
        for future in self.admin.create_topics([topic]).values():
            future.result(timeout=30)

    def clients(self):
        return self.producers + self.readers + self.members

    def start(self):
        for client in self.clients():
            client.start()

    def sleep(self, seconds):
        """Sleeps, and looks meanwhile whether anybody died."""
        end = time.monotonic() + seconds
        while True:
            self.brokers.check()
            for client in self.clients():
                if client.failure:
                    raise client.failure
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.1))

    def metadata(self):
        return self.admin.list_topics(TOPIC, timeout=15).topics[TOPIC].partitions

    def leader_of(self, partition):
        end = time.monotonic() + SETTLE_S
        while True:
            leader = self.metadata()[partition].leader
            if leader >= 0 or time.monotonic() > end:
                return leader
            self.sleep(0.1)

    def wait_in_sync(self):
        end = time.monotonic() + SETTLE_S
        while True:
            found = self.metadata()
            if all(len(one.isrs) == len(one.replicas) and one.leader >= 0
                   for one in found.values()):
                return
            if time.monotonic() > end:
                raise TimeoutError(f"not in sync within {SETTLE_S} s: " + str(
                    {number: (one.leader, one.isrs) for number, one in found.items()}))
            self.sleep(0.1)


def judge(world, findings):
    """After the last fault: reads all of it twice, from different leaders, and compares."""
    ends = [max(max((offset for one in world.producers
                     for offset in (one.sent[p].offsets or [-1])), default=-1) + 1,
                max(len(reader.seen[p].records) for reader in world.readers))
            for p in range(world.partitions)]
    common = (world.brokers.client("worker"), TOPIC, world.partitions, findings)
    whole = Reader("first reader of all", *common, ends=ends)
    whole.read_all(READ_ALL_S)
    victim = world.brokers[world.leader_of(0)]
    victim.kill()
    again = Reader("second reader of all", *common, ends=ends)
    again.read_all(READ_ALL_S)
    victim.start()
    counts = {"lost": 0, "duplicated": 0, "disordered": 0}
    for partition in range(world.partitions):
        records = whole.seen[partition].records
        found = check_partition(partition, {one.number: one.sent[partition]
                                            for one in world.producers}, records, findings)
        for name, count in found.items():
            counts[name] += count
        for reader in (*world.readers, again):
            check_same(whole.seen[partition], reader.seen[partition], findings)
    counts["read"] = sum(len(seen.records) for seen in whole.seen)
    return counts, ends


def wait_for_group(world, ends, findings):
    end = time.monotonic() + SETTLE_S
    while world.members and unprocessed(world.members, ends):
        if time.monotonic() > end:
            findings.add("the group has not processed, by partition: "
                         f"{unprocessed(world.members, ends)}")
            return
        world.sleep(0.5)


def run(options, brokers, findings):
    faults = None
    brokers.start()
    world = World(brokers, options, findings)
    world.start()
    seeded = random.Random(options.seed)
    faults = Faults(brokers, world, seeded)
    faults.wait_served(time.monotonic())
    names = faults.plan() if not options.only else iter(
        lambda: seeded.choice(options.only.split(",")), None)
    enough = 0 if options.only else sum(PLAN.values())
    begin = time.monotonic()
    for done, name in enumerate(names):
        if options.count is not None and done >= options.count:
            break
        if options.count is None and done >= enough and time.monotonic() - begin > options.seconds:
            break
        faults.inject(name)
    while (not options.only and options.count is None
           and sum(one.acknowledged for one in world.producers) < ACKNOWLEDGED_MIN):
        world.sleep(0.5)
    for producer in world.producers:
        producer.finish()
    for reader in world.readers:
        reader.finish()
    counts, ends = judge(world, findings)
    wait_for_group(world, ends, findings)
    for member in world.members:
        member.finish()
    return summary(world, faults, counts)


def rounded(values):
    values = sorted(values)
    if not values:
        return None
    return {"median": round(values[len(values) // 2], 3), "longest": round(values[-1], 3)}


def summary(world, faults, counts):
    return {
        "counts": {
            "acknowledged": sum(one.acknowledged for one in world.producers),
            "producer_errors": sum(one.errors for one in world.producers), **counts,
            "leader_kills": faults.leader_kills, "faults": faults.counts,
            "group_commits_failed": sum(one.commits_failed for one in world.members)},
        "figures": {
            "seconds": round(world.clock(), 1),
            "gap_after_leader_kill_s": rounded(faults.kill_gaps),
            "gap_in_restart_in_turn_s": rounded(faults.restart_gaps),
            "served_after_healing_s": rounded(faults.recovery_s),
            "producer_stalled_itself_s":
                round(max(one.longest_stall_s for one in world.producers), 3)},
    }


def head():
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True,
                          text=True, check=False)
    return done.stdout.strip()


def main():
    options = parse_arguments()
    options.seed = random.randrange(1 << 32) if options.seed is None else options.seed
    if not os.environ.get(INSIDE):
        sys.argv += ["--seed", str(options.seed)]
    enter_namespaces()
    print(f"chaos: seed {options.seed}, librdkafka {confluent_kafka.libversion()[0]}", flush=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="gyre-chaos-"))
    findings = Findings()
    access = Protected(directory) if options.protected else Open()
    brokers = Brokers(directory, access, options.set, small_disk_mib=options.disk_mib)
    result = {}
    try:
        result = run(options, brokers, findings)
        gaps = result["figures"]["gap_after_leader_kill_s"]
        if options.assert_gap and gaps and gaps["longest"] >= GAP_MAX_S:
            findings.add(f"a producer waited {gaps['longest']} s after kill -9 of a leader")
        if not options.only and result["counts"]["leader_kills"] < LEADER_KILLS_MIN:
            findings.add(f"only {result['counts']['leader_kills']} leaders were killed")
    except Exception as error:  # pylint: disable=broad-except
        print()
        traceback.print_exc()
        findings.add(f"{type(error).__name__}: {error}")
    passed = findings.count == 0
    if not passed:
        print(brokers.logs(), flush=True)
    keep = os.environ.get("GYRE_KEEP") or not passed
    brokers.destroy(keep)
    result = {"suite": "chaos", "commit": head(), "passed": passed, "seed": options.seed,
              "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), **result,
              "findings": findings.count}
    for name, value in result.items():
        print(f"{name}: {json.dumps(value)}")
    if options.json:
        pathlib.Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(options.json).write_text(json.dumps(result, indent=2) + "\n")
    if not passed:
        print(f"chaos: FAILED, seed {options.seed}; the brokers' files: {directory}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

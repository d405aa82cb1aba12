#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs Apache Kafka 4.3.1 on loopback, as the oracle that Gyre's answers are compared with.

    kafka_oracle.py fetch                      the jars, from Maven Central, into the cache
    kafka_oracle.py start --brokers 3 --dir D  prints {"dir","bootstrap","brokers":[...]} as JSON
    kafka_oracle.py status --dir D             the same, with a state for each broker
    kafka_oracle.py kill --dir D --broker N    kill -9 (or --signal STOP, CONT, TERM)
    kafka_oracle.py restart --dir D --broker N starts a broker that is down, on its own port
    kafka_oracle.py stop --dir D               kills every broker and removes D

Each broker is a combined KRaft node (broker and controller). The settings are those that
librdkafka's tests expect: topics are created on first use with 4 partitions, on 3 brokers with
replication factor 3. The cache is $GYRE_CACHE, or ~/.cache/gyre.
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
KAFKA_VERSION = "4.3.1"
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
START_TIMEOUT_S = 120
HEAP = "512m"

LOG4J = """\
Configuration:
  status: warn
  Appenders:
    Console:
      name: out
      PatternLayout: {pattern: "[%d] %p %m (%c)%n"}
  Loggers:
    Root:
      level: warn
      AppenderRef: {ref: out}
"""

PROPERTIES = """\
process.roles=broker,controller
node.id={node_id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
broker.rack=rack-{node_id}
auto.create.topics.enable=true
num.partitions=4
default.replication.factor={replicas}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=8
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=4194304
replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector
"""


def cache_dir():
    path = pathlib.Path(os.environ.get("GYRE_CACHE") or pathlib.Path.home() / ".cache" / "gyre")
    path.mkdir(parents=True, exist_ok=True)
    return path


def jars_dir():
    return cache_dir() / f"kafka-{KAFKA_VERSION}"


def fetch():
    """Brings the jars into the cache, once. A directory that is there is whole."""
    if jars_dir().is_dir():
        return
    partial = jars_dir().with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    subprocess.run(["mvn", "-q", "-B", "-f", str(HERE / "kafka" / "pom.xml"), DEPENDENCY_PLUGIN,
                    f"-DoutputDirectory={partial}", "-DincludeScope=runtime"],
                   check=True, stdout=sys.stderr)
    partial.rename(jars_dir())


def classpath():
    """Sorted, so that the archive of loaded classes fits every later start."""
    return ":".join(sorted(str(jar) for jar in jars_dir().glob("*.jar")))


def java(main, *arguments, heap="256m", options=()):
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
            "-Xlog:disable", "-Xlog:all=error:stderr", *options, "-cp", classpath(), main,
            *arguments]


def class_archive():
    return cache_dir() / f"kafka-{KAFKA_VERSION}.jsa"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            # ApiVersions v0, correlation id 7, no client id: any Kafka broker answers it.
            connection.sendall(bytes.fromhex("0000000a" "0012" "0000" "00000007" "ffff"))
            connection.settimeout(5)
            return len(connection.recv(8)) == 8
    except OSError:
        return False


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Region:
    """The brokers of one directory; state.json in it is what the commands share."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory).resolve()
        self.brokers = []

    @classmethod
    def load(cls, directory):
        region = cls(directory)
        region.brokers = json.loads((region.directory / "state.json").read_text())["brokers"]
        return region

    def save(self):
        (self.directory / "state.json").write_text(json.dumps(self.describe(), indent=1))

    def describe(self):
        return {"dir": str(self.directory), "product": "kafka", "version": KAFKA_VERSION,
                "bootstrap": ",".join(f"127.0.0.1:{b['port']}" for b in self.brokers),
                "brokers": self.brokers}

    def create(self, count, settings=()):
        """settings: KEY=VALUE lines that go after our own, and so overrule them; {port} and
        {controller_port} in them are the broker's."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "log4j2.yaml").write_text(LOG4J)
        ports = free_ports(2 * count)
        voters = ",".join(f"{i + 1}@127.0.0.1:{ports[2 * i + 1]}" for i in range(count))
        # No leading dash: the tool would take the id for an option.
        cluster_id = base64.urlsafe_b64encode(b"\x00" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        formatters = []
        for i in range(count):
            home = self.directory / f"broker-{i + 1}"
            home.mkdir()
            properties = home / "server.properties"
            properties.write_text(PROPERTIES.format(
                node_id=i + 1, port=ports[2 * i], controller_port=ports[2 * i + 1], voters=voters,
                data=home / "data", replicas=min(3, count)) + "\n".join(
                    setting.replace("{port}", str(ports[2 * i])).replace(
                        "{controller_port}", str(ports[2 * i + 1])) for setting in settings) + "\n")
            self.brokers.append({"node_id": i + 1, "port": ports[2 * i], "pid": 0,
                                 "rack": f"rack-{i + 1}", "data_dir": str(home / "data")})
            formatters.append(subprocess.Popen(
                java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        for formatter in formatters:
            _, problems = formatter.communicate()
            if formatter.returncode != 0:
                raise SystemExit(f"kafka_oracle: cannot format: {problems}")

    def launch(self, broker, heap):
        home = self.directory / f"broker-{broker['node_id']}"
        # The broker's libraries unpack their native code into its own directory.
        options = [f"-Dlog4j2.configurationFile={self.directory / 'log4j2.yaml'}",
                   f"-Djava.io.tmpdir={home}"]
        archive = class_archive()
        if archive.exists():
            options.append(f"-XX:SharedArchiveFile={archive}")
        with open(home / "log", "ab") as log:
            broker["pid"] = subprocess.Popen(
                java("kafka.Kafka", str(home / "server.properties"), heap=heap, options=options),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=home,
                start_new_session=True).pid

    def wait(self, brokers):
        deadline = time.monotonic() + START_TIMEOUT_S
        for broker in brokers:
            while not answers(broker["port"]):
                log = self.directory / f"broker-{broker['node_id']}" / "log"
                if not alive(broker["pid"]):
                    raise SystemExit(f"kafka_oracle: broker {broker['node_id']} ended:\n"
                                     + log.read_text()[-2000:])
                if time.monotonic() > deadline:
                    raise SystemExit(f"kafka_oracle: broker {broker['node_id']} does not answer:\n"
                                     + log.read_text()[-2000:])
                time.sleep(0.1)

    def broker(self, node_id):
        for broker in self.brokers:
            if broker["node_id"] == node_id:
                return broker
        raise SystemExit(f"kafka_oracle: no broker {node_id} in {self.directory}")

    def signal(self, broker, number):
        if broker["pid"] and alive(broker["pid"]):
            os.kill(broker["pid"], number)

    def end(self):
        for broker in self.brokers:
            self.signal(broker, signal.SIGKILL)
        for broker in self.brokers:
            while broker["pid"] and alive(broker["pid"]):
                try:
                    os.waitpid(broker["pid"], os.WNOHANG)
                except ChildProcessError:
                    pass
                time.sleep(0.02)
        shutil.rmtree(self.directory, ignore_errors=True)


def make_class_archive():
    """One start and stop that records the classes Kafka loads: later starts take a quarter of it."""
    if class_archive().exists():
        return
    with tempfile.TemporaryDirectory(prefix="gyre-kafka-") as directory:
        region = Region(directory)
        region.create(1)
        broker = region.brokers[0]
        home = region.directory / "broker-1"
        process = subprocess.Popen(
            java("kafka.Kafka", str(home / "server.properties"), heap=HEAP,
                 options=[f"-XX:ArchiveClassesAtExit={class_archive()}",
                          f"-Dlog4j2.configurationFile={region.directory / 'log4j2.yaml'}",
                          f"-Djava.io.tmpdir={home}"]),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            broker["pid"] = process.pid
            region.wait([broker])
            process.terminate()
            process.wait(timeout=90)
        finally:
            process.kill()
            process.wait()


def start(directory, count, heap=HEAP, settings=()):
    fetch()
    make_class_archive()
    region = Region(directory)
    if (region.directory / "state.json").exists():
        region = Region.load(directory)
        down = [broker for broker in region.brokers if not alive(broker["pid"])]
    else:
        region.create(count, settings)
        down = region.brokers
    for broker in down:
        region.launch(broker, heap)
    region.save()
    region.wait(down)
    return region


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command",
                        choices=["fetch", "start", "status", "kill", "restart", "stop"])
    parser.add_argument("--dir")
    parser.add_argument("--brokers", type=int, default=1, choices=[1, 3])
    parser.add_argument("--broker", type=int)
    parser.add_argument("--signal", default="KILL")
    parser.add_argument("--heap", default=HEAP)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()

    if given.command == "fetch":
        fetch()
        make_class_archive()
        return
    if given.command == "start":
        directory = given.dir or tempfile.mkdtemp(prefix="gyre-kafka-")
        print(json.dumps(start(directory, given.brokers, given.heap, given.set).describe()))
        return
    if not given.dir:
        parser.error("--dir is needed")
    region = Region.load(given.dir)
    if given.command == "stop":
        region.end()
        return
    if given.command == "kill":
        region.signal(region.broker(given.broker), getattr(signal, "SIG" + given.signal))
    elif given.command == "restart":
        broker = region.broker(given.broker)
        if not alive(broker["pid"]):
            region.launch(broker, given.heap)
            region.save()
            region.wait([broker])
    answer = region.describe()
    for broker in answer["brokers"]:
        broker["state"] = "running" if alive(broker["pid"]) else "down"
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

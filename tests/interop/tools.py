#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs Apache Kafka's own command-line tools, unmodified, against any three brokers.

    tools.py --bootstrap H:P,... [--tool NAME ...] [--json OUT]
    tools.py --oracle ...                against Apache Kafka, which it starts and stops itself

Each check looks at what the tool printed. The tools come from Maven's jars (kafka_tools.py); where
they cannot be fetched everything is skipped, with CI=true it fails. Exits 1 if anything failed; the
last line is `N passed, N failed, N skipped`.
"""
import argparse
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import time

import kafka_oracle
import kafka_tools

DEADLINE_S = 60


class Unexpected(Exception):
    """A tool did not print what it should."""


class Bench:
    """The brokers under test; topics of one run share a prefix."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.prefix = "tools-" + secrets.token_hex(3)
        self.scratch = tempfile.TemporaryDirectory(prefix="gyre-tools-")

    def run(self, tool, *arguments, code=0, stdin=None, timeout_s=120):
        """The tool's stdout and stderr; raises on another exit code than expected."""
        where = ("--bootstrap-server", self.bootstrap)
        # kafka-cluster wants the address after its subcommand.
        arguments = (*arguments, *where) if tool == "kafka-cluster" else (*where, *arguments)
        status, out, err = kafka_tools.run(tool, *arguments, stdin=stdin, timeout_s=timeout_s)
        if status != code:
            raise Unexpected(f"{tool} {' '.join(arguments)}: exit code {status}, not {code}: "
                             f"{(out + err)[-600:]}")
        return out + err

    def expect(self, tool, arguments, *patterns, code=0):
        text = self.run(tool, *arguments, code=code)
        for pattern in patterns:
            if not re.search(pattern, text, re.M):
                raise Unexpected(f"{tool} {' '.join(arguments)}: no /{pattern}/ in: {text[-800:]}")
        return text

    def until(self, tool, arguments, pattern):
        """Repeats a tool whose answer comes with some delay."""
        end = time.monotonic() + DEADLINE_S
        while True:
            text = self.run(tool, *arguments)
            if re.search(pattern, text, re.M):
                return text
            if time.monotonic() > end:
                raise Unexpected(f"{tool} {' '.join(arguments)}: no /{pattern}/ within "
                                 f"{DEADLINE_S} s in: {text[-800:]}")

    def topic(self, name, *more):
        topic = f"{self.prefix}-{name}"
        if not more:
            more = ("--partitions", "1", "--replication-factor", "3")
        self.run("kafka-topics", "--create", "--topic", topic, *more)
        return topic

    def file(self, name, content):
        path = pathlib.Path(self.scratch.name) / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def produce(self, topic, count):
        """The parsed lines of the verifiable producer."""
        text = self.run("kafka-verifiable-producer", "--topic", topic, "--max-messages",
                        str(count), "--throughput", "-1", "--acks", "-1")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def nodes(self):
        """The node ids, in order."""
        text = self.run("kafka-broker-api-versions")
        return sorted({int(found) for found in re.findall(r"\(id: (\d+) rack", text)})


def kafka_topics(bench):
    topic = bench.topic("topics", "--partitions", "3", "--replication-factor", "3", "--config",
                        "retention.ms=123456")
    bench.until("kafka-topics", ["--list"], f"^{topic}$")
    bench.expect("kafka-topics", ["--describe", "--topic", topic],
                 r"PartitionCount: 3\s+ReplicationFactor: 3\s+Configs:.*retention\.ms=123456",
                 r"Partition: 2\s+Leader: \d+\s+Replicas: \d+,\d+,\d+\s+Isr: \d+,\d+,\d+")
    bench.expect("kafka-topics", ["--create", "--topic", topic], "already exists", code=1)
    bench.run("kafka-topics", "--create", "--topic", topic, "--if-not-exists")
    bench.run("kafka-topics", "--alter", "--topic", topic, "--partitions", "5")
    bench.until("kafka-topics", ["--describe", "--topic", topic], "PartitionCount: 5")
    bench.expect("kafka-topics", ["--alter", "--topic", topic, "--partitions", "2"],
                 "would not be an increase|lower than|currently has 5 partitions", code=1)
    bench.expect("kafka-topics", ["--create", "--topic", bench.prefix + "-x", "--partitions", "1",
                                  "--replication-factor", "50"],
                 "InvalidReplicationFactorException", code=1)
    if "Topic:" in bench.run("kafka-topics", "--describe", "--under-replicated-partitions",
                             "--topic", topic):
        raise Unexpected("an under-replicated partition in a region at rest")
    bench.run("kafka-topics", "--delete", "--topic", topic)
    bench.expect("kafka-topics", ["--describe", "--topic", topic], "does not exist", code=1)


def kafka_configs(bench):
    topic = bench.topic("configs")
    entity = ["--entity-type", "topics", "--entity-name", topic]
    bench.expect("kafka-configs", [*entity, "--alter", "--add-config",
                                   "retention.ms=3600000,max.message.bytes=200000"],
                 "Completed updating config")
    bench.until("kafka-configs", [*entity, "--describe"], r"retention\.ms=3600000 sensitive=false "
                r"synonyms=\{DYNAMIC_TOPIC_CONFIG:retention\.ms=3600000")
    bench.expect("kafka-configs", [*entity, "--describe", "--all"], r"max\.message\.bytes=200000",
                 r"segment\.bytes=\d+ ", r"cleanup\.policy=delete ")
    bench.run("kafka-configs", *entity, "--alter", "--delete-config", "retention.ms")
    text = bench.until("kafka-configs", [*entity, "--describe"], r"max\.message\.bytes=200000")
    if "retention.ms" in text:
        raise Unexpected(f"retention.ms is still there: {text}")
    bench.expect("kafka-configs", [*entity, "--alter", "--add-config", "retention.ms=soon"],
                 "InvalidConfigurationException", code=1)
    bench.expect("kafka-configs", ["--entity-type", "brokers", "--entity-name",
                                   str(bench.nodes()[0]), "--describe", "--all"],
                 r"log\.retention\.ms|log\.retention\.hours", r"num\.partitions=\d+")
    options_of_brokers(bench)
    levels_of_loggers(bench)


def options_of_brokers(bench):
    brokers = ["--entity-type", "brokers", "--entity-default"]
    bench.expect("kafka-configs", [*brokers, "--alter", "--add-config", "max.connections=5000"],
                 "Completed updating default config for brokers")
    bench.until("kafka-configs", [*brokers, "--describe"], r"max\.connections=5000 sensitive=false "
                r"synonyms=\{DYNAMIC_DEFAULT_BROKER_CONFIG:max\.connections=5000")
    bench.expect("kafka-configs", [*brokers, "--alter", "--delete-config", "max.connections"],
                 "Completed updating default config for brokers")
    bench.expect("kafka-configs", [*brokers, "--alter", "--add-config", "broker.rack=x"],
                 r"InvalidRequestException: Cannot update these configs dynamically: \[broker\.rack\]",
                 code=1)


def levels_of_loggers(bench):
    loggers = ["--entity-type", "broker-loggers", "--entity-name", str(bench.nodes()[0])]
    text = bench.expect("kafka-configs", [*loggers, "--describe"], r"=(INFO|WARN) sensitive=false")
    name = re.search(r"^ *(\S+)=(?:INFO|WARN) sensitive", text, re.M).group(1)
    bench.expect("kafka-configs", [*loggers, "--alter", "--add-config", f"{name}=ERROR"],
                 "Completed updating config for broker-logger")
    bench.until("kafka-configs", [*loggers, "--describe"], rf"{re.escape(name)}=ERROR sensitive")
    bench.expect("kafka-configs", [*loggers, "--alter", "--delete-config", name],
                 "Completed updating config for broker-logger")
    bench.expect("kafka-configs", [*loggers, "--alter", "--add-config", f"{name}=LOUD"],
                 "InvalidConfigurationException", code=1)


def kafka_consumer_groups(bench):
    topic, group = bench.topic("groups"), bench.prefix + "-group"
    bench.produce(topic, 100)
    consume(bench, topic, group, 100)
    this = ["--group", group]
    bench.until("kafka-consumer-groups", ["--list"], f"^{group}$")
    bench.until("kafka-consumer-groups", [*this, "--describe", "--state"], r"Empty\s+0")
    bench.expect("kafka-consumer-groups", [*this, "--describe"],
                 rf"{group}\s+{topic}\s+0\s+100\s+100\s+0\s+-\s+-\s+-")
    bench.expect("kafka-consumer-groups", [*this, "--topic", topic, "--reset-offsets",
                                           "--to-offset", "40", "--execute"],
                 rf"{topic}\s+0\s+40")
    bench.expect("kafka-consumer-groups", [*this, "--describe"], rf"{topic}\s+0\s+40\s+100\s+60")
    bench.expect("kafka-consumer-groups", [*this, "--topic", topic, "--reset-offsets",
                                           "--to-earliest", "--dry-run"], rf"{topic}\s+0\s+0")
    bench.expect("kafka-consumer-groups", [*this, "--delete-offsets", "--topic", topic],
                 "Successful|Status")
    bench.expect("kafka-consumer-groups", [*this, "--delete"],
                 r"Deletion of requested consumer groups .*was successful")
    bench.expect("kafka-groups", ["--list"], "GROUP")


def consume(bench, topic, group, count):
    """Runs the verifiable consumer; what it said, parsed."""
    text = bench.run("kafka-verifiable-consumer", "--topic", topic, "--group-id", group,
                     "--max-messages", str(count), "--reset-policy", "earliest", "--verbose")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def kafka_get_offsets(bench):
    topic = bench.topic("offsets", "--partitions", "2", "--replication-factor", "3")
    bench.produce(topic, 50)
    text = bench.run("kafka-get-offsets", "--topic", topic)
    found = re.findall(rf"^{topic}:(\d):(\d+)$", text, re.M)
    if [p for p, _ in found] != ["0", "1"] or sum(int(o) for _, o in found) != 50:
        raise Unexpected(text)
    bench.expect("kafka-get-offsets", ["--topic", topic, "--time", "earliest"],
                 f"^{topic}:0:0$", f"^{topic}:1:0$")
    single = bench.topic("single")
    bench.produce(single, 5)
    bench.expect("kafka-get-offsets", ["--topic-partitions", f"{single}:0", "--time",
                                       "max-timestamp"], rf"^{single}:0:[0-4]$")


def kafka_delete_records(bench):
    topic = bench.topic("delete")
    bench.produce(topic, 50)
    wish = bench.file("delete.json", {"version": 1, "partitions": [
        {"topic": topic, "partition": 0, "offset": 30}]})
    bench.expect("kafka-delete-records", ["--offset-json-file", wish],
                 rf"partition: {topic}-0\s+low_watermark: 30")
    bench.expect("kafka-get-offsets", ["--topic", topic, "--time", "earliest"], f"^{topic}:0:30$")
    wish = bench.file("delete.json", {"version": 1, "partitions": [
        {"topic": topic, "partition": 0, "offset": 500}]})
    text = bench.run("kafka-delete-records", "--offset-json-file", wish)
    if "OffsetOutOfRangeException" not in text:
        raise Unexpected(text)


def kafka_reassign_partitions(bench):
    nodes = bench.nodes()
    topic = bench.topic("reassign", "--replica-assignment", f"{nodes[0]}:{nodes[1]}")
    bench.produce(topic, 100)
    wish = bench.file("reassign.json", {"version": 1, "partitions": [
        {"topic": topic, "partition": 0, "replicas": [nodes[1], nodes[2]]}]})
    bench.expect("kafka-reassign-partitions", ["--reassignment-json-file", wish, "--execute"],
                 "Successfully started partition reassignment")
    bench.until("kafka-reassign-partitions", ["--reassignment-json-file", wish, "--verify"],
                rf"Reassignment of partition {topic}-0 is (completed|complete)")
    bench.expect("kafka-topics", ["--describe", "--topic", topic],
                 rf"Replicas: {nodes[1]},{nodes[2]}\s+Isr: ({nodes[1]},{nodes[2]}|{nodes[2]},"
                 rf"{nodes[1]})")
    bench.expect("kafka-reassign-partitions", ["--list"], "No partition reassignments found")
    bench.expect("kafka-get-offsets", ["--topic", topic], f"^{topic}:0:100$")
    throttled_moves(bench)


def throttled_moves(bench):
    """A move that a throttle holds up, called off; then one that --verify frees of its throttle."""
    nodes = bench.nodes()
    topic = bench.topic("throttled", "--replica-assignment", str(nodes[0]))
    wish = bench.file("throttled.json", {"version": 1, "partitions": [
        {"topic": topic, "partition": 0, "replicas": [nodes[1]]}]})
    this = ["--reassignment-json-file", wish]
    bench.run("kafka-producer-perf-test", "--topic", topic, "--num-records", "300",
              "--record-size", "100000", "--throughput", "-1")
    limits = ["--entity-type", "topics", "--entity-name", topic, "--describe"]
    bench.expect("kafka-reassign-partitions", [*this, "--cancel"],
                 rf"Partition reassignments? for .*{topic}-0.*|None of the specified partition moves "
                 "are active")
    bench.expect("kafka-reassign-partitions", [*this, "--execute", "--throttle", "200000"],
                 "The inter-broker throttle limit was set to 200000 B/s",
                 "Successfully started partition reassignment")
    bench.expect("kafka-reassign-partitions", ["--list"],
                 rf"{topic}-0: replicas: {nodes[1]},{nodes[0]}\. adding: {nodes[1]}\. "
                 rf"removing: {nodes[0]}\.")
    bench.expect("kafka-configs", limits,
                 rf"leader\.replication\.throttled\.replicas=0:{nodes[0]} ",
                 rf"follower\.replication\.throttled\.replicas=0:{nodes[1]} ")
    bench.expect("kafka-reassign-partitions", [*this, "--execute", "--throttle", "100000"],
                 "Cannot execute because there is an existing partition assignment", code=1)
    bench.expect("kafka-reassign-partitions", [*this, "--verify"],
                 rf"Reassignment of partition {topic}-0 is still in progress")
    bench.expect("kafka-reassign-partitions", [*this, "--cancel"],
                 rf"Successfully cancelled partition reassignments? for: {topic}-0",
                 "Clearing broker-level throttles", "Clearing topic-level throttles")
    bench.expect("kafka-reassign-partitions", ["--list"], "No partition reassignments found")
    bench.expect("kafka-topics", ["--describe", "--topic", topic],
                 rf"Replicas: {nodes[0]}\s+Isr: {nodes[0]}\b")
    bench.expect("kafka-reassign-partitions", [*this, "--execute", "--throttle", "100000000"],
                 "Successfully started partition reassignment")
    bench.until("kafka-reassign-partitions", [*this, "--verify"],
                rf"Reassignment of partition {topic}-0 is (completed|complete)")
    bench.until("kafka-topics", ["--describe", "--topic", topic], rf"Replicas: {nodes[1]}\s+Isr")
    if "throttled" in bench.run("kafka-configs", *limits).replace(topic, ""):
        raise Unexpected("--verify left a throttle")
    bench.expect("kafka-get-offsets", ["--topic", topic], f"^{topic}:0:300$")


def kafka_leader_election(bench):
    nodes = bench.nodes()
    topic = bench.topic("election", "--replica-assignment", ":".join(map(str, nodes)))
    bench.until("kafka-topics", ["--describe", "--topic", topic], f"Leader: {nodes[0]}")
    bench.expect("kafka-leader-election", ["--election-type", "PREFERRED", "--topic", topic,
                                           "--partition", "0"], "Valid replica already elected")
    # A new order of the same replicas leaves the leader where it is, no longer preferred.
    wish = bench.file("order.json", {"version": 1, "partitions": [
        {"topic": topic, "partition": 0, "replicas": [nodes[1], nodes[0], nodes[2]]}]})
    bench.run("kafka-reassign-partitions", "--reassignment-json-file", wish, "--execute")
    bench.until("kafka-reassign-partitions", ["--reassignment-json-file", wish, "--verify"],
                f"Reassignment of partition {topic}-0 is complete")
    bench.expect("kafka-leader-election", ["--election-type", "PREFERRED", "--topic", topic,
                                           "--partition", "0"],
                 "Successfully completed leader election|Valid replica already elected")
    bench.until("kafka-topics", ["--describe", "--topic", topic], f"Leader: {nodes[1]}")


def kafka_log_dirs(bench):
    topic = bench.topic("dirs")
    bench.produce(topic, 1000)
    text = bench.run("kafka-log-dirs", "--describe", "--topic-list", topic)
    answer = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
    sizes = [partition["size"] for broker in answer["brokers"] for directory in broker["logDirs"]
             for partition in directory["partitions"]]
    errors = [d["error"] for broker in answer["brokers"] for d in broker["logDirs"] if d["error"]]
    if len(sizes) != 3 or min(sizes) < 1000 or errors:
        raise Unexpected(text)


def kafka_verifiable(bench):
    topic = bench.topic("verifiable", "--partitions", "3", "--replication-factor", "3")
    lines = bench.produce(topic, 1000)
    acknowledged = [line for line in lines if line["name"] == "producer_send_success"]
    last = [line for line in lines if line["name"] == "tool_data"][0]
    if len(acknowledged) != 1000 or last["acked"] != 1000:
        raise Unexpected(f"{len(acknowledged)} acknowledged, {last}")
    lines = consume(bench, topic, bench.prefix + "-verifiable", 1000)
    values = sorted(int(l["value"]) for l in lines if l["name"] == "record_data")
    if values[:1000] != list(range(1000)):
        raise Unexpected(f"{len(values)} records read")
    commits = [line for line in lines if line["name"] == "offsets_committed"]
    if not commits or not all(line["success"] for line in commits):
        raise Unexpected(f"commits: {commits}")


def kafka_console(bench):
    topic = bench.topic("console")
    bench.run("kafka-console-producer", "--topic", topic, "--property", "parse.key=true",
              "--property", "key.separator=:", stdin="a:one\nb:two\n")
    bench.expect("kafka-console-consumer", ["--topic", topic, "--from-beginning", "--max-messages",
                                            "2", "--property", "print.key=true"],
                 r"^a\tone$", r"^b\ttwo$")


def kafka_perf(bench):
    topic = bench.topic("perf", "--partitions", "3", "--replication-factor", "3")
    bench.expect("kafka-producer-perf-test",
                 ["--topic", topic, "--num-records", "20000", "--record-size", "100",
                  "--throughput", "-1", "--command-property", "acks=all", "linger.ms=5"],
                 r"^20000 records sent, [\d.]+ records/sec")
    text = bench.run("kafka-consumer-perf-test", "--topic", topic, "--num-records", "20000",
                     "--timeout", "60000")
    row = [line for line in text.splitlines() if re.match(r"\d{4}-", line)][-1].split(", ")
    if int(row[4]) < 20000:
        raise Unexpected(text)
    topic = bench.topic("latency")
    bench.expect("kafka-e2e-latency", ["--topic", topic, "--num-records", "200", "--producer-acks",
                                       "all", "--record-size", "100"],
                 r"Percentiles: 50th = \d+")


def kafka_cluster(bench):
    bench.expect("kafka-cluster", ["cluster-id"], r"Cluster ID: \S{16,22}")


def kafka_metadata_quorum(bench):
    bench.expect("kafka-metadata-quorum", ["describe", "--status"], r"LeaderId:\s+\d+",
                 r"CurrentVoters:\s+\[")


def kafka_client_compatibility(bench):
    topic = bench.topic("compatibility")
    versions = bench.run("kafka-broker-api-versions")
    has_acls = "DescribeAcls(29): UNSUPPORTED" not in versions
    bench.run("kafka-client-compatibility", "--topic", topic, "--num-cluster-nodes", "3",
              "--offsets-for-times-supported", "true", "--cluster-id-supported", "true",
              "--expect-record-too-large-exception", "false", "--create-topics-supported", "true",
              "--describe-acls-supported", str(has_acls).lower(),
              "--describe-configs-supported", "true",
              "--idempotent-producer-supported", "true")


CHECKS = [kafka_topics, kafka_configs, kafka_consumer_groups, kafka_get_offsets,
          kafka_delete_records, kafka_reassign_partitions, kafka_leader_election, kafka_log_dirs,
          kafka_verifiable, kafka_console, kafka_perf, kafka_cluster, kafka_metadata_quorum,
          kafka_client_compatibility]


def name_of(check):
    return check.__name__.replace("_", "-")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap")
    parser.add_argument("--oracle", action="store_true")
    parser.add_argument("--tool", action="append", choices=[name_of(check) for check in CHECKS])
    parser.add_argument("--json")
    given = parser.parse_args()
    if bool(given.bootstrap) == given.oracle:
        parser.error("either --bootstrap or --oracle")
    try:
        kafka_oracle.fetch()
        kafka_oracle.make_class_archive()
    except (OSError, subprocess.CalledProcessError) as problem:
        is_bad = os.environ.get("CI") == "true"
        print(f"{'failed' if is_bad else 'skipped'} kafka-tools: {problem}")
        print(f"0 passed, {int(is_bad)} failed, {int(not is_bad)} skipped")
        sys.exit(int(is_bad))
    region = None
    if given.oracle:
        region = kafka_oracle.start(tempfile.mkdtemp(prefix="gyre-kafka-"), 3)
    bench = Bench(given.bootstrap or region.describe()["bootstrap"])
    rows = []
    try:
        for check in CHECKS:
            if given.tool and name_of(check) not in given.tool:
                continue
            begun = time.monotonic()
            row = {"tool": name_of(check), "result": "passed"}
            try:
                check(bench)
            except (Unexpected, ValueError, LookupError, StopIteration) as problem:
                row.update(result="failed", why=f"{type(problem).__name__}: {problem}")
            row["seconds"] = round(time.monotonic() - begun, 1)
            rows.append(row)
            print(f"{row['result']:7} {row['tool']} {row['seconds']} s {row.get('why', '')}",
                  flush=True)
    finally:
        if region:
            region.end()
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(rows, indent=1) + "\n")
    failed = sum(row["result"] == "failed" for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

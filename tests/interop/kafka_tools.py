#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the command-line tools of Apache Kafka by the names of its scripts, from Maven's jars.

    kafka_tools.py kafka-topics --bootstrap-server HOST:PORT --list
"""
import os
import subprocess
import sys

import kafka_oracle

TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
    "kafka-verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-e2e-latency": "org.apache.kafka.tools.EndToEndLatency",
    "kafka-client-compatibility": "org.apache.kafka.tools.ClientCompatibilityTest",
    "kafka-dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-delegation-tokens": "org.apache.kafka.tools.DelegationTokenCommand",
}

LOG4J = """\
Configuration:
  status: error
  Appenders:
    Console:
      name: err
      target: SYSTEM_ERR
      PatternLayout: {pattern: "[%d] %p %m (%c)%n"}
  Loggers:
    Root:
      level: warn
      AppenderRef: {ref: err}
"""


def command(tool, *arguments):
    """The argument vector that runs the tool."""
    kafka_oracle.fetch()
    settings = kafka_oracle.cache_dir() / "tools-log4j2.yaml"
    if not settings.exists() or settings.read_text() != LOG4J:
        settings.write_text(LOG4J)
    options = [f"-Dlog4j2.configurationFile={settings}"]
    # The broker's archive of classes holds what the clients need too.
    if kafka_oracle.class_archive().exists():
        options.append(f"-XX:SharedArchiveFile={kafka_oracle.class_archive()}")
    return kafka_oracle.java(TOOLS[tool], *arguments, options=options)


def run(tool, *arguments, timeout_s=120, stdin=None):
    """Runs the tool to its end: (exit code, stdout, stderr)."""
    try:
        done = subprocess.run(command(tool, *arguments), input=stdin, capture_output=True,
                              text=True, timeout=timeout_s, check=False)
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode(), f"{tool}: not done after {timeout_s} s"


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in TOOLS:
        print(__doc__ + "\nTools: " + ", ".join(TOOLS), file=sys.stderr)
        sys.exit(2)
    arguments = command(sys.argv[1], *sys.argv[2:])
    os.execvp(arguments[0], arguments)


if __name__ == "__main__":
    main()

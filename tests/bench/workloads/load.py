# SPDX-License-Identifier: Apache-2.0
"""Workloads under load: produce, consume, latency at a fixed rate, many partitions."""
import re
import subprocess

from workloads.brokers import blast, kafka_oracle, topic_config

PERF = "org.apache.kafka.tools.ProducerPerformance"


def measured(brokers, mode, given, *arguments, warm_s=None):
    """A load that warms up in its own run; CPU is counted over the measured run alone."""
    warm_s = given.warmup if warm_s is None else warm_s
    if warm_s > 0:
        blast(brokers, mode, *arguments, "--duration", warm_s)
    before = brokers.cpu_s()
    answer = blast(brokers, mode, *arguments, "--duration", given.seconds)
    used = brokers.cpu_s() - before
    gigabytes = answer["bytes"] * 1e-9
    latency = answer["latency_us"]
    return {"mb_per_s": answer["mb_per_s"], "records_per_s": answer["records_per_s"],
            "requests_per_s": answer["requests_per_s"],
            "cpu_s_per_gb": used / gigabytes if gigabytes else 0.0,
            "cpu_us_per_record": used * 1e6 / max(1, answer["records"]),
            "p50_ms": latency["p50"] / 1000, "p99_ms": latency["p99"] / 1000,
            "p99_9_ms": latency["p99_9"] / 1000, "unanswered": answer["unanswered"],
            "rss_mb": brokers.rss_mb()}


def pick(figures, *names):
    return {name: figures[name] for name in names}


def java_perf(brokers, records, size, *properties):
    """kafka-producer-perf-test; returns MB/s of record bytes as it prints them."""
    pin = ["taskset", "-c", "1"] if brokers.count == 1 else []
    done = subprocess.run(
        [*pin, "java", "-Xmx512m", "-XX:+UseG1GC", "-XX:ActiveProcessorCount=2", "-cp",
         kafka_oracle.classpath(), PERF, "--topic", "perf", "--num-records", str(records),
         "--record-size", str(size), "--throughput", "-1", "--bootstrap-server",
         brokers.bootstrap, "--producer-props", *properties, *brokers.java_security],
        capture_output=True, text=True, timeout=600, check=False)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    found = re.match(r"(\d+) records sent, ([\d.]+) records/sec", last)
    if done.returncode != 0 or not found or int(found.group(1)) != records:
        raise RuntimeError(f"{brokers.product}: perf: {done.stdout[-300:]}{done.stderr[-600:]}")
    return float(found.group(2))


def java_produce(brokers, given, size, share, properties):
    """Warm-up and run of a fixed number of records, so that both brokers take the same bytes."""
    create = ["produce", "-t", "perf", "--create", 6, "--replication", 1, "--duration", 0.1]
    empty_mb = brokers.rss_mb()
    blast(brokers, create[0], *create[1:], *topic_config(brokers))
    records = int(given.seconds * share)
    java_perf(brokers, records, size, *properties)
    before = brokers.cpu_s()
    rate = java_perf(brokers, records, size, *properties)
    used = brokers.cpu_s() - before
    return {"mb_per_s": rate * size * 1e-6, "records_per_s": rate,
            "cpu_s_per_gb": used / (records * size * 1e-9), "rss_empty_mb": empty_mb,
            "rss_mb": brokers.rss_mb()}


def w1(brokers, given):
    return java_produce(brokers, given, 100, 300_000,
                        ("acks=1", "batch.size=65536", "linger.ms=5"))


def w2(brokers, given):
    return java_produce(brokers, given, 1024, 60_000,
                        ("acks=all", "batch.size=16384", "linger.ms=5"))


def w3(brokers, given):
    return measured(brokers, "produce", given, "-t", "w3", "--create", 16, "--replication", 1,
                    "--batch-bytes", 16384, "--connections", 4, *topic_config(brokers))


def w3_large(brokers, given):
    return measured(brokers, "produce", given, "-t", "w3", "--create", 16, "--replication", 1,
                    "--batch-bytes", 262144, "--connections", 4, *topic_config(brokers))


def w4(brokers, given):
    return measured(brokers, "produce", given, "-t", "w4", "--create", 16, "--replication", 1,
                    "--records", 1, "--connections", 32, "--depth", 1, *topic_config(brokers))


def w5(brokers, given):
    """What was produced stays in the page cache and is read again and again."""
    blast(brokers, "produce", "-t", "w5", "--create", 16, "--replication", 1, "--batch-bytes",
          262144, "--duration", 120, "--total-bytes", int(given.gigabytes * 1e9),
          *topic_config(brokers))
    figures = measured(brokers, "fetch", given, "-t", "w5", "--again")
    return pick(figures, "mb_per_s", "cpu_s_per_gb", "rss_mb")


def per_cpu_second(run):
    """What a workload says of bytes, by the second of the brokers' CPU."""
    def measure(brokers, given):
        figures = run(brokers, given)
        return {"mb_per_cpu_s": 1000 / figures["cpu_s_per_gb"],
                **pick(figures, "mb_per_s", "rss_mb")}
    return measure


def rate_of(records_per_s):
    def run(brokers, given):
        replicas = min(3, brokers.count)
        config = {"min_insync_replicas": 2} if replicas == 3 else {}
        figures = measured(brokers, "rate", given, "-t", "rate", "--create", 10, "--replication",
                           replicas, "--rate", records_per_s, "--records", 100,
                           *topic_config(brokers, **config))
        return pick(figures, "p50_ms", "p99_ms", "p99_9_ms", "records_per_s",
                    "cpu_us_per_record", "unanswered")
    return run


def w11(brokers, given):
    return measured(brokers, "produce", given, "-t", "w11", "--create", 12, "--replication", 3,
                    "--batch-bytes", 16384, "--connections", 2,
                    *topic_config(brokers, min_insync_replicas=2))


def w13(brokers, given):
    return measured(brokers, "produce", given, "-t", "w13", "--create", given.partitions,
                    "--replication", 1, "--records", 1, "--batches", 100, "--depth", 5,
                    *topic_config(brokers))

# SPDX-License-Identifier: Apache-2.0
"""What a broker costs beside the load: idle, start, failover."""
import json
import pathlib
import signal
import subprocess
import time

from workloads.brokers import blast, kafka_oracle, wait_answers

HERE = pathlib.Path(__file__).resolve().parent
START_TIMEOUT_S = 240
FILL_TIMEOUT_S = 600
BURST_BYTES = 200_000_000


def create(brokers, topic, partitions, replicas, *arguments):
    """Creates the topic, waits until a broker leads every partition, and writes to each."""
    begin = time.monotonic()
    while True:
        try:
            blast(brokers, "produce", "-t", topic, "--create", partitions, "--replication",
                  replicas, "--records", 1, "--duration", 60, "--total-bytes", 1)
            break
        except RuntimeError as problem:
            if time.monotonic() - begin > START_TIMEOUT_S:
                raise problem
    return blast(brokers, "produce", "-t", topic, "--records", 1, "--batches",
                 min(partitions, 100), "--duration", FILL_TIMEOUT_S,
                 *(arguments or ("--total-bytes", partitions * 1100)), errors_fail=False,
                 timeout_s=2 * FILL_TIMEOUT_S)


def w17(brokers, given):
    create(brokers, "idle", given.partitions, min(3, brokers.count))
    time.sleep(given.settle)
    cpu, woken, begin = brokers.fine_cpu_s(), brokers.wakeups(), time.monotonic()
    time.sleep(given.idle_seconds)
    elapsed = time.monotonic() - begin
    return {"cpu_percent": 100 * (brokers.fine_cpu_s() - cpu) / elapsed,
            "wakeups_per_s": (brokers.wakeups() - woken) / elapsed, "rss_mb": brokers.rss_mb()}


def first_produce(brokers, begin, topic):
    """Seconds since begin until one record is acknowledged by every partition's leader."""
    while True:
        try:
            blast(brokers, "produce", "-t", topic, "--create", 1, "--replication", 1, "--records",
                  1, "--depth", 1, "--duration", 60, "--total-bytes", 1)
            return time.monotonic() - begin
        except RuntimeError as problem:
            if time.monotonic() - begin > START_TIMEOUT_S:
                raise problem
            time.sleep(0.005)


def restarted(brokers):
    begin = time.monotonic()
    brokers.launch(0)
    return first_produce(brokers, begin, "probe")


def filled(brokers, given):
    """A broker of this product that was filled once for all pairs, and then stopped in order."""
    if brokers.product not in given.filled:
        one = given.until_the_end.enter_context(
            type(brokers)(brokers.count, brokers.durability, starts=False))
        restarted(one)
        create(one, "filled", given.partitions, 1, "--total-bytes", int(given.gigabytes * 1e9))
        one.kill(0, signal.SIGTERM)
        given.filled[brokers.product] = one
    return given.filled[brokers.product]


def w19(brokers, given):
    """The broker that dies by kill -9 has just written to every partition, as all do in service."""
    figures = {"start_empty_s": restarted(brokers)}
    brokers.kill(0)
    full = filled(brokers, given)
    figures["start_filled_s"] = restarted(full)
    create(full, "filled", given.partitions, 1, "--total-bytes", BURST_BYTES)
    full.kill(0)
    figures["start_after_kill_s"] = restarted(full)
    full.kill(0, signal.SIGTERM)
    return figures


def w20(brokers, given):
    """kill -9 of the second of three brokers while an idempotent producer runs."""
    python = kafka_oracle.cache_dir() / "clients/confluent-kafka-python/venv/bin/python"
    if not python.exists():
        raise RuntimeError("no confluent-kafka-python; tests/interop/run.py prepares it")
    client = subprocess.Popen(
        [str(python), str(HERE / "failover_client.py"), brokers.bootstrap, "failover", "12",
         "500", "20"], stdout=subprocess.PIPE, text=True)
    try:
        if client.stdout.readline().strip() != "running":
            raise RuntimeError(f"{brokers.product}: the failover client did not get to work")
        brokers.kill(1)
        answer = json.loads(client.stdout.readline())
        client.wait(30)
    finally:
        client.kill()
        client.wait()
        brokers.launch(1)
        wait_answers(brokers)
    return {name: answer[name] for name in
            ("gap_ms", "acknowledged", "refused", "unanswered", "lost", "duplicated")}

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How near to its quota a client is kept: S12 of the security targets.

    tests/bench/quota_figures.py

One broker; a producer and a consumer that would take more than they may. What they got in a window of
quotas (11 seconds) is compared with the quota. The window begins with the client: as in Kafka, it may
take a window's worth at once and then rests, so that the seconds are not alike, but windows are.
Partitions that are made may come in a burst of a window's worth: they are counted after it, as are
connections.
Prints one JSON object; exit status 1: more than 10 % off.

The binaries are those in build/release/bin, or in GYRE_BIN.
"""
import json
import pathlib
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests/support"), str(ROOT / "tests/integration")]

# pylint: disable=wrong-import-position
from kafka_wire import Closed, Connection  # noqa: E402
from region import BIN, Region  # noqa: E402

BYTES_PER_SECOND = 1_000_000
WINDOW_S = 11
OFF_MAX = 0.1
MUTATIONS_PER_SECOND, PARTITIONS = 20, 5
CONNECTIONS_PER_SECOND, DIALLERS = 20, 4


def blast(region, mode, *words):
    done = subprocess.run([BIN / "blast", mode, "-b", region.bootstrap, "-t", "records", "--json",
                           "--record-bytes", "1000", *map(str, words)],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(region, mode, key, *words):
    """`blast` counts payload; the quota counts requests and answers, which are a little larger."""
    region.on("quota", "set", "--for-user", "ANONYMOUS", f"{key}={BYTES_PER_SECOND}")
    row = blast(region, mode, "--duration", WINDOW_S, *words)
    region.on("quota", "set", "--for-user", "ANONYMOUS", "--delete", key)
    share = row["bytes"] / row["seconds"] / BYTES_PER_SECOND
    return {"quota": BYTES_PER_SECOND, "got": round(row["bytes"] / row["seconds"]),
            "share": round(share, 3), "errors": row["errors"]}


def figure(quota, count, began):
    got = count / (time.monotonic() - began)
    return {"quota": quota, "got": round(got, 2), "share": round(got / quota, 3), "errors": 0}


def make_topics(region):
    """Topics as fast as it is allowed: a client that rests as it is told and tries again."""
    region.on("quota", "set", "--for-user", "ANONYMOUS",
              f"controller_mutation_rate={MUTATIONS_PER_SECOND}")
    made, began = 0, None
    with Connection(region.address(0)) as connection:
        for number in range(10_000):
            answer = connection.call("CreateTopics", 7, timeout_ms=10000, topics=[
                {"name": f"made-{number}", "num_partitions": PARTITIONS, "replication_factor": 1}])
            if answer["topics"][0]["error_code"] == 0:
                made += 0 if began is None else PARTITIONS
            elif began is None:  # the burst is over
                began = time.monotonic()
            if began is not None and time.monotonic() - began >= WINDOW_S:
                break
        row = figure(MUTATIONS_PER_SECOND, made, began)
    region.on("quota", "set", "--for-user", "ANONYMOUS", "--delete", "controller_mutation_rate")
    return row


def dial(region):
    """Connections that are served, from several who dial without a pause; after a window's worth."""
    region.on("quota", "set", "--for-ip", "127.0.0.1",
              f"connection_creation_rate={CONNECTIONS_PER_SECOND}")
    served = []
    ends = time.monotonic() + 2 * WINDOW_S

    def keep_dialling():
        while time.monotonic() < ends:
            with Connection(region.address(0)) as connection:
                try:
                    connection.call("ApiVersions", 0)
                    served.append(time.monotonic())
                except (Closed, OSError):
                    pass

    diallers = [threading.Thread(target=keep_dialling) for _ in range(DIALLERS)]
    for one in diallers:
        one.start()
    for one in diallers:
        one.join()
    began = ends - WINDOW_S
    count = len([at for at in served if began <= at < ends])
    time.sleep(1)
    region.on("quota", "set", "--for-ip", "127.0.0.1", "--delete", "connection_creation_rate")
    got = count / WINDOW_S
    return {"quota": CONNECTIONS_PER_SECOND, "got": round(got, 2),
            "share": round(got / CONNECTIONS_PER_SECOND, 3), "errors": 0}


def main():
    with Region(brokers=1) as region:
        blast(region, "produce", "--create", 1, "--records", 20, "--total-bytes", 100_000_000)
        rows = {"window_s": WINDOW_S,
                "produce": measure(region, "produce", "producer_byte_rate", "--records", 20,
                                   "--depth", 4),
                "fetch": measure(region, "fetch", "consumer_byte_rate", "--again",
                                 "--fetch-bytes", 65536),
                "mutation": make_topics(region),
                "connection": dial(region)}
    rows["is_met"] = all(abs(rows[name]["share"] - 1) <= OFF_MAX and rows[name]["errors"] == 0
                         for name in ("produce", "fetch", "mutation", "connection"))
    print(json.dumps(rows))
    return 0 if rows["is_met"] else 1


if __name__ == "__main__":
    sys.exit(main())

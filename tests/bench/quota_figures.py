#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How near to its quota a client is kept: S12 of the security targets.

    tests/bench/quota_figures.py

One broker; a producer and a consumer that would take more than they may. What they got in a window of
quotas (11 seconds) is compared with the quota. The window begins with the client: as in Kafka, it may
take a window's worth at once and then rests, so that the seconds are not alike, but windows are.
Prints one JSON object; exit status 1: more than 10 % off.

The binaries are those in build/release/bin, or in GYRE_BIN.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

from region import BIN, Region  # noqa: E402  pylint: disable=wrong-import-position

BYTES_PER_SECOND = 1_000_000
WINDOW_S = 11
OFF_MAX = 0.1


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


def main():
    with Region(brokers=1) as region:
        blast(region, "produce", "--create", 1, "--records", 20, "--total-bytes", 100_000_000)
        rows = {"window_s": WINDOW_S,
                "produce": measure(region, "produce", "producer_byte_rate", "--records", 20,
                                   "--depth", 4),
                "fetch": measure(region, "fetch", "consumer_byte_rate", "--again",
                                 "--fetch-bytes", 65536)}
    rows["is_met"] = all(abs(rows[name]["share"] - 1) <= OFF_MAX and rows[name]["errors"] == 0
                         for name in ("produce", "fetch"))
    print(json.dumps(rows))
    return 0 if rows["is_met"] else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's DumpLogSegments, unmodified, reads the segments that Gyre writes.

    segments.py            against a region that it starts itself (gyre dev), with each codec

Every batch must be valid, every record must be there once and in order, in every segment of every
replica. The last line is `N passed, N failed, N skipped`; exits 1 if anything failed.
"""
import os
import pathlib
import re
import subprocess
import sys

import kafka_oracle
import kafka_tools

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from region import Region  # noqa: E402 (found through the line above)

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
RECORDS = 2000
BROKERS = 3


def values(codec):
    return [f"{codec}-{number:06}-{'x' * 600}" for number in range(RECORDS)]


def write(region):
    """Each codec has a topic of several small segments; afterwards all is in files."""
    for codec in CODECS:
        region.on("topic", "create", codec, "--partitions", 1, "--replication-factor", BROKERS,
                  "--config", "segment.bytes=1048576")
        region.produce(codec, values(codec), partition=0,
                       settings=[f"compression.codec={codec}", "batch.num.messages=50"])
    region.down()


def logs(home):
    """The directories that hold batches, each with its segments in order."""
    found = {}
    for path in sorted(home.rglob("*.log")):
        if path.name != "gyred.log":
            found.setdefault(path.parent, []).append(path)
    return found


def dump(paths):
    """What the tool says of one replica's segments: payloads and offsets, or raises."""
    status, out, err = kafka_tools.run("kafka-dump-log", "--deep-iteration", "--print-data-log",
                                       "--files", ",".join(map(str, paths)))
    if status != 0 or "isvalid: false" in out or "isvalid: true" not in out:
        raise ValueError(f"exit code {status}: {(err + out)[-400:]}")
    return re.findall(r"^\| offset: (\d+) .* payload: (.*)$", out, re.M)


def check(region, node_id):
    """Passed and failed for one broker."""
    seen, failed = set(), 0
    for directory, paths in logs(region.home(node_id)).items():
        try:
            records = dump(paths)
            codec = records[0][1].split("-")[0] if records else ""
            if codec not in CODECS:
                continue  # not a topic of this test
            if [payload for _, payload in records] != values(codec):
                raise ValueError(f"{len(records)} records of {codec} are not those that were sent")
            if [int(offset) for offset, _ in records] != list(range(RECORDS)):
                raise ValueError(f"the offsets of {codec} have gaps")
            seen.add(codec)
            print(f"passed  broker {node_id} {codec}: {len(paths)} segments", flush=True)
        except ValueError as problem:
            failed += 1
            print(f"failed  broker {node_id} {directory.name}: {problem}", flush=True)
    for codec in set(CODECS) - seen:
        failed += 1
        print(f"failed  broker {node_id}: no segments of {codec}", flush=True)
    return len(seen), failed


def main():
    try:
        kafka_oracle.fetch()
        kafka_oracle.make_class_archive()
    except (OSError, subprocess.CalledProcessError) as problem:
        is_bad = os.environ.get("CI") == "true"
        print(f"{'failed' if is_bad else 'skipped'} segments: {problem}")
        print(f"0 passed, {int(is_bad)} failed, {int(not is_bad)} skipped")
        sys.exit(int(is_bad))
    with Region(brokers=BROKERS) as region:
        write(region)
        counts = [check(region, node_id) for node_id in region.node_ids]
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three brokers with many partitions: how long, how idle and how small.

    tests/scale/run.py                      1,000 partitions, replication factor 3
    tests/scale/run.py --partitions 10000   the full count

Creates the partitions and writes to each, kills one broker (-9) and starts it again, lets the
region rest and measures CPU and memory. At last it writes so much to all of them that checkpoints
move every log, with fewer descriptors than there are files. Prints one JSON object, one line a check, and
`N passed, N failed`; exits 1 if a check failed. With --out FILE the JSON goes there too.
"""
import argparse
import json
import pathlib
import resource
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench"))
from workloads import brokers  # noqa: E402

TOPIC = "scale"
DESCRIPTORS = 4096
WIDE_BYTES = 400_000_000


def write_everywhere(region, partitions):
    """One record or more into every partition; raises unless every one was acknowledged."""
    batches = min(partitions, 100)
    answer = brokers.blast(region, "produce", "-t", TOPIC, "--records", 1, "--record-bytes", 100,
                           "--batches", batches, "--depth", 1, "--duration", 120, "--total-bytes",
                           2 * partitions * 180)
    if answer["records"] < partitions:
        raise RuntimeError(f"only {answer['records']} records were acknowledged")
    return answer


def create(region, partitions):
    """Until a client has written to every partition."""
    begin = time.monotonic()
    brokers.blast(region, "produce", "-t", TOPIC, "--create", partitions, "--replication", 3,
                  "--records", 1, "--duration", 60, "--total-bytes", 1)
    created_s = time.monotonic() - begin
    write_everywhere(region, partitions)
    return created_s, time.monotonic() - begin


def until_written(region, partitions, begin, timeout_s=120):
    """Seconds until one pass over all partitions succeeds, asked of a broker that lives."""
    while True:
        try:
            write_everywhere(region, partitions)
            return time.monotonic() - begin
        except RuntimeError:
            if time.monotonic() - begin > timeout_s:
                raise
            time.sleep(0.1)


def idle(region, seconds):
    cpu, begin = region.fine_cpu_s(), time.monotonic()
    time.sleep(seconds)
    return 100 * (region.fine_cpu_s() - cpu) / (time.monotonic() - begin)


def write_wide(region):
    """Seconds, and the most descriptors that a broker had open behind it; all must be alive."""
    begin = time.monotonic()
    answer = brokers.blast(region, "produce", "-t", TOPIC, "--records", 10, "--record-bytes", 1000,
                           "--batches", 100, "--depth", 2, "--duration", 120, "--total-bytes",
                           WIDE_BYTES, errors_fail=False)
    if answer["records"] < 0.9 * WIDE_BYTES / 1000:
        raise RuntimeError(f"only {answer['records']} records were acknowledged")
    seconds = time.monotonic() - begin
    return seconds, max(len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) for pid in region.pids)


def measure(given):
    figures = {"partitions": given.partitions}
    with brokers.Gyre(3) as region:
        empty_kib = region.memory_kib()
        figures["create_s"], figures["create_and_write_s"] = create(region, given.partitions)
        time.sleep(given.settle)
        figures["idle_percent"] = idle(region, given.idle_seconds)
        grown = [now - then for now, then in zip(region.memory_kib(), empty_kib)]
        figures["kib_per_partition"] = max(grown) / given.partitions
        figures["rss_mib"] = [kib // 1024 for kib in region.memory_kib()]
        begin = time.monotonic()
        region.kill(2)
        figures["survivors_serve_s"] = until_written(region, given.partitions, begin)
        begin = time.monotonic()
        region.launch(2)
        brokers.wait_ready(region.ports[2] + 40, timeout_s=120)
        figures["restart_ready_s"] = time.monotonic() - begin
        until_written(region, given.partitions, begin)
        time.sleep(given.settle)
        figures["idle_after_restart_percent"] = idle(region, given.idle_seconds)
        figures["wide_write_s"], figures["descriptors"] = write_wide(region)
        until_written(region, given.partitions, time.monotonic())
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--idle-seconds", type=float, default=20)
    parser.add_argument("--settle", type=float, default=15, help="before idle is measured")
    parser.add_argument("--out")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    figures = measure(given)
    most = {"create_and_write_s": 60, "survivors_serve_s": 20, "restart_ready_s": 20,
            "idle_percent": 5, "idle_after_restart_percent": 5, "kib_per_partition": 40,
            "wide_write_s": 60, "descriptors": DESCRIPTORS}
    failed = [name for name, limit in most.items() if figures[name] >= limit]
    text = json.dumps(figures)
    print(text)
    if given.out:
        pathlib.Path(given.out).write_text(text + "\n")
    for name, limit in most.items():
        print(f"{'FAILED' if name in failed else 'ok'}: {name} {figures[name]:.2f} < {limit}")
    print(f"{len(most) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

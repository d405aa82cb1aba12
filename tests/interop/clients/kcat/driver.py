#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The conversations that kcat can hold: it has no admin requests, so its topics make themselves."""
import json
import os
import subprocess

from conversation import BASE_MS, CODECS, Absent, ask, hold, until

TIMEOUT_S = 60


def kcat(bootstrap, *arguments, stdin=None):
    """Runs kcat to its end; its stdout. Raises on an exit code."""
    done = subprocess.run(["kcat", "-b", bootstrap, *arguments], input=stdin, text=True,
                          capture_output=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kcat {' '.join(arguments)}: {done.stderr[-400:]}")
    return done.stdout


def listing(bootstrap, topic):
    answer = json.loads(kcat(bootstrap, "-L", "-J", "-t", topic))
    return answer, answer["topics"][0]


def produce(bootstrap, topic, lines, *more, partition=0):
    kcat(bootstrap, "-P", "-t", topic, "-p", str(partition), "-X", "linger.ms=5", *more,
         stdin="".join(f"{line}\n" for line in lines))


def read(bootstrap, topic, count, *more, partition=0, offset="beginning"):
    """[{offset, key, payload, headers, ...}] as kcat prints them."""
    text = kcat(bootstrap, "-C", "-t", topic, "-p", str(partition), "-o", str(offset), "-J",
                "-c", str(count), "-q", *more)
    return [json.loads(line) for line in text.splitlines()]


def payloads(records):
    return [record["payload"] for record in records]


def warm(bootstrap, topic):
    """Asking for an unknown topic makes it; returns when it has leaders."""
    def attempt():
        found = listing(bootstrap, topic)[1]
        partitions = found["partitions"]
        return partitions and all(p["leader"] >= 0 and not p.get("error") for p in partitions)
    until("leaders", attempt)


def metadata(bootstrap, prefix):
    produce(bootstrap, prefix, ["one"])
    answer, topic = listing(bootstrap, prefix)
    return {"brokers": len(answer["brokers"]), "partitions": len(topic["partitions"]),
            "controller_is_set": answer["controllerid"] >= 0,
            "replicas": sorted({len(p["replicas"]) for p in topic["partitions"]}),
            "read": payloads(read(bootstrap, prefix, 1))}


def codecs(bootstrap, prefix):
    warm(bootstrap, prefix)
    seen = {}
    for number, codec in enumerate(CODECS):
        lines = [f"k{i}:value {i}" for i in range(20)]
        produce(bootstrap, prefix, lines, "-z", codec, "-K:", "-H", "h=one", "-H", "h=two")
        # With -Z an empty value is sent as null.
        produce(bootstrap, prefix, ["k:"], "-z", codec, "-K:", "-Z")
        records = read(bootstrap, prefix, 21, offset=21 * number)
        same = [f"{r['key']}:{r['payload']}" for r in records[:20]] == lines
        seen[codec] = {"same": same, "headers": records[0]["headers"], "last": records[20]["offset"],
                       "null": records[20]["payload"] is None, "type": records[0]["tstype"]}
    return seen


def idempotent(bootstrap, prefix):
    warm(bootstrap, prefix)
    seen = {}
    for partition in range(4):
        lines = [str(i) for i in range(partition, 1000, 4)]
        produce(bootstrap, prefix, lines, "-X", "enable.idempotence=true", "-X",
                "batch.num.messages=20", partition=partition)
        records = read(bootstrap, prefix, 250, partition=partition)
        seen[str(partition)] = [payloads(records) == lines,
                                [r["offset"] for r in records] == list(range(250))]
    return seen


def acks(bootstrap, prefix):
    warm(bootstrap, prefix)
    for level in ("0", "1", "all"):
        produce(bootstrap, prefix, [f"{level} {i}" for i in range(100)], "-X", f"acks={level}")
    records = read(bootstrap, prefix, 300)
    return {"read": len(records), "levels": sorted({r["payload"].split()[0] for r in records})}


def group(bootstrap, prefix):
    warm(bootstrap, prefix)
    produce(bootstrap, prefix, [str(i) for i in range(100)])

    def member(count):
        text = kcat(bootstrap, "-G", prefix, "-c", str(count), "-q", "-f", "%o %s\\n", "-X",
                    "auto.offset.reset=earliest", "-X", "session.timeout.ms=10000", prefix)
        return [line.split()[0] for line in text.splitlines()]

    first, second = member(50), member(50)
    return {"first": [first[0], first[-1]], "second": [second[0], second[-1]]}


def rebalance(_bootstrap, _prefix):
    raise Absent("kcat does not tell who owns which partition while it runs")


def seek(bootstrap, prefix):
    warm(bootstrap, prefix)
    produce(bootstrap, prefix, [str(i) for i in range(100)])
    times = [r["ts"] for r in read(bootstrap, prefix, 100)]

    def at(timestamp):
        text = kcat(bootstrap, "-Q", "-t", f"{prefix}:0:{timestamp}")
        return int(text.split("offset")[1].split()[0])

    return {"before": at(BASE_MS), "first_of_last_ms": at(times[99]) == times.index(times[99]),
            "after": at(times[99] + 1_000_000), "end": at(-1), "beginning": at(-2),
            "tail": payloads(read(bootstrap, prefix, 5, offset=-5)),
            "sought": payloads(read(bootstrap, prefix, 2, offset=40)),
            "by_time": payloads(read(bootstrap, prefix, 1, offset=f"s@{times[0]}"))}


def large(bootstrap, prefix):
    warm(bootstrap, prefix)
    name = f"/tmp/{prefix}.{os.getpid()}"

    def attempt(size):
        with open(name, "w", encoding="ascii") as out:
            out.write("x" * size)
        try:
            kcat(bootstrap, "-P", "-t", prefix, "-p", "0", "-X", "message.max.bytes=10000000",
                 name)
            return "ok"
        except RuntimeError as problem:
            return "too large" if "size too large" in str(problem).lower() else str(problem)

    try:
        seen = {"near": attempt(1_048_000), "too_large": attempt(1_050_000)}
    finally:
        os.unlink(name)
    small = read(bootstrap, prefix, 1, "-X", "fetch.max.bytes=1000", "-X",
                 "message.max.bytes=1000", "-X", "fetch.message.max.bytes=1000")
    seen["read_bytes"] = len(small[0]["payload"])
    return seen


def no_admin(_bootstrap, _prefix):
    raise Absent("kcat has no requests for topics, partitions and groups")


def failover(bootstrap, prefix):
    warm(bootstrap, prefix)
    produce(bootstrap, prefix, [str(i) for i in range(200)], "-X", "acks=all")
    old = listing(bootstrap, prefix)[1]["partitions"][0]["leader"]
    ask("kill", old)
    try:
        produce(bootstrap, prefix, [str(i) for i in range(200, 400)], "-X", "acks=all", "-X",
                "enable.idempotence=true", "-X", "message.timeout.ms=60000")
        moved = until("another leader", lambda: listing(bootstrap, prefix)[1]["partitions"][0][
            "leader"] not in (old, -1))
        records = read(bootstrap, prefix, 400)
    finally:
        ask("restart", old)
    return {"moved": bool(moved), "all_in_order": payloads(records) == [
        str(i) for i in range(400)]}


def version():
    done = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=False)
    words = (done.stdout + done.stderr).replace("(", " ").split()
    return f"{words[words.index('Version') + 1]} on librdkafka {words[words.index('librdkafka') + 1]}"


hold("kcat", version(), {
    "metadata": metadata, "codecs": codecs, "idempotent": idempotent, "acks": acks, "group": group,
    "rebalance": rebalance, "seek": seek, "large": large, "topics": no_admin,
    "partitions": no_admin, "groups": no_admin, "failover": failover})

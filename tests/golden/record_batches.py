#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/record_batch/CLIENT.hex: what real clients make of the same five records.

    record_batches.py java python librdkafka kcat

java: the builder inside kafka-clients 4.3.1. python: kafka-python 2.0.2 with python-snappy, lz4,
xxhash and zstandard. librdkafka (confluent-kafka) and kcat produce to Apache Kafka, and its segment
is read. A line is "magic codec hex". Five records, offsets 0-4: key "key-I" (2: null), value
"value-I " twenty times (3: null), timestamp 1700000000000 + I where the client allows to set it; in magic 2
record 1 has the headers header-1=h and, but for kcat, null=null.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "interop"))

import kafka_oracle  # noqa: E402

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
FIRST_TIMESTAMP_MS = 1700000000000


def records():
    for i in range(5):
        key = None if i == 2 else f"key-{i}".encode()
        value = None if i == 3 else (f"value-{i} " * 20).encode()
        yield i, FIRST_TIMESTAMP_MS + i, key, value


def java():
    kafka_oracle.fetch()
    jars = str(kafka_oracle.jars_dir() / "*")
    out = subprocess.run(["java", "-cp", jars, str(HERE / "RecordBatches.java")], check=True,
                         capture_output=True, text=True).stdout
    yield from out.splitlines()


def python():
    from kafka.record.default_records import DefaultRecordBatchBuilder
    from kafka.record.legacy_records import LegacyRecordBatchBuilder
    for magic in (0, 1, 2):
        for number, codec in enumerate(CODECS if magic == 2 else CODECS[:4]):
            if magic == 2:
                builder = DefaultRecordBatchBuilder(2, number, 0, -1, -1, -1, 1 << 20)
            else:
                builder = LegacyRecordBatchBuilder(magic, number, 1 << 20)
            for i, timestamp, key, value in records():
                if magic == 2:
                    headers = [("header-1", b"h"), ("null", None)] if i == 1 else []
                    builder.append(i, timestamp, key, value, headers)
                else:
                    builder.append(i, timestamp, key, value)
            yield f"{magic} {codec} {bytes(builder.build()).hex()}"


def produce_with_librdkafka(bootstrap, topic, codec):
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec,
                         "linger.ms": 1000, "acks": "all"})
    for i, timestamp, key, value in records():
        headers = [("header-1", b"h"), ("null", None)] if i == 1 else None
        producer.produce(topic, value=value, key=key, timestamp=timestamp, headers=headers,
                         partition=0)
    producer.flush()


def stored_batches(directory, produce, client):
    started = subprocess.run([sys.executable, str(HERE.parent / "interop" / "kafka_oracle.py"),
                              "start", "--brokers", "1", "--dir", directory], check=True,
                             capture_output=True, text=True).stdout
    bootstrap = json.loads(started)["bootstrap"]
    for codec in CODECS:
        topic = f"{client}-{codec}"
        # The topic exists before the first record waits: everything goes into one batch.
        subprocess.run(["kcat", "-b", bootstrap, "-P", "-t", topic, "-p", "1"], input=b"x",
                       check=True)
        produce(bootstrap, topic, codec)
        segment = next(pathlib.Path(directory).rglob(f"{topic}-0/{0:020}.log"))
        yield f"2 {codec} {segment.read_bytes().hex()}"


def produce_with_kcat(bootstrap, topic, codec):
    """kcat sets neither timestamps nor headers per record: its own clock is in the bytes."""
    lines = b"".join((key or b"") + b"=" + (value or b"") + b"\n" for _, _, key, value in records())
    subprocess.run(["kcat", "-b", bootstrap, "-P", "-t", topic, "-p", "0", "-K", "=", "-Z", "-z",
                    codec, "-X", "linger.ms=1000"], input=lines, check=True)


def from_kafka(produce, client):
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/kafka"
        try:
            yield from stored_batches(path, produce, client)
        finally:
            subprocess.run([sys.executable, str(HERE.parent / "interop" / "kafka_oracle.py"),
                            "stop", "--dir", path], check=False)


def main():
    recorders = {"java": java, "python": python,
                 "librdkafka": lambda: from_kafka(produce_with_librdkafka, "librdkafka"),
                 "kcat": lambda: from_kafka(produce_with_kcat, "kcat")}
    (HERE / "record_batch").mkdir(exist_ok=True)
    for client in sys.argv[1:] or recorders:
        lines = list(recorders[client]())
        (HERE / "record_batch" / f"{client}.hex").write_text("\n".join(lines) + "\n")
        print(client, len(lines))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/<message>/<version>.hex with the serializers inside Kafka's own jars.

The jars come from Maven Central into the cache. What 4.3.1 no longer writes, 3.9.1 does.
"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path += [str(ROOT / "tests" / "interop"), str(ROOT / "server" / "wire")]

import generate  # noqa: E402
import kafka_jars  # noqa: E402
import kafka_oracle  # noqa: E402

SCHEMAS = ROOT / "server" / "wire" / "schema"
OLD_NAMES = {"ListConfigResources": "ListClientMetricsResources"}


def classes():
    """kind, folder and class of every message that a schema describes."""
    for path in sorted(SCHEMAS.rglob("*.kmsg")):
        schema = generate.Parser(path).parse()
        if schema.api:
            for kind in ("Request", "Response"):
                yield (kind.lower(), path.stem,
                       f"org.apache.kafka.common.message.{schema.api[1]}{kind}Data")
            continue
        for message in (m for m in schema.messages if m.kind != "internal"):
            name = "".join(word.capitalize() for word in message.name.split("_"))
            package = "org.apache.kafka.common.message"
            if "offset_commit" in message.name or "group_metadata" in message.name:
                package = "org.apache.kafka.coordinator.group.generated"
            suffix = "Data" if message.kind == "header" else ""
            yield message.kind, message.name, f"{package}.{name}{suffix}"


def write(classpath, arguments):
    program = str(HERE / "GoldenBytes.java")
    if subprocess.run(["java", "-cp", classpath, program, str(HERE), *arguments]).returncode != 0:
        raise SystemExit("GoldenBytes failed")


def drop_what_is_not_accepted():
    for path in sorted(SCHEMAS.rglob("*.kmsg")):
        for message in generate.Parser(path).parse().messages:
            if message.kind == "internal":
                continue
            folder = HERE / (message.name if message.kind in ("data", "header") else path.stem)
            for file in folder.glob("*.hex"):
                if not message.versions[0] <= int(file.stem) <= message.versions[1]:
                    file.unlink()


def main():
    for _, folder, _ in classes():
        shutil.rmtree(HERE / folder, ignore_errors=True)
    arguments = [word for row in classes() for word in row]
    kafka_oracle.fetch()
    write(kafka_oracle.classpath(), arguments)
    others = [jar for jar in kafka_oracle.classpath().split(":") if "kafka-" not in jar.split("/")[-1]]
    older = ":".join([str(kafka_jars.old_clients()), *others])
    write(older, [word for row in classes() if "coordinator" not in row[2] for word in row])
    drop_what_is_not_accepted()


if __name__ == "__main__":
    main()

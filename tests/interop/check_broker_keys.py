#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares server/config/kafka_broker_keys.def with the broker's configuration in Kafka's jars."""
import pathlib
import re
import subprocess
import sys

import kafka_oracle

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = re.compile(r'^KAFKA_(?:DYNAMIC_)?BROKER_KEY\("([^"]+)"\)$', re.M)


def keys_of_kafka():
    kafka_oracle.fetch()
    source = ROOT / "tests/interop/kafka/BrokerKeys.java"
    out = subprocess.run(["java", "-cp", kafka_oracle.classpath(), str(source)],
                         capture_output=True, text=True, check=True).stdout
    return out.split()


def main():
    ours = KEY.findall((ROOT / "server/config/kafka_broker_keys.def").read_text())
    kafkas = keys_of_kafka()
    for key in sorted(set(kafkas) - set(ours)):
        print(f"missing: {key}")
    for key in sorted(set(ours) - set(kafkas)):
        print(f"not in Kafka: {key}")
    if ours != sorted(ours):
        print("not sorted")
    return 0 if ours == kafkas else 1


if __name__ == "__main__":
    sys.exit(main())

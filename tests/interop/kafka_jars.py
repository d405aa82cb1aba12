# SPDX-License-Identifier: Apache-2.0
"""The jars of Apache Kafka that tests read facts from, brought into the cache once by Maven."""
import json
import re
import subprocess
import sys
import zipfile

import kafka_oracle

OLD_CLIENTS = "3.9.1"  # the last release that knows what KIP-896 removed
COPY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"


def newest(artifact):
    kafka_oracle.fetch()
    return kafka_oracle.jars_dir() / f"{artifact}-{kafka_oracle.KAFKA_VERSION}.jar"


def old_clients():
    directory = kafka_oracle.cache_dir() / f"kafka-{OLD_CLIENTS}"
    jar = directory / f"kafka-clients-{OLD_CLIENTS}.jar"
    if not jar.exists():
        subprocess.run(["mvn", "-q", "-B", COPY_PLUGIN, f"-DoutputDirectory={directory}",
                        f"-Dartifact=org.apache.kafka:kafka-clients:{OLD_CLIENTS}"],
                       check=True, stdout=sys.stderr)
    return jar


def definitions(jar):
    """{message name: its definition} of the JSON files inside a jar."""
    found = {}
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith("common/message/") and name.endswith(".json"):
                text = archive.read(name).decode()
                definition = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))
                found[definition["name"]] = definition
    return found

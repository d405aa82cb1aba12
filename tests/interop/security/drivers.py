# SPDX-License-Identifier: Apache-2.0
"""The clients of the matrix: libraries and toolchains as for the twelve conversations (clients.py),
drivers of their own: one JSON argument in, one JSON line out (clients/hello.py says which)."""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import clients  # noqa: E402 (found through the line above)

FOLDER = HERE / "clients"


class Script:
    """A script that runs on the libraries of one of the twelve conversations' clients."""

    def __init__(self, name, script, base=None):
        self.name = name
        self.base = clients.find([base or name])[0]
        self.script = FOLDER / script

    def prepare(self):
        self.base.prepare()

    def environment(self):
        return self.base.environment() | {"PYTHONPATH": str(FOLDER),
                                          "NODE_PATH": str(self.base.home / "node_modules")}

    def command(self):
        if self.script.suffix == ".js":
            return ["node", str(self.script)]
        return [str(self.base.python), str(self.script)]


class Built:
    """A driver that is built from a folder of ours in the way of another client."""

    def command(self):
        return super().command()

    @property
    def home(self):
        return clients.kafka_oracle.cache_dir() / "clients" / f"security-{self.name}"


class Java(Built, clients.JavaClient):
    def command(self):
        arguments = clients.kafka_oracle.java("Driver", heap="128m")
        place = arguments.index("-cp") + 1
        arguments[place] = f"{self.home / 'classes'}:{arguments[place]}"
        return arguments


class Go(Built, clients.GoClient):
    pass


class Librdkafka(Built, clients.LibrdkafkaClient):
    def command(self):
        return [str(self.home / "driver")]


DRIVERS = [
    Java("kafka-clients", folder=FOLDER / "java"),
    Librdkafka("librdkafka-2.0.2", folder=FOLDER / "librdkafka"),
    Librdkafka("librdkafka-newest", folder=FOLDER / "librdkafka", source="2.15.1"),
    Script("kcat", "kcat_hello.py"),
    Script("confluent-kafka-python", "confluent_kafka_hello.py"),
    Script("kafka-python", "kafka_python_hello.py"),
    Script("kafka-python-2.0.2", "kafka_python_hello.py"),
    Go("franz-go", folder=FOLDER / "go"),
    Go("sarama", folder=FOLDER / "go"),
    Script("kafkajs", "kafkajs_hello.js"),
]


def has_kerberos():
    """The server side of Kerberos, for the tests to bring up; Debian's krb5-kdc."""
    return bool(shutil.which("krb5kdc") or pathlib.Path("/usr/sbin/krb5kdc").exists())


def run(driver, argument, environment, timeout):
    """The driver's line, parsed; what it wrote to stderr where there is none."""
    done = subprocess.run([*driver.command(), argument], capture_output=True, text=True,
                          timeout=timeout, env=driver.environment() | environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return lines[-1] if lines else None, done.stderr[-600:]

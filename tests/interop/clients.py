# SPDX-License-Identifier: Apache-2.0
"""The clients: what each needs on this machine, how its driver is built and how it is called.

A driver lives in clients/NAME; what is built from it lives in the cache, with a stamp of the
sources, so preparing twice does nothing. Libraries come from the registries by their own clients,
at the versions that each folder pins.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import kafka_oracle

HERE = pathlib.Path(__file__).resolve().parent
SHARED = HERE / "clients" / "conversation.py"


class Unavailable(Exception):
    """A toolchain or library is missing, so the client cannot be run here."""


def call(arguments, **options):
    """Runs a build step; its output goes to stderr."""
    done = subprocess.run([str(a) for a in arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise Unavailable(f"{arguments[0]} failed: ...{done.stdout[-800:]}")


class Client:
    needs = ()

    def __init__(self, name, **settings):
        self.name = name
        self.folder = HERE / "clients" / settings.pop("folder", name)
        self.settings = settings

    @property
    def home(self):
        return kafka_oracle.cache_dir() / "clients" / self.name

    def digest(self):
        total = hashlib.sha256(repr(sorted(self.settings.items())).encode())
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(path.relative_to(self.folder).as_posix().encode())
                total.update(path.read_bytes())
        return total.hexdigest()

    def prepare(self):
        for tool in self.needs:
            if not shutil.which(tool):
                raise Unavailable(f"no {tool} on this machine")
        stamp = self.home / "stamp"
        if stamp.exists() and stamp.read_text() == self.digest():
            return
        self.home.mkdir(parents=True, exist_ok=True)
        self.build()
        stamp.write_text(self.digest())

    def environment(self):
        return dict(os.environ)

    def build(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError


class PythonClient(Client):
    needs = ("python3",)

    @property
    def python(self):
        return self.home / "venv" / "bin" / "python"

    def build(self):
        requirements = self.folder / self.settings.get("requirements", "requirements.txt")
        if not self.python.exists():
            call([sys.executable, "-m", "venv", self.home / "venv"])
        call([self.python, "-m", "pip", "install", "-q", "-r", requirements])

    def environment(self):
        return super().environment() | {"PYTHONPATH": str(SHARED.parent),
                                        "PYTHONDONTWRITEBYTECODE": "1",
                                        "INTEROP_CLIENT": self.name}

    def command(self):
        return [str(self.python), str(self.folder / "driver.py")]


class CommandClient(PythonClient):
    """A program of Debian's, driven by a Python script without libraries."""

    @property
    def needs(self):
        return ("python3", self.settings["tool"])

    def build(self):
        pass

    @property
    def python(self):
        return pathlib.Path(sys.executable)


class JavaClient(Client):
    needs = ("javac", "java", "mvn")

    def build(self):
        kafka_oracle.fetch()
        classes = self.home / "classes"
        shutil.rmtree(classes, ignore_errors=True)
        call(["javac", "-Xlint:all,-processing,-classfile,-path", "-Werror", "-d", classes,
              "-cp", kafka_oracle.classpath(), *sorted(self.folder.glob("*.java"))])

    def command(self):
        arguments = kafka_oracle.java("Driver", heap="384m", options=[
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.yaml'}"])
        place = arguments.index("-cp") + 1
        arguments[place] = f"{self.home / 'classes'}:{arguments[place]}"
        return arguments


class GoClient(Client):
    needs = ("go",)

    def build(self):
        call(["go", "build", "-o", self.home / "driver", f"./{self.name}"], cwd=self.folder)

    def command(self):
        return [str(self.home / "driver")]


class NodeClient(Client):
    needs = ("node", "npm")

    def build(self):
        for path in self.folder.iterdir():
            if path.is_file():
                shutil.copy(path, self.home)
        call(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], cwd=self.home)

    def command(self):
        return ["node", str(self.home / "driver.js")]


class RustClient(Client):
    needs = ("cargo", "gcc", "g++", "make")

    def build(self):
        call(["cargo", "build", "--release", "--target-dir", self.home / "target"],
             cwd=self.folder)

    def command(self):
        return [str(self.home / "target" / "release" / "driver")]


class LibrdkafkaClient(Client):
    """One C program, compiled against Debian's librdkafka or against a newer one in the cache."""
    needs = ("gcc", "pkg-config")

    def build(self):
        flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]
        version = self.settings.get("source")
        if version:
            from librdkafka import librdkafka_tests
            library = librdkafka_tests.build(version) / "src"
            # Headers are found as <librdkafka/rdkafka.h>.
            include = self.home / "include"
            shutil.rmtree(include, ignore_errors=True)
            include.mkdir()
            (include / "librdkafka").symlink_to(library)
            link = ["-isystem", include, f"-L{library}", f"-Wl,-rpath,{library}", "-lrdkafka"]
        else:
            found = subprocess.run(["pkg-config", "--cflags", "--libs", "rdkafka"], text=True,
                                   capture_output=True, check=False)
            if found.returncode != 0:
                raise Unavailable("no librdkafka-dev on this machine")
            link = found.stdout.split()
        call(["gcc", *flags, "-o", self.home / "driver", *sorted(self.folder.glob("*.c")), *link,
              "-ljansson"])

    def command(self):
        return [str(self.home / "driver"), self.name]


CLIENTS = [
    CommandClient("kcat", tool="kcat"),
    LibrdkafkaClient("librdkafka-2.0.2", folder="librdkafka"),
    LibrdkafkaClient("librdkafka-newest", folder="librdkafka", source="2.15.1"),
    PythonClient("confluent-kafka-python"),
    PythonClient("kafka-python"),
    PythonClient("kafka-python-2.0.2", folder="kafka-python", requirements="requirements-old.txt"),
    JavaClient("kafka-clients"),
    GoClient("franz-go", folder="go"),
    GoClient("sarama", folder="go"),
    NodeClient("kafkajs"),
    RustClient("rust-rdkafka"),
]


def find(names):
    known = {client.name: client for client in CLIENTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"unknown client {unknown[0]}; there are: {', '.join(known)}")
    return [known[name] for name in names] or CLIENTS

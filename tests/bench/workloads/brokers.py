# SPDX-License-Identifier: Apache-2.0
"""Both products behind one face: start, kill, restart, what they used of the machine.

One broker is pinned to core 0 and its client to core 1; three brokers and their client share all
cores. Every start is on an empty directory. Over TLS there is one version and one suite, whatever the
product and the client would choose, and brokers speak TLS to each other too.
"""
import atexit
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
sys.path.insert(0, str(ROOT / "tests" / "support"))
import kafka_oracle  # noqa: E402
from region import free_port  # noqa: E402

GYRED = ROOT / "build" / "release" / "bin" / "gyred"
GYRE = ROOT / "build" / "release" / "bin" / "gyre"
BLAST = ROOT / "build" / "release" / "bin" / "blast"
TICKS = os.sysconf("SC_CLK_TCK")

# What the oracle sets for tests, put back to Kafka's defaults.
KAFKA_DEFAULTS = ("log.segment.bytes=1073741824", "num.network.threads=3", "num.io.threads=8",
                  "log.cleaner.dedupe.buffer.size=134217728")
KAFKA_JVM = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:ActiveProcessorCount=2",
             "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35")

# What blast offers, too.
TLS_VERSION = "TLSv1.3"
TLS_SUITE = "TLS_AES_256_GCM_SHA384"
TLS_PROPERTIES = (f"ssl.protocol={TLS_VERSION}", f"ssl.enabled.protocols={TLS_VERSION}",
                  f"ssl.cipher.suites={TLS_SUITE}")


@functools.cache
def pki():
    """Two authorities, for clients and for links, with a broker's certificate from each."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="gyre-bench-pki-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    for place in (directory, directory / "links"):
        for words in (("init",), ("issue", "broker", "--broker", "--ip", "127.0.0.1")):
            subprocess.run([str(GYRE), "pki", *words, "--dir", str(place)], check=True,
                           stdout=subprocess.DEVNULL)
    return directory


def stores(place, prefix=""):
    return [f"{prefix}ssl.keystore.type=PEM", f"{prefix}ssl.keystore.location={place}/broker.pem",
            f"{prefix}ssl.truststore.type=PEM", f"{prefix}ssl.truststore.location={place}/ca.crt"]


def stat_cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def fine_cpu_s(pid):
    """To the nanosecond, of the threads that live: for a broker that does next to nothing."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass
    return total * 1e-9


def status_field(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise SystemExit(f"bench: no {name} in /proc/{pid}/status")


def wakeups(pid):
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total


class Brokers:
    """Context manager; subclasses know how to launch."""

    product = None
    is_secure = False

    def __init__(self, count=1, durability="D0", settings=(), starts=True):
        self.starts = starts
        self.count = count
        self.durability = durability
        self.settings = list(settings)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"gyre-bench-{self.product}-"))
        self.pids = []
        self.ports = []

    def pinned(self):
        return ["taskset", "-c", "0"] if self.count == 1 and os.cpu_count() > 1 else []

    @property
    def bootstrap(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    @property
    def blast_security(self):
        return ["--tls", "--ca", str(pki() / "ca.crt")] if self.is_secure else []

    @property
    def java_security(self):
        if not self.is_secure:
            return []
        return ["security.protocol=SSL", "ssl.truststore.type=PEM",
                f"ssl.truststore.location={pki()}/ca.crt", *TLS_PROPERTIES]

    def answers(self, port):
        if not self.is_secure:
            return kafka_oracle.answers(port)
        context = ssl.create_default_context(cafile=pki() / "ca.crt")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, \
                    context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                return connection.version() == TLS_VERSION
        except OSError:
            return False

    def cpu_s(self):
        return sum(stat_cpu_s(pid) for pid in self.pids)

    def fine_cpu_s(self):
        return sum(fine_cpu_s(pid) for pid in self.pids)

    def rss_mb(self):
        return sum(status_field(pid, "VmRSS") for pid in self.pids) / 1024

    def memory_kib(self):
        return [status_field(pid, "VmRSS") for pid in self.pids]

    def wakeups(self):
        return sum(wakeups(pid) for pid in self.pids)

    def kill(self, index, number=signal.SIGKILL):
        os.kill(self.pids[index], number)
        if number != signal.SIGSTOP:
            self.await_end(index)

    def await_end(self, index, timeout_s=180):
        deadline = time.monotonic() + timeout_s
        while kafka_oracle.alive(self.pids[index]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.product}: broker {index} does not end")
            time.sleep(0.001)
        try:
            os.waitpid(self.pids[index], 0)
        except ChildProcessError:
            pass

    def __enter__(self):
        try:
            self.prepare()
            if self.starts:
                self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *problem):
        for index, pid in enumerate(self.pids):
            if pid and kafka_oracle.alive(pid):
                self.kill(index)
        shutil.rmtree(self.directory, ignore_errors=True)


class Kafka(Brokers):
    """Apache Kafka in combined mode, one JVM a broker."""

    product = "kafka"

    def security(self):
        if not self.is_secure:
            return []
        return ["listeners=SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
                "advertised.listeners=SSL://127.0.0.1:{port}", "inter.broker.listener.name=SSL",
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,SSL:SSL",
                *stores(pki()), *TLS_PROPERTIES]

    def prepare(self):
        kafka_oracle.fetch()
        shutil.rmtree(self.directory)
        settings = [*KAFKA_DEFAULTS, *self.security(), *self.settings]
        if self.durability == "D1":
            settings.append("log.flush.interval.messages=1")
        region = kafka_oracle.Region(self.directory)
        region.create(self.count, settings)
        self.ports = [broker["port"] for broker in region.brokers]
        self.pids = [0] * self.count

    def launch(self, index):
        home = self.directory / f"broker-{index + 1}"
        with open(home / "log", "ab") as log:
            self.pids[index] = subprocess.Popen(
                [*self.pinned(), "java", *KAFKA_JVM, f"-Djava.io.tmpdir={home}",
                 f"-Dlog4j2.configurationFile={self.directory / 'log4j2.yaml'}",
                 "-cp", kafka_oracle.classpath(), "kafka.Kafka", str(home / "server.properties")],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=home,
                start_new_session=True).pid

    def start(self):
        for index in range(self.count):
            self.launch(index)
        wait_answers(self)


class Gyre(Brokers):
    """gyred, with the configuration files that `gyre dev up` writes."""

    product = "gyre"

    def security(self):
        if not self.is_secure:
            return []
        # Where there is TLS, Gyre authorises: whoever shows no certificate may do everything.
        return ["security.inter.broker.protocol=SSL", "super.users=User:ANONYMOUS",
                *TLS_PROPERTIES, *stores(pki()), *stores(pki() / "links", "listener.name.rpc.")]

    def prepare(self):
        protocol = "SSL" if self.is_secure else "PLAINTEXT"
        first = int(os.environ.get("GYRE_BENCH_PORT", "0")) or free_port(self.count)
        self.ports = [first + index for index in range(self.count)]
        self.pids = [0] * self.count
        for index, port in enumerate(self.ports):
            home = self.directory / f"broker-{index}"
            home.mkdir()
            seeds = ",".join(f"127.0.0.1:{seed + 20}" for seed in self.ports)
            (home / "broker.conf").write_text("\n".join([
                f"node.id={index}", f"listeners={protocol}://127.0.0.1:{port}",
                f"log.dirs={home / 'data'}", "gyre.region=bench", "gyre.region.index=1",
                f"gyre.rpc.listeners=127.0.0.1:{port + 20}",
                f"gyre.admin.listeners=127.0.0.1:{port + 40}",
                f"gyre.seed.servers={seeds}", *self.security(), *self.settings]) + "\n")

    def launch(self, index):
        home = self.directory / f"broker-{index}"
        with open(home / "log", "ab") as log:
            self.pids[index] = subprocess.Popen(
                [*self.pinned(), str(GYRED), str(home / "broker.conf")], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, cwd=home, start_new_session=True).pid

    def start(self):
        for index in range(self.count):
            self.launch(index)
        wait_answers(self)
        for port in self.ports:
            wait_ready(port + 40)


def wait_ready(admin_port, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/readyz", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: the broker at admin port {admin_port} is not ready")
            time.sleep(0.02)


class KafkaTls(Kafka):
    product = "kafka-tls"
    is_secure = True


class GyreTls(Gyre):
    product = "gyre-tls"
    is_secure = True


PRODUCTS = {one.product: one for one in (Kafka, Gyre, KafkaTls, GyreTls)}


def wait_answers(brokers, timeout_s=180):
    deadline = time.monotonic() + timeout_s
    for port, pid in zip(brokers.ports, brokers.pids):
        while not brokers.answers(port):
            if not kafka_oracle.alive(pid) or time.monotonic() > deadline:
                raise SystemExit(f"bench: {brokers.product} at port {port} does not answer; "
                                 f"its directory was {brokers.directory}")
            time.sleep(0.01)


def topic_config(brokers, **config):
    """The durability pairing as topic settings of blast."""
    if brokers.durability == "D2" and isinstance(brokers, Gyre):
        config["gyre.durability"] = "memory"
    text = ",".join(f"{name.replace('_', '.')}={value}" for name, value in config.items())
    return ["--topic-config", text] if text else []


def blast(brokers, mode, *arguments, timeout_s=300, errors_fail=True):
    """Runs the load generator and returns what it counted."""
    pin = ["taskset", "-c", "1"] if brokers.count == 1 and os.cpu_count() > 1 else []
    done = subprocess.run(
        [*pin, str(BLAST), mode, "-b", f"127.0.0.1:{brokers.ports[0]}", "--json",
         *brokers.blast_security,
         *(str(argument) for argument in arguments)],
        capture_output=True, text=True, timeout=timeout_s, check=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if answer is None or (errors_fail and answer["errors"] > 0):
        raise RuntimeError(f"{brokers.product}: blast {mode}: {done.stderr[-300:]}{done.stdout}")
    return answer

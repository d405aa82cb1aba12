# SPDX-License-Identifier: Apache-2.0
"""Regions of real processes for tests, started through `gyre dev`; and kcat, as their client.

The programs come from build/release/bin, or from $GYRE_BIN. Everything that a region writes lies
in a temporary directory that is removed with it; GYRE_KEEP=1 keeps it.
"""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GYRE_BIN") or ROOT / "build" / "release" / "bin")
# Programs with sanitizers are several times as slow, and say what they leaked when they end.
PATIENCE = float(os.environ.get("GYRE_PATIENCE") or 1)
IS_SANITIZED = bool(os.environ.get("GYRE_SANITIZED"))
# Below the range from which the kernel takes the ports of outgoing connections.
PORTS = range(20000, 32000, 100)
PORTS_PER_BROKER = (0, 20, 40, 50, 60, 70)
# Ranges that this process took, by their first port: a broker that is down holds no port.
_taken = {}


class CommandFailed(Exception):
    """A command ended with another status than 0."""

    def __init__(self, command, status, output):
        super().__init__(f"status {status} from {' '.join(map(str, command))}\n{output}")
        self.status = status
        self.output = output


def run(*command, stdin=None, timeout=60, check=True):
    """Runs a command; gives what it wrote to stdout."""
    text = isinstance(stdin, str) or stdin is None
    done = subprocess.run([str(word) for word in command], input=stdin, timeout=timeout,
                          capture_output=True, text=text, check=False)
    if check and done.returncode != 0:
        raise CommandFailed(command, done.returncode, f"{done.stdout}\n{done.stderr}")
    return done.stdout


def eventually(claim, timeout=20, every=0.1):
    """Asks until the answer is true, and gives it; what was raised meanwhile counts as no."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        try:
            answer = claim()
            failure = None
        except (AssertionError, CommandFailed, OSError, KeyError) as error:
            answer, failure = None, error
        if answer:
            return answer
        if time.monotonic() >= end:
            raise failure or AssertionError(f"still {answer!r} after {timeout} s")
        time.sleep(every)


def _are_free(ports):
    held = []
    try:
        for port in ports:
            held.append(socket.socket())
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held[-1].bind(("127.0.0.1", port))
        return True
    except OSError:
        return False
    finally:
        for one in held:
            one.close()


def _take(port):
    """For this process alone, of all tests on this machine; the kernel forgets it with the process."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0gyre-test-port-{port}")
    except OSError:
        mark.close()
        return False
    _taken[port] = mark
    return True


def give_back(port):
    if port in _taken:
        _taken.pop(port).close()


def free_port(brokers=3, regions=1):
    """A port for `gyre dev up`: all that it derives from it are free, and stay so for us."""
    for port in random.sample(PORTS, len(PORTS)):
        ranges = [port + 100 * r for r in range(regions)]
        ours = [one for one in ranges if _take(one)]
        if ours == ranges and _are_free(one + b + more for one in ranges for b in range(brokers)
                                        for more in PORTS_PER_BROKER):
            return port
        for one in ours:
            give_back(one)
    raise RuntimeError("no free ports for a region")


class Region:
    """One region; use it as a context manager.

    Without `listeners` it is a plaintext one. Else they are a list of protocols, `users` a dict of
    passwords and `super_users` a list of names; commands and kcat come in as an administrator.
    """

    def __init__(self, brokers=3, settings=(), first_node_id=0, parent=None, listeners=(),
                 users=(), super_users=(), port=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gyre-region-", dir=parent))
        self.count = brokers
        self.first_node_id = first_node_id
        self.settings = list(settings)
        self.security = ["--listeners", ",".join(listeners)] if listeners else ["--plaintext"]
        for name, password in dict(users).items():
            self.security += ["--user", f"{name}:{password}"]
        for name in super_users:
            self.security += ["--super-user", name]
        self.port = port or free_port(brokers)
        self.state = None

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *exception):
        self.destroy()

    # what `gyre dev` does

    def up(self, timeout=60):
        words = ["dev", "up", "--dir", self.dir, "--brokers", self.count, "--port", self.port,
                 "--first-node-id", self.first_node_id, *self.security, "--timeout", timeout,
                 "-o", "json"]
        for setting in self.settings:
            words += ["--set", setting]
        try:
            self.state = json.loads(self.gyre(*words, timeout=timeout + 30))
        except CommandFailed as failure:
            message = f"{failure}\n{self.logs()}"
            self.destroy()
            raise AssertionError(message) from failure

    def status(self):
        words = ["dev", "status", "--dir", self.dir, "-o", "json"]
        self.state = json.loads(run(BIN / "gyre", *words, check=False))
        return {broker["node_id"]: broker["state"] for broker in self._brokers()}

    def kill(self, node_id, name="KILL"):
        self.gyre("dev", "kill", "--dir", self.dir, "--broker", node_id, "--signal", name)

    def start(self, node_id, timeout=60):
        self.gyre("dev", "start", "--dir", self.dir, "--broker", node_id, "--timeout", timeout,
                  timeout=timeout + 30)

    def down(self):
        self.gyre("dev", "down", "--dir", self.dir, timeout=120)

    def destroy(self):
        if IS_SANITIZED and self.state:
            with contextlib.suppress(CommandFailed, subprocess.TimeoutExpired):
                self.down()
        try:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        give_back(self.port)
        if not os.environ.get("GYRE_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def gyre(self, *words, **options):
        return run(BIN / "gyre", *words, **options)

    def on(self, *words, **options):
        """A command that talks to this region; with -o json its answer is parsed."""
        output = self.gyre(*words, "--bootstrap-server", self.bootstrap, *self.credentials,
                           **options)
        return json.loads(output) if "json" in words else output

    # what is known of it

    def _brokers(self):
        return self.state["regions"][0]["brokers"]

    def broker(self, node_id):
        return next(one for one in self._brokers() if one["node_id"] == node_id)

    @property
    def node_ids(self):
        return [broker["node_id"] for broker in self._brokers()]

    @property
    def bootstrap(self):
        return self.state["regions"][0]["bootstrap"]

    @property
    def credentials(self):
        """What a command of `gyre` needs to come in as an administrator."""
        properties = self.state.get("client_properties")
        return ["--command-config", properties] if properties else []

    def address(self, node_id, protocol=None):
        """Of the broker's first listener, or of the one with this protocol."""
        broker = self.broker(node_id)
        return broker["listeners"][protocol] if protocol else f"127.0.0.1:{broker['kafka_port']}"

    def addresses(self, protocol):
        """A bootstrap list of the listeners with this protocol."""
        return ",".join(broker["listeners"][protocol] for broker in self._brokers())

    def home(self, node_id):
        """The directory with broker.conf, gyred.log and data."""
        return pathlib.Path(self.broker(node_id)["data_dir"]).parent

    def pids(self):
        """Of every gyred that was started on this directory's files and still runs."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"gyred\0" in line and f"{self.dir}/".encode() in line:
                found.append(int(entry.name))
        return found

    def logs(self, lines=40):
        """The ends of all gyred.log, for people."""
        ends = []
        for path in sorted(self.dir.glob("*/*/gyred.log")):
            end = path.read_text(errors="replace").splitlines()[-lines:]
            ends.append(f"--- {path}\n" + "\n".join(end))
        return "\n".join(ends)

    def http(self, node_id, path):
        """Status and body of a page on the admin port."""
        url = f"http://127.0.0.1:{self.broker(node_id)['admin_port']}{path}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, node_id, name):
        """The sum of a metric over its labels."""
        _, text = self.http(node_id, "/metrics")
        values = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
        return sum(float(value) for value in values)

    # kcat

    def _kcat(self):
        conf = self.dir / "kcat.conf"
        return ["kcat", *(["-F", str(conf)] if conf.exists() else []), "-b", self.bootstrap]

    def kcat(self, *words, **options):
        return run(*self._kcat(), *words, **options)

    def start_kcat(self, *words):
        """In the background: a Popen, whose stdout is text."""
        return subprocess.Popen([*self._kcat(), *words], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)

    def produce(self, topic, values, partition=None, keys=False, settings=("acks=all",),
                timeout=60):
        """One record a value; with keys a value is a pair. Returns when all are acknowledged."""
        words = ["-P", "-t", topic]
        if partition is not None:
            words += ["-p", partition]
        if keys:
            words += ["-K", "\t"]
            values = [f"{key}\t{value}" for key, value in values]
        for setting in settings:
            words += ["-X", setting]
        self.kcat(*words, stdin="".join(f"{value}\n" for value in values), timeout=timeout)

    def consume(self, topic, *words, partition=None, offset="beginning", count=None, timeout=60):
        """The records from `offset` to the end (or `count` of them): dicts, as kcat's -J."""
        chosen = ["-C", "-q", "-t", topic, "-o", offset, "-J", *words]
        chosen += ["-e"] if count is None else ["-c", count]
        if partition is not None:
            chosen += ["-p", partition]
        return [json.loads(line) for line in self.kcat(*chosen, timeout=timeout).splitlines()]

    def values(self, topic, **options):
        """The values of a topic, sorted."""
        return sorted(record["payload"] for record in self.consume(topic, **options))

    def metadata(self, topic=None):
        """Of the topic, or of the region."""
        words = ["-L", "-J"] + (["-t", topic] if topic else [])
        return json.loads(self.kcat(*words))

    def partitions(self, topic):
        """What metadata says of a topic's partitions, by number."""
        for one in self.metadata(topic)["topics"]:
            if one["topic"] == topic:
                return {part["partition"]: part for part in one["partitions"]}
        return {}

    def leader(self, topic, partition=0):
        """The partition's leader, once it has one."""
        def find():
            part = self.partitions(topic).get(partition)
            return [part["leader"]] if part and part["leader"] in self.node_ids else None
        return eventually(find)[0]

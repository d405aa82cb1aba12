# SPDX-License-Identifier: Apache-2.0
"""Brokers that are real processes, each with a network of its own.

The caller lives in a private network and mount namespace (see chaos.py), so all that is made here
ends with the last process. Broker b is the machine 10.77.0.(b+1), on a bridge that clients share.
"""
import errno
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from access import BIN

KAFKA_PORT, RPC_PORT, ADMIN_PORT = 9092, 9192, 9292
CLIENT_ADDRESS = "10.77.0.254"
NOBODY = "02:00:00:00:00:fe"  # no machine has this hardware address: what goes there is lost
START_LIMIT_S = 60
SPACE_LIMIT_S = 10


class Died(Exception):
    """A broker ended that nobody had ended."""


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True, text=True)


def make_network():
    ip("link", "set", "lo", "up")
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "netns", "/run/netns"], check=True)
    ip("link", "add", "switch", "type", "bridge")
    ip("addr", "add", f"{CLIENT_ADDRESS}/24", "dev", "switch")
    ip("link", "set", "switch", "up")


class Broker:
    """One gyred, its network cable and its disk."""

    def __init__(self, number, home, seeds, settings, access, disk_mib=0):
        self.number = number
        self.home = home
        self.address = f"10.77.0.{number + 1}"
        self.kafka = f"{self.address}:{KAFKA_PORT}"
        self.netns = f"broker{number}"
        self.cable = f"cable{number}"
        self.data = home / "data"
        self.process = None
        self.expected_end = True
        self.data.mkdir(parents=True)
        if disk_mib:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_mib}m", "disk",
                            str(self.data)], check=True)
        self._plug_in()
        lines = [f"node.id={number}", f"listeners={access.protocol}://{self.kafka}",
                 f"log.dirs={self.data}/log", "gyre.region=chaos", "gyre.region.index=1",
                 f"gyre.rpc.listeners={self.address}:{RPC_PORT}",
                 f"gyre.admin.listeners={self.address}:{ADMIN_PORT}",
                 f"gyre.seed.servers={seeds}", *access.prepare_broker(number, self.address),
                 *settings]
        (home / "broker.conf").write_text("\n".join(lines) + "\n")
        access.format(home / "broker.conf")

    def _plug_in(self):
        ip("netns", "add", self.netns)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        ip("link", "set", self.cable, "master", "switch", "up")
        ip("-n", self.netns, "addr", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.netns, "link", "set", "eth0", "up")
        ip("-n", self.netns, "link", "set", "lo", "up")

    # the process

    def start(self):
        self.expected_end = False
        with open(self.home / "gyred.log", "ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.netns, str(BIN / "gyred"),
                 str(self.home / "broker.conf")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def signal(self, number):
        self.expected_end = self.expected_end or number in (signal.SIGKILL, signal.SIGTERM)
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, limit_s=60):
        """SIGTERM; gives the seconds until it was gone."""
        begin = time.monotonic()
        self.signal(signal.SIGTERM)
        status = self.process.wait(timeout=limit_s)
        if status != 0:
            raise Died(f"broker {self.number} answered SIGTERM with status {status}")
        return time.monotonic() - begin

    def check(self):
        if self.process and not self.expected_end and self.process.poll() is not None:
            raise Died(f"broker {self.number} ended by itself, status {self.process.returncode}; "
                       f"see {self.home}/gyred.log")

    def ask(self, path):
        """A page of the admin port; None where it is not good."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{self.address}:{ADMIN_PORT}{path}", timeout=2) as answer:
                return answer.read().decode() if answer.status == 200 else None
        except (urllib.error.URLError, OSError):
            return None

    def is_ready(self):
        return self.ask("/readyz") is not None

    def wait_ready(self):
        """Gives the seconds that it took."""
        begin = time.monotonic()
        while not self.is_ready():
            self.check()
            if time.monotonic() - begin > START_LIMIT_S:
                raise Died(f"broker {self.number} was not ready within {START_LIMIT_S} s")
            time.sleep(0.05)
        return time.monotonic() - begin

    # its cable

    def unplug(self):
        ip("link", "set", self.cable, "down")

    def plug(self):
        ip("link", "set", self.cable, "up")

    def lose_packets_to(self, other):
        ip("-n", self.netns, "neigh", "replace", other.address, "lladdr", NOBODY, "dev", "eth0",
           "nud", "permanent")

    def find_again(self, other):
        ip("-n", self.netns, "neigh", "del", other.address, "dev", "eth0")

    # its disk

    def fill_disk(self):
        """To the last byte, of which the broker takes some itself meanwhile."""
        with open(self.data / "ballast", "wb") as ballast:
            for _ in range(1000):
                status = os.statvfs(self.data)
                taken = os.fstat(ballast.fileno()).st_blocks * 512
                if status.f_bavail == 0:
                    break
                try:
                    os.posix_fallocate(ballast.fileno(), 0,
                                       taken + status.f_bavail * status.f_frsize)
                    break
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
            return os.fstat(ballast.fileno()).st_blocks * 512

    def free_disk(self):
        """Returns when the broker has noticed, which it does within seconds: until then it is as
        good as gone, and the next fault would be the second at a time."""
        (self.data / "ballast").unlink()
        begin = time.monotonic()
        while not re.search(r"^gyre_storage_has_space 1$", self.ask("/metrics") or "", re.M):
            self.check()
            if time.monotonic() - begin > SPACE_LIMIT_S:
                raise Died(f"broker {self.number} has not noticed its space in {SPACE_LIMIT_S} s")
            time.sleep(0.1)


class Brokers:
    """A region; the last broker has a small disk of its own."""

    def __init__(self, directory, access, settings=(), count=3, small_disk_mib=1024):
        self.directory = directory
        self.access = access
        make_network()
        seeds = ",".join(f"10.77.0.{n + 1}:{RPC_PORT}" for n in range(count))
        self.all = [Broker(n, directory / f"broker-{n}", seeds, settings, access,
                           small_disk_mib if n == count - 1 else 0) for n in range(count)]
        self.bootstrap = ",".join(broker.kafka for broker in self.all)

    def client(self, name):
        """What librdkafka needs to come in under this name."""
        return {"bootstrap.servers": self.bootstrap, **self.access.client(name)}

    def __getitem__(self, number):
        return self.all[number]

    def __iter__(self):
        return iter(self.all)

    def start(self):
        for broker in self.all:
            broker.start()
        self.wait_ready()

    def wait_ready(self):
        for broker in self.all:
            broker.wait_ready()

    def check(self):
        for broker in self.all:
            broker.check()

    def others(self, broker):
        return [one for one in self.all if one is not broker]

    def destroy(self, keep):
        for broker in self.all:
            if broker.process and broker.process.poll() is None:
                broker.process.kill()
                broker.process.wait()
        if not keep:
            for broker in self.all:
                subprocess.run(["umount", "-q", str(broker.data)], check=False)
            shutil.rmtree(self.directory, ignore_errors=True)

    def logs(self, lines=30):
        ends = []
        for broker in self.all:
            path = broker.home / "gyred.log"
            text = path.read_text(errors="replace") if path.exists() else ""
            ends.append(f"--- {path}\n" + "\n".join(text.splitlines()[-lines:]))
        return "\n".join(ends)

# SPDX-License-Identifier: Apache-2.0
"""PLAIN checked by Debian's saslauthd, which asks a directory; here a small IMAP server of ours."""
import os
import re
import shutil
import signal
import socketserver
import threading
import time

import pytest

from kafka_wire import Closed, Connection
from region import Region, eventually, run

SASLAUTHD = shutil.which("saslauthd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
PASSWORDS = {"ines": "pa,ss=word", "olga": "secret"}
HANGS = "hans"
WORKERS = 3


class Directory(socketserver.ThreadingTCPServer):
    """Knows users by IMAP's LOGIN; of HANGS it never says anything."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), DirectoryTalk)
        self.asked = []
        self.is_over = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class DirectoryTalk(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"* OK here is a directory\r\n")
        for line in self.rfile:
            tag, command, *_ = line.decode().split(maxsplit=2)
            if command.upper() == "LOGIN":
                user, password = re.findall(r'"([^"]*)"', line.decode())
                self.server.asked.append(user)
                if user == HANGS:
                    self.server.is_over.wait(60)
                is_right = PASSWORDS.get(user) == password
                self.wfile.write(f"{tag} {'OK' if is_right else 'NO'} done\r\n".encode())
            else:
                self.wfile.write(f"{tag} OK done\r\n".encode())


@pytest.fixture(scope="module", name="directory")
def make_directory():
    server = Directory()
    yield server
    server.is_over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module", name="region")
def make_region(directory):
    if SASLAUTHD is None:
        if os.environ.get("CI") == "true":
            pytest.fail("saslauthd is not installed (ops/install test)")
        pytest.skip("saslauthd is not installed (sasl2-bin)")
    region = Region(brokers=1, listeners=["SASL_PLAINTEXT"], users={"root": "secret"},
                    super_users=["root", *PASSWORDS])
    home = region.dir / "saslauthd"
    home.mkdir()
    region.settings = ["gyre.sasl.plain.backend=cyrus", f"gyre.sasl.saslauthd.path={home}/mux"]
    run(SASLAUTHD, "-a", "rimap", "-O", f"127.0.0.1/{directory.server_address[1]}", "-m", home,
        "-n", WORKERS)
    daemon = int(eventually((home / "saslauthd.pid").read_text))
    try:
        eventually((home / "mux").exists)
        with region:
            yield region
    finally:
        os.kill(daemon, signal.SIGTERM)  # which ends its workers


def log_in(region, user, password):
    connection = Connection(region.address(region.node_ids[0]))
    connection.log_in(user, password)
    return connection


@pytest.mark.parametrize("user", sorted(PASSWORDS))
def test_saslauthd_lets_in(region, directory, user):
    with log_in(region, user, PASSWORDS[user]) as connection:
        assert connection.call("Metadata", 1, topics=[])["brokers"]
    assert user in directory.asked


@pytest.mark.parametrize("user,password", [("ines", "wrong"), ("nobody", "secret"),
                                           ("root", "secret")])
def test_saslauthd_keeps_out(region, user, password):
    """Also the region's own users: of PLAIN, saslauthd alone decides."""
    with pytest.raises(PermissionError, match="Invalid username or password"):
        log_in(region, user, password)


@pytest.mark.parametrize("name", ["ines@elsewhere", "ines@", " ines", "ines ", "ines\t", "ines\n"])
def test_one_password_opens_one_name(region, directory, name):
    """The library cuts these off: whom a rule denies something would come in beside it."""
    asked = len(directory.asked)
    with pytest.raises(PermissionError, match="Invalid username or password"):
        log_in(region, name, PASSWORDS["ines"])
    assert len(directory.asked) == asked


def test_users_of_the_region_still_come_in_by_scram(region):
    region.on("topic", "list")


def test_a_directory_that_hangs_holds_up_nobody_else(region, directory):
    with Connection(region.address(region.node_ids[0])) as waiting:
        waiting.call("SaslHandshake", 1, mechanism="PLAIN")
        waiting.send("SaslAuthenticate", 1, {"auth_bytes": f"\0{HANGS}\0x".encode()})
        start = time.monotonic()
        eventually(lambda: HANGS in directory.asked, every=0.01)
        for _ in range(10):
            with log_in(region, "olga", "secret") as connection:
                assert connection.call("Metadata", 1, topics=[])["brokers"]
        assert time.monotonic() - start < 5
        with pytest.raises(Closed):
            waiting.receive_bytes(1)
        assert 5 < time.monotonic() - start < 12


def test_without_saslauthd_nobody_comes_in(own_region):
    if SASLAUTHD is None:
        pytest.skip("as the others")
    region = own_region(brokers=1, listeners=["SASL_PLAINTEXT"], users={"olga": "secret"},
                        super_users=["olga"], settings=[
                            "gyre.sasl.plain.backend=cyrus",
                            "gyre.sasl.saslauthd.path=/nonexistent/mux"])
    with pytest.raises(PermissionError):
        log_in(region, "olga", "secret")

# SPDX-License-Identifier: Apache-2.0
"""What strangers can make a broker hold: memory and connections, with real sockets."""
import contextlib
import os
import pathlib
import re
import resource
import struct

import pytest
from kafka_wire import Connection
from region import IS_SANITIZED, Region, eventually

# Half of the descriptors of a broker are for connections. Sanitizers take milliseconds for each
# large piece of memory.
CONNECTIONS = min(500 if IS_SANITIZED else 9500, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 300)
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module", name="region")
def make_region():
    with Region(brokers=1, listeners=["SASL_PLAINTEXT", "PLAINTEXT"],
                users={"admin": "admin-secret"}, super_users=["admin", "ANONYMOUS"]) as region:
        yield region


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident_bytes(region):
    pid = region.pids()[0]
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def held(region, claimed, listener):
    """Opens many connections, each of which claims a frame and sends ten bytes of it."""
    address = region.address(0, listener)
    connections = [Connection(address) for _ in range(CONNECTIONS)]
    for connection in connections:
        connection.socket.sendall(struct.pack(">i", claimed) + bytes(10))
    return connections


@pytest.mark.parametrize("claimed", [2 ** 31 - 1, 60 * 1024])
def test_claims_before_authentication_take_no_memory(region, claimed):
    before = resident_bytes(region)
    connections = held(region, claimed, "SASL_PLAINTEXT")
    with Connection(region.address(0, "PLAINTEXT")) as witness:
        witness.call("Metadata", 9, topics=[])  # what came before it was read
    assert resident_bytes(region) - before < 64 * MEBIBYTE
    for connection in connections:
        connection.socket.close()
    eventually(lambda: region.metric(0, "gyre_connections") < CONNECTIONS / 2)


def test_claims_of_large_frames_keep_nobody_else_waiting(region):
    before = resident_bytes(region)
    connections = held(region, 100 * MEBIBYTE, "PLAINTEXT")
    with Connection(region.address(0, "PLAINTEXT")) as witness:
        assert witness.call("Metadata", 9, topics=[])["brokers"]
    assert resident_bytes(region) - before < 64 * MEBIBYTE
    for connection in connections:
        connection.socket.close()
    eventually(lambda: region.metric(0, "gyre_connections") < CONNECTIONS / 2)


def sockets(pid):
    count = 0
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(link).startswith("socket:")
    return count


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_strangers_at_the_port_between_brokers_take_little_and_few_descriptors(own_region, listener):
    """The oldest of them makes room, so that whoever belongs here still comes in."""
    region = own_region(brokers=2, listeners=[listener], users={"admin": "admin-secret"},
                        super_users=["admin"])
    first, second = region.node_ids
    pid = next(one for one in region.pids() if f"{region.home(first)}/".encode()
               in pathlib.Path(f"/proc/{one}/cmdline").read_bytes())
    before = sockets(pid)
    held_open, seen = [], []
    for number in range(1000):
        held_open.append(Connection(f"127.0.0.1:{region.broker(first)['rpc_port']}"))
        if number % 50 == 49:
            seen.append(sockets(pid) - before)
    assert 200 < max(seen) <= 256 + 50, seen
    for connection in held_open[-10:]:  # a frame of 64 MiB, of which nothing comes
        with contextlib.suppress(ConnectionError):
            connection.socket.sendall(struct.pack("<IB", 64 * MEBIBYTE, 255) + bytes(10))
    region.kill(second)
    region.start(second)
    eventually(lambda: f"broker {second} at" in region.kcat("-L"))
    for connection in held_open:
        connection.socket.close()

# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no protocol, at every port: connections end, the broker goes on."""
import random
import socket
import struct

import pytest
from region import eventually

ROUNDS = 150


def pieces(chance):
    """What strangers send: noise, cut and oversized frames, other protocols."""
    noise = chance.randbytes(chance.choice((1, 3, 4, 100, 5000, 70_000)))
    return chance.choice((
        noise,
        struct.pack(">i", len(noise)) + noise,
        struct.pack(">i", 0x7FFFFFFF) + noise,
        struct.pack(">i", -1) + noise,
        struct.pack(">i", len(noise) + 1000) + noise,
        b"GET / HTTP/1.1\r\nHost: " + noise + b"\r\n\r\n",
        b"POST /" + noise.hex().encode() + b" HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n",
        b"\x16\x03\x01" + noise,
        b"SSH-2.0-OpenSSH_9.2\r\n" + noise))


def throw(port, bytes_thrown):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
        try:
            stranger.sendall(bytes_thrown)
            stranger.shutdown(socket.SHUT_WR)
            stranger.settimeout(5)
            while stranger.recv(65536):
                pass
        except TimeoutError:
            raise
        except OSError:
            pass  # closed on us: all the better


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


@pytest.mark.parametrize("add", [0, 20, 40], ids=["kafka", "rpc", "admin"])
def test_garbage_ends_connections_and_nothing_else(region, topic, add):
    broker = region.broker(region.node_ids[0])
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    region.produce(topic, ["before"])
    before_kib = resident_kib(broker["pid"])
    for _ in range(ROUNDS):
        throw(broker["kafka_port"] + add, pieces(chance))
    assert all(state == "ready" for state in region.status().values())
    assert region.broker(region.node_ids[0])["pid"] == broker["pid"]
    assert eventually(lambda: resident_kib(broker["pid"]) < before_kib + 64 * 1024)
    region.produce(topic, ["behind"])
    assert region.values(topic) == ["before", "behind"]

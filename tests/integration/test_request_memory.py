# SPDX-License-Identifier: Apache-2.0
"""Clients that announce large requests: what they hold, and that others go on beside them."""
import contextlib
import pathlib
import re
import struct
import threading
import time

import pytest
from kafka_cluster import MESSAGE_TOO_LARGE, NONE
from kafka_wire import batch
from region import IS_SANITIZED, Region, eventually

MEBIBYTE = 1024 * 1024
BUDGET = 16 * MEBIBYTE
ANNOUNCED = 100_000_000
LARGE = batch([bytes(900_000)])
PATIENCE_S = 30 if IS_SANITIZED else 5


@pytest.fixture(scope="module", name="region")
def make_region():
    settings = [f"queued.max.request.bytes={BUDGET}", "max.connections.per.ip=1000"]
    with Region(brokers=1, settings=settings) as region:
        yield region


@pytest.fixture(name="asked")
def make_topic(region, connect, topic):
    cluster = connect(region)
    cluster.make(topic, factor=1)
    return cluster


def resident_bytes(region):
    status = pathlib.Path(f"/proc/{region.pids()[0]}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def send_what_is_taken(connection, data):
    """Until the broker, and the buffers on the way, take no more for a while."""
    connection.socket.settimeout(0.5)
    with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
        connection.socket.sendall(data)


@contextlib.contextmanager
def announcers(cluster, count, sent):
    """Connections that announce a large frame and bring `sent` bytes of it."""
    connections = [cluster.connect() for _ in range(count)]
    for connection in connections:
        # A Produce request, so that it is what it seems to be.
        send_what_is_taken(connection, struct.pack(">ihh", ANNOUNCED, 0, 9) + bytes(sent))
    try:
        yield
    finally:
        for connection in connections:
            connection.socket.close()


def timed_produce(cluster, topic):
    started = time.monotonic()
    assert cluster.produce(topic, LARGE)["error_code"] == NONE
    return time.monotonic() - started


def test_announced_requests_hold_only_what_they_bring(region, asked, topic):
    asked.produce(topic, LARGE)
    before = resident_bytes(region)
    with announcers(asked, 50, 10):
        assert timed_produce(asked, topic) < PATIENCE_S
        assert region.metric(0, "gyre_request_memory_bytes") <= BUDGET / 2
        if not IS_SANITIZED:
            assert resident_bytes(region) - before < 2 * BUDGET
    assert eventually(lambda: region.metric(0, "gyre_request_memory_bytes") == 0)


def test_half_requests_that_hold_all_memory_are_given_up(region, asked, topic):
    before = resident_bytes(region)
    given_up = region.metric(0, "gyre_frames_given_up_total")
    with announcers(asked, 6, 8 * MEBIBYTE):
        # A part of the memory is for requests of usual size.
        assert timed_produce(asked, topic) < PATIENCE_S
        if not IS_SANITIZED:
            assert resident_bytes(region) - before < 4 * BUDGET
        assert eventually(lambda: region.metric(0, "gyre_frames_given_up_total") > given_up)
    assert eventually(lambda: region.metric(0, "gyre_request_memory_bytes") == 0)


def test_large_requests_that_do_not_fit_together_are_all_answered(region, asked, topic):
    given_up = region.metric(0, "gyre_frames_given_up_total")
    answers = []

    def ask():
        with asked.connect(timeout=60) as connection:
            answer = connection.call("Produce", 9, acks=-1, timeout_ms=10000, topic_data=[
                {"name": topic, "partition_data": [{"index": 0, "records": records}]}])
            answers.append(answer["responses"][0]["partition_responses"][0]["error_code"])

    records = batch([bytes(10 * MEBIBYTE)])
    clients = [threading.Thread(target=ask) for _ in range(5)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert answers == [MESSAGE_TOO_LARGE] * 5
    assert region.metric(0, "gyre_frames_given_up_total") == given_up
    assert eventually(lambda: region.metric(0, "gyre_request_memory_bytes") == 0)

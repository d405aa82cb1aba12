# SPDX-License-Identifier: Apache-2.0
"""Frames, headers and the negotiation of versions, byte by byte."""
import socket
import struct
import time

import pytest

from kafka_cluster import INVALID_REQUEST, NONE, UNSUPPORTED_VERSION, Cluster
from kafka_wire import SCHEMAS, Codec, Closed, batch


def ask_versions(connection, version=3, **values):
    values = {"client_software_name": "wire", "client_software_version": "1.0", **values}
    return connection.call("ApiVersions", version, **values)


def assert_alive(cluster):
    with cluster.connect() as connection:
        assert ask_versions(connection)["error_code"] == NONE


@pytest.mark.parametrize("size", [0, 7, -1, -2147483648, 100 * 1024 * 1024 + 1, 0x7fffffff])
def test_a_frame_of_impossible_size_closes_the_connection(cluster, size):
    with cluster.connect() as connection:
        connection.send_bytes(struct.pack(">i", size) + b"x" * 16)
        assert connection.is_closed()
    assert_alive(cluster)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                     b"\0\0\0\x0a" + b"\xff" * 10,
                                     b"\x16\x03\x01\x02\0" + b"\1" * 64])
def test_garbage_closes_the_connection(cluster, garbage):
    with cluster.connect() as connection:
        connection.send_bytes(garbage)
        assert connection.is_closed()
    assert_alive(cluster)


@pytest.mark.parametrize("key,version", [(3, 14), (3, 99), (0, 14), (1, 99), (7, 0), (999, 0),
                                         (-1, 0), (3, -1)])
def test_an_unknown_key_or_version_closes_the_connection(cluster, key, version):
    with cluster.connect() as connection:
        connection.send_bytes(connection.frame(key, version, True, b"\0\0\0\0\0"))
        assert connection.is_closed()
    assert_alive(cluster)


@pytest.mark.parametrize("api", ["Produce", "Fetch", "Metadata", "CreateTopics", "JoinGroup",
                                 "ListOffsets", "IncrementalAlterConfigs", "OffsetCommit"])
def test_a_body_that_is_cut_short_closes_the_connection(cluster, api):
    with cluster.connect() as connection:
        connection.send(api, 1, body=b"\0")
        assert connection.is_closed()
    assert_alive(cluster)


def test_a_count_that_the_bytes_cannot_hold_closes_the_connection(cluster):
    with cluster.connect() as connection:
        connection.send("Metadata", 1, body=struct.pack(">i", 0x7ffffff0))
        assert connection.is_closed()
    assert_alive(cluster)


@pytest.mark.parametrize("version", [5, 99, 32767])
def test_a_future_api_versions_is_answered_in_version_0_with_error_35(cluster, version):
    with cluster.connect() as connection:
        connection.send_bytes(connection.frame(18, version, True, b"what is this?"))
        answer = connection.receive("ApiVersions", 0)
        assert answer["error_code"] == UNSUPPORTED_VERSION
        assert {"api_key": 18, "min_version": 0, "max_version": 4} in answer["api_keys"]
        assert ask_versions(connection)["error_code"] == NONE


@pytest.mark.parametrize("version", range(5))
def test_the_header_of_an_api_versions_answer_has_no_tags(cluster, version):
    with cluster.connect() as connection:
        sent = connection.send("ApiVersions", version, {
            "client_software_name": "wire", "client_software_version": "1"}
            if version >= 3 else {})
        data = connection.receive_frame()
        assert data[:4] == struct.pack(">i", sent)
        answer = Codec(SCHEMAS["ApiVersions"][2], version).decode(data[4:])
        assert answer["error_code"] == NONE


@pytest.mark.parametrize("name", ["", "-wire", "wire-", "wi re", "wire!"])
def test_a_strange_client_name_is_an_invalid_request(cluster, name):
    with cluster.connect() as connection:
        assert ask_versions(connection, client_software_name=name)["error_code"] == INVALID_REQUEST
        assert ask_versions(connection, client_software_version=name)["error_code"] == \
            INVALID_REQUEST


def test_produce_is_advertised_from_version_0_and_old_fetches_are_not(cluster):
    keys = {one["api_key"]: one for one in ask_versions(cluster.on())["api_keys"]}
    assert (keys[0]["min_version"], keys[0]["max_version"]) == (0, 13)
    assert keys[1]["min_version"] == 4
    assert not {4, 5, 6, 7} & set(keys)


def test_tags_that_nobody_knows_are_skipped_everywhere(cluster, topic):
    odd = {200: b"odd"}
    answer = cluster.call("Metadata", 12, allow_auto_topic_creation=False, unknown_tags=odd,
                          topics=[{"name": topic, "unknown_tags": odd}])
    assert answer["topics"][0]["name"] == topic
    with cluster.connect() as connection:
        codec = Codec(SCHEMAS["Metadata"][1], 12)
        body = codec.encode({"topics": []})
        connection.send_bytes(connection.frame(3, 12, False, b"\x01\x05\x02hi" + body))
        assert connection.receive("Metadata", 12)["topics"] == []


def test_a_client_id_is_counted_with_two_bytes_and_may_be_null(cluster):
    with cluster.connect() as connection:
        body = Codec(SCHEMAS["Metadata"][1], 12).encode({"topics": []})
        header = struct.pack(">hhih", 3, 12, 77, -1) + b"\0"
        connection.send_bytes(struct.pack(">i", len(header + body)) + header + body)
        assert connection.receive("Metadata", 12, 77)["topics"] == []


def test_answers_come_in_the_order_of_the_requests(cluster, topic):
    cluster.make(topic)
    with cluster.connect(cluster.leader(topic)) as connection:
        sent = []
        for number in range(20):
            api, version = (("Fetch", 12), ("Produce", 9), ("Metadata", 12))[number % 3]
            values = {
                "Fetch": {"max_wait_ms": 50, "min_bytes": 1 << 20, "max_bytes": 1 << 20,
                          "topics": [{"topic": topic, "partitions": [
                              {"partition": 0, "fetch_offset": 0,
                               "partition_max_bytes": 1 << 20}]}]},
                "Produce": {"acks": -1, "timeout_ms": 5000, "topic_data": [
                    {"name": topic, "partition_data": [{"index": 0,
                                                        "records": batch([b"x"])}]}]},
                "Metadata": {"topics": []}}[api]
            sent.append((api, version, connection.send(api, version, values)))
        for api, version, number in sent:
            connection.receive(api, version, number)


def test_who_closed_its_half_of_a_connection_gets_the_answer(cluster, topic):
    cluster.make(topic, partitions=1)
    with cluster.connect(cluster.leader(topic)) as connection:
        started = time.monotonic()
        connection.send("Fetch", 12, {
            "max_wait_ms": 1000, "min_bytes": 1, "max_bytes": 1 << 20, "session_epoch": -1,
            "topics": [{"topic": topic, "partitions": [
                {"partition": 0, "current_leader_epoch": -1, "fetch_offset": 0,
                 "partition_max_bytes": 1 << 20}]}]})
        connection.socket.shutdown(socket.SHUT_WR)
        answer = connection.receive("Fetch", 12)
        assert answer["responses"][0]["partitions"][0]["error_code"] == NONE
        assert time.monotonic() - started > 0.5
        assert connection.is_closed()


def test_produce_without_acks_is_never_answered(cluster, topic):
    cluster.make(topic)
    with cluster.connect(cluster.leader(topic)) as connection:
        connection.send("Produce", 9, {"acks": 0, "timeout_ms": 1000, "topic_data": [
            {"name": topic, "partition_data": [{"index": 0, "records": batch([b"x"])}]}]})
        sent = connection.send("Metadata", 12, {"topics": []})
        connection.receive("Metadata", 12, sent)


def test_produce_without_acks_that_fails_closes_the_connection(cluster):
    with cluster.connect() as connection:
        connection.send("Produce", 9, {"acks": 0, "timeout_ms": 1000, "topic_data": [
            {"name": "no-such-topic", "partition_data": [{"index": 0,
                                                          "records": batch([b"x"])}]}]})
        assert connection.is_closed()


def test_an_idle_connection_is_closed(own_region):
    region = own_region(brokers=1, settings=["connections.max.idle.ms=1000"])
    with Cluster(region).connect() as connection:
        assert ask_versions(connection)["error_code"] == NONE
        assert connection.is_closed()
        with pytest.raises(Closed):
            ask_versions(connection)
            ask_versions(connection)

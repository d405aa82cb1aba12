# SPDX-License-Identifier: Apache-2.0
"""Quotas against real brokers: what a client is told, and that its connection rests as long."""
import time

import pytest

from kafka_wire import Closed, Connection, batch


@pytest.fixture
def give(region):
    """Gives quotas for the time of the test: give("--for-client-id", "c", "key=value")."""
    given = []

    def set_quota(*words):
        entity, changes = words[:-1], words[-1]
        region.on("quota", "set", *entity, changes)
        given.append((entity, changes.split("=")[0]))

    yield set_quota
    for entity, key in given:
        region.on("quota", "set", *entity, "--delete", key)


def create(region, topic):
    region.on("topic", "create", topic, "--partitions", 1, "--replication-factor", 3)


def produce(connection, topic, data):
    return connection.call("Produce", 9, acks=-1, timeout_ms=10000, topic_data=[
        {"name": topic, "partition_data": [{"index": 0, "records": data}]}])


def fetch(connection, topic):
    return connection.call(
        "Fetch", 11, replica_id=-1, max_wait_ms=100, min_bytes=1, max_bytes=1 << 20,
        session_epoch=-1, topics=[{"topic": topic, "partitions": [
            {"partition": 0, "current_leader_epoch": -1, "fetch_offset": 0,
             "partition_max_bytes": 1 << 20}]}])


def test_a_producer_beyond_its_quota_rests_after_its_answer(region, give, topic):
    create(region, topic)
    give("--for-client-id", topic, "producer_byte_rate=10000")
    with Connection(region.address(region.leader(topic)), topic) as connection:
        answer = produce(connection, topic, batch([b"x" * 105000]))
        assert answer["responses"][0]["partition_responses"][0]["error_code"] == 0
        throttle_ms = answer["throttle_time_ms"]
        assert 300 < throttle_ms < 2000
        begin = time.monotonic()
        connection.call("ApiVersions", 0)
        assert time.monotonic() - begin >= throttle_ms / 1000 - 0.02
    with Connection(region.address(region.leader(topic)), "other") as connection:
        answer = produce(connection, topic, batch([b"x" * 105000]))
        assert answer["throttle_time_ms"] == 0


def test_a_consumer_beyond_its_quota_gets_an_empty_answer(region, give, topic):
    create(region, topic)
    leader = region.address(region.leader(topic))
    with Connection(leader, "filler") as connection:
        produce(connection, topic, batch([b"x" * 60000]))
    give("--for-client-id", topic, "consumer_byte_rate=10000")
    with Connection(leader, topic) as connection:
        first = fetch(connection, topic)
        assert first["throttle_time_ms"] == 0 and len(first["responses"][0]["partitions"]) == 1
        second = fetch(connection, topic)
        assert second["throttle_time_ms"] > 0 and second["responses"] == []


def test_a_user_beyond_its_mutations_is_refused_before_anything_is_done(region, give, topic):
    give("--for-user", "ANONYMOUS", "controller_mutation_rate=1")
    with Connection(region.address(0)) as connection:
        def make(name, partitions):
            answer = connection.call("CreateTopics", 7, timeout_ms=10000, topics=[
                {"name": name, "num_partitions": partitions, "replication_factor": 1}])
            return answer["topics"][0]["error_code"], answer["throttle_time_ms"]

        assert make(f"{topic}-one", 12) == (0, 0)
        error, throttle_ms = make(f"{topic}-two", 1)
        assert error == 89 and throttle_ms > 0
    names = [one["name"] for one in region.on("topic", "list", "-o", "json")]
    assert f"{topic}-one" in names and f"{topic}-two" not in names


def ask_to_delete(connection, *topics):
    connection.send("DeleteTopics", 6, {"timeout_ms": 10000, "topics": topics})


def deleted(connection):
    """What the answer to it says."""
    answer = connection.receive("DeleteTopics", 6)
    return [(one["name"], one["error_code"]) for one in answer["responses"]]


def test_a_deletion_beyond_the_quota_is_named_as_it_was_asked_for(region, give, topic):
    paths = [f"/quotas/doomed:{number}" for number in range(3)]
    with Connection(region.address(0)) as connection:
        answer = connection.call("AlterStream", 0, name="/quotas/doomed", is_creation=True,
                                 produce="p", consume="p", topics="p", admin="p", copy="")
        assert answer["error_code"] == 0, answer
        made = connection.call("CreateTopics", 7, timeout_ms=10000, topics=[
            {"name": path, "num_partitions": 12, "replication_factor": 1} for path in paths])
        assert [one["error_code"] for one in made["topics"]] == [0, 0, 0], made
    topic_id = made["topics"][2]["topic_id"]
    give("--for-client-id", topic, "controller_mutation_rate=1")
    with Connection(region.address(0), topic) as connection:
        answer = connection.call("DeleteTopics", 5, topic_names=paths[:2], timeout_ms=10000)
        assert [(one["name"], one["error_code"]) for one in answer["responses"]] == [
            (paths[0], 0), (paths[1], 89)]
    give("--for-client-id", f"{topic}-id", "controller_mutation_rate=1")
    with Connection(region.address(0), f"{topic}-id") as connection:
        ask_to_delete(connection, {"name": paths[1]}, {"name": None, "topic_id": topic_id})
        assert deleted(connection) == [(paths[1], 0), ("quotas.doomed..2", 89)]


def test_a_topic_that_goes_before_its_refusal_is_sent_keeps_its_name(own_region, topic):
    """The answer waits for the other deletion, and that for a broker that stands still."""
    region = own_region()
    region.on("quota", "set", "--for-client-id", "poor", "controller_mutation_rate=1")
    for name, partitions in ((f"{topic}-first", 12), (f"{topic}-second", 1)):
        region.on("topic", "create", name, "--partitions", partitions)
    with Connection(region.address(0), "poor") as poor, Connection(region.address(0)) as rich:
        controller = rich.call("Metadata", 12, topics=[])["controller_id"]
        still = next(node_id for node_id in (1, 2) if node_id != controller)
        second = rich.call("Metadata", 12, topics=[{"name": f"{topic}-second"}],
                           allow_auto_topic_creation=False)["topics"][0]
        region.kill(still, "STOP")
        try:
            ask_to_delete(poor, {"name": f"{topic}-first"},
                          {"name": None, "topic_id": second["topic_id"]})
            gone = rich.call("DeleteTopics", 5, topic_names=[f"{topic}-second"], timeout_ms=10000)
            assert gone["responses"][0]["error_code"] == 0
            assert deleted(poor) == [(f"{topic}-first", 0), (f"{topic}-second", 89)]
        finally:
            region.kill(still, "CONT")


def test_topics_that_come_by_themselves_are_mutations_too(region, give, topic):
    """As many as a burst allows, 11 of one partition; nobody goes around it by asking once more."""
    give("--for-client-id", topic, "controller_mutation_rate=1")
    with Connection(region.address(0), topic) as connection:
        def ask(names):
            answer = connection.call("Metadata", 12, allow_auto_topic_creation=True,
                                     topics=[{"name": name} for name in names])
            return [one["error_code"] for one in answer["topics"]], answer["throttle_time_ms"]

        errors, throttle_ms = ask([f"{topic}-{number}" for number in range(40)])
        made = 40 - errors.count(3)  # UNKNOWN_TOPIC_OR_PARTITION
        assert 11 <= made <= 13
        assert throttle_ms > 0
    names = [one["name"] for one in region.on("topic", "list", "-o", "json")]
    assert len([name for name in names if name.startswith(f"{topic}-")]) == made


def test_an_address_that_dials_too_fast_waits_and_is_closed(own_region):
    region = own_region(brokers=1)
    region.on("quota", "set", "--for-ip", "127.0.0.1", "connection_creation_rate=1")
    refused = 0
    for _ in range(15):
        with Connection(region.address(0)) as connection:
            try:
                connection.call("ApiVersions", 0)
            except Closed:
                refused += 1
    assert 1 <= refused <= 10
    assert region.metric(0, "gyre_connections_held_total") >= refused


def alter(region, *entries):
    """Entities as lists of (type, name), each with one quota's value: what is said of them."""
    with Connection(region.address(region.node_ids[0])) as connection:
        answer = connection.call("AlterClientQuotas", 1, validate_only=False, entries=[
            {"entity": [{"entity_type": kind, "entity_name": name} for kind, name in parts],
             "ops": [{"key": "producer_byte_rate", "value": value, "remove": value == 0}
                     for value in values]} for parts, *values in entries])
    return [(one["error_code"], one["error_message"]) for one in answer["entries"]]


def test_an_entity_that_is_named_twice_is_answered_once(region):
    """In the words of Kafka 4.3.1, which makes the first of the changes all the same."""
    user, both = [("user", "dora")], [("user", "dora"), ("client-id", "c")]
    said = "Ignoring duplicate entity ClientQuotaEntity(entries={%s})"
    assert alter(region, (user, 1000), (both, 7), (user, 2000)) == [
        (42, said % "user=dora"), (0, None)]
    assert region.on("quota", "list", "--for-user", "dora", "-o", "json") == [
        {"entity": {"user": "dora"}, "quotas": {"producer_byte_rate": 1000.0}},
        {"entity": {"user": "dora", "client-id": "c"}, "quotas": {"producer_byte_rate": 7.0}}]
    assert alter(region, (both, 0), (both[::-1], 0)) == [
        (42, said % "client-id=c, user=dora")]
    assert alter(region, (user, 5, 6)) == [(42, said % "user=dora")]
    assert alter(region, ([("user", None)], 0), ([("user", None)], 0)) == [
        (42, said % "user=null")]
    # A part that is named twice: the last one counts.
    assert alter(region, ([("user", "nobody"), ("user", "dora")], 0)) == [(0, None)]
    assert region.on("quota", "list", "-o", "json") == []

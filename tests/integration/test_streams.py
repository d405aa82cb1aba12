# SPDX-License-Identifier: Apache-2.0
"""Streams: two names of a topic, policies of groups and roles, and decisions explained."""
import itertools

import pytest

from access_world import (CLUSTER_DENIED, DENY, DESCRIBE, LITERAL, PREFIXED, READ, TOPIC,
                          TOPIC_DENIED, WRITE, errors, fetch_request, list_offsets_request,
                          partition, produce_request)
from kafka_cluster import (INVALID_REQUEST, INVALID_TOPIC_EXCEPTION, NONE, TOPIC_ALREADY_EXISTS,
                           UNKNOWN_TOPIC_OR_PARTITION)
from kafka_wire import batch, batches

RESOURCE_NOT_FOUND = 91
NUMBERS = itertools.count()


EVERYBODY = {"produce": "p", "consume": "p", "topics": "p", "admin": "p", "copy": ""}


@pytest.fixture(name="stream")
def make_stream(world):
    """A stream of its own, deleted afterwards: name it, with what AlterStream takes."""
    made = []

    def make(**values):
        path = f"/streams/s{next(NUMBERS)}"
        answer = world.cluster.call("AlterStream", 0, name=path, is_creation=True,
                                    **EVERYBODY | values)
        assert answer["error_code"] == NONE, answer
        assert answer["version"] > 0
        made.append(path)
        return path

    yield make
    for path in made:
        legal = path[1:].replace("/", ".") + ".."
        world.cluster.call("AlterStream", 0, name=path, **EVERYBODY)
        names = [one["name"] for one in world.cluster.call("Metadata", 12, topics=None)["topics"]]
        for name in names:
            if name.startswith(legal):
                world.cluster.call("DeleteTopics", 5, topic_names=[name], timeout_ms=5000)
        assert world.cluster.call("DeleteStream", 0, name=path)["error_code"] == NONE


def legal_of(path, topic):
    return f"{path[1:].replace('/', '.')}..{topic}"


def test_a_topic_of_a_stream_has_two_names_and_one_id(world, stream):
    path = stream()
    by_path, legal = f"{path}:impressions", legal_of(path, "impressions")
    topic_id = world.make(by_path)
    for name in (by_path, legal):
        answer = world.cluster.topic(name)
        assert (answer["name"], answer["topic_id"]) == (name, topic_id)
    assert world.cluster.create(legal, factor=1)["error_code"] == TOPIC_ALREADY_EXISTS
    world.cluster.produce(by_path, batch([b"x"]))
    for name in (by_path, legal):
        answer = world.cluster.call("Fetch", 12, **fetch_request(name))["responses"][0]
        assert answer["topic"] == name
        assert batches(answer["partitions"][0]["records"])[0]["values"] == [b"x"]
        answer = world.cluster.call("ListOffsets", 7, **list_offsets_request(name))["topics"][0]
        assert (answer["name"], answer["partitions"][0]["offset"]) == (name, 1)
    coordinator = world.coordinator("g")
    committed = world.cluster.call("OffsetCommit", 8, coordinator, group_id="g", topics=[
        {"name": by_path, "partitions": partition(committed_offset=1)}],
        generation_id_or_member_epoch=-1)
    assert committed["topics"][0]["name"] == by_path
    for name in (by_path, legal):
        answer = world.cluster.call("OffsetFetch", 7, coordinator, group_id="g", topics=[
            {"name": name, "partition_indexes": [0]}])["topics"][0]
        assert (answer["name"], answer["partitions"][0]["committed_offset"]) == (name, 1)
    everything = world.cluster.call("OffsetFetch", 7, coordinator, group_id="g",
                                    topics=None)["topics"]
    assert [one["name"] for one in everything] == [legal]
    answer = world.cluster.call("DeleteTopics", 5, topic_names=[by_path, legal], timeout_ms=5000)
    assert [one["error_code"] for one in answer["responses"]] == [NONE, INVALID_REQUEST]


def test_pages_of_partitions_go_on_under_the_name_that_was_asked_for(world, stream):
    path = stream()
    world.make(f"{path}:t", partitions=3)
    cursor, found = None, []
    for _ in range(5):
        answer = world.cluster.call("DescribeTopicPartitions", 0, topics=[{"name": f"{path}:t"}],
                                    response_partition_limit=2, cursor=cursor)
        assert [one["name"] for one in answer["topics"]] == [f"{path}:t"]
        found += [one["partition_index"] for one in answer["topics"][0]["partitions"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert found == [0, 1, 2]


@pytest.mark.parametrize("name", ["/nowhere:t", "nowhere..t", "/a//b:t", "/a:b..eu", "a..b..eu",
                                  "/../..:passwd", "/a", "a:b", "..a", "a.."])
def test_a_topic_exists_only_where_its_stream_does(world, name):
    assert world.cluster.create(name, factor=1)["error_code"] == INVALID_TOPIC_EXCEPTION
    answer = world.cluster.call("Metadata", 12, topics=[{"name": name}],
                                allow_auto_topic_creation=True)["topics"][0]
    assert answer["error_code"] in (UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION)


def test_rules_do_not_suffice_where_the_stream_enforces_its_policy(world, stream):
    path = stream(produce="u:bob | g:writers", topics="u:admin")
    name = legal_of(path, "t")
    world.make(name)
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == TOPIC_DENIED
    world.cluster.call("AlterStream", 0, name=path, ace_mode=1)
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == NONE
    world.cluster.call("AlterStream", 0, name=path, ace_mode=0)
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == TOPIC_DENIED
    assert world.cluster.call("AlterRole", 0, name="g:writers", removals=[],
                              additions=["User:admin"])["error_code"] == NONE
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == NONE
    assert world.cluster.call("AlterRole", 0, name="g:writers", removals=["User:admin"],
                              additions=[])["error_code"] == NONE
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == TOPIC_DENIED


def test_a_rule_may_name_a_topic_by_its_path(world, stream):
    path = stream()
    world.make(f"{path}:t")
    request = produce_request(legal_of(path, "t"))
    for name, pattern in ((f"{path}:t", LITERAL), (f"{path}:", PREFIXED)):
        assert errors(world.guest.ask("Produce", 9, request)[1]) == [NONE]
        world.grant((TOPIC, name, WRITE), pattern=pattern, permission=DENY)
        assert TOPIC_DENIED in errors(world.guest.ask("Produce", 9, request)[1])
        removed = world.cluster.call("DeleteAcls", 3, filters=[
            {"resource_type_filter": TOPIC, "resource_name_filter": name,
             "pattern_type_filter": pattern, "principal_filter": None, "host_filter": None,
             "operation": WRITE, "permission_type": DENY}])["filter_results"][0]
        assert len(removed["matching_acls"]) == 1


def test_the_cluster_makes_no_topics_in_a_stream_that_does_not_let_it(world, stream):
    path = stream(topics="u:bob", admin="p")
    assert world.cluster.create(legal_of(path, "t"), factor=1)["error_code"] == TOPIC_DENIED
    answer = world.cluster.call("Metadata", 12, topics=[{"name": f"{path}:t"}],
                                allow_auto_topic_creation=True)["topics"][0]
    assert answer["error_code"] == TOPIC_DENIED


def test_topics_inherit_the_settings_of_their_stream(world, stream):
    path = stream(properties=[{"name": "ttl", "value": "3600"},
                              {"name": "compression", "value": "zstd"},
                              {"name": "default.partitions", "value": "3"},
                              {"name": "autocreate", "value": "false"}])
    name = legal_of(path, "t")

    def setting(key):
        found = world.cluster.call("DescribeConfigs", 4, resources=[
            {"resource_type": TOPIC, "resource_name": f"{path}:t", "configuration_keys": [key]}])
        return found["results"][0]["configs"][0]["value"]

    answer = world.cluster.call("Metadata", 12, topics=[{"name": name}],
                                allow_auto_topic_creation=True)["topics"][0]
    assert answer["error_code"] == UNKNOWN_TOPIC_OR_PARTITION
    world.cluster.make(name, partitions=-1, factor=1)
    assert len(world.cluster.topic(name)["partitions"]) == 3
    assert (setting("retention.ms"), setting("compression.type")) == ("3600000", "zstd")
    world.cluster.call("AlterStream", 0, name=path, properties=[{"name": "ttl", "value": "60"}])
    assert (setting("retention.ms"), setting("compression.type")) == ("60000", "zstd")
    world.cluster.call("AlterStream", 0, name=path, properties=[{"name": "ttl", "value": None}])
    assert setting("retention.ms") == "604800000"
    described = world.cluster.call("DescribeStreams", 0, names=[path])["streams"][0]
    assert {one["name"]: one["value"] for one in described["properties"]} == {
        "compression": "zstd", "default.partitions": "3", "autocreate": "false"}
    assert described["topic_count"] == 1


def test_a_stream_with_topics_is_not_deleted(world, stream):
    path = stream()
    world.make(legal_of(path, "t"))
    assert world.cluster.call("DeleteStream", 0, name=path)["error_code"] == INVALID_REQUEST


def test_a_stream_is_hidden_from_who_may_not_use_it(world, stream):
    path = stream(produce="u:bob", consume="", topics="", admin="")
    real, _ = world.guest.ask("DescribeStreams", 0, {"names": [path]})
    unreal, _ = world.guest.ask("DescribeStreams", 0, {"names": [path[:-1] + "x"]})
    assert real == unreal.replace((path[:-1] + "x").encode(), path.encode())
    assert world.guest.ask("DescribeStreams", 0, {"names": None})[1]["streams"] == []
    seen = world.cluster.call("DescribeStreams", 0, names=[path, "/no/such"])["streams"]
    assert seen[0]["produce"] == "u:bob"
    assert seen[1]["error_code"] == RESOURCE_NOT_FOUND


def test_a_policy_that_cannot_be_read_is_refused_with_its_fault(world):
    answer = world.cluster.call("AlterStream", 0, name="/s", is_creation=True,
                                produce="u:a & g:b | g:c")
    assert answer["error_code"] == INVALID_REQUEST
    assert answer["error_message"].startswith("produce: at byte 10:")


# explained decisions

def explain(connection, *questions):
    return connection.call("ExplainAccess", 0, questions=[
        {"operation": op, "resource_type": kind, "resource_name": name, "groups": None, **more}
        for kind, name, op, more in questions])["answers"]


def test_a_decision_is_explained_by_its_rule(world, stream, topic):
    path = stream(produce="u:bob & !g:interns")
    world.grant((TOPIC, topic, READ))
    asked = explain(world.cluster.on(), (TOPIC, topic, DESCRIBE, {"principal": "User:alice"}),
                    (TOPIC, f"{path}:t", WRITE, {"principal": "User:bob", "groups": []}),
                    (TOPIC, f"{path}:t", WRITE, {"principal": "User:bob"}),
                    (TOPIC, topic, READ, {"principal": "User:eve"}))
    assert [(one["is_allowed"], one["basis"]) for one in asked] == [
        (True, "allow"), (True, "stream"), (False, "stream_refuses"), (False, "default")]
    assert (asked[0]["rule"]["operation"], asked[0]["rule"]["principal"]) == (READ, "User:alice")
    assert (asked[1]["stream"], asked[1]["permission"], asked[1]["expression"]) == (
        path, "produce", "u:bob & !g:interns")


def test_of_a_refusal_the_guest_learns_only_that_it_is_one(world, stream, topic):
    path = stream(produce="u:bob")
    world.grant((TOPIC, topic, READ))
    answers = explain(world.guest, (TOPIC, topic, READ, {}), (TOPIC, f"{path}:t", WRITE, {}),
                      (TOPIC, "nowhere", WRITE, {}), (TOPIC, topic, READ, {"principal": "User:x"}))
    assert answers[0]["is_allowed"] and answers[0]["rule"]["resource_name"] == topic
    assert answers[1] == answers[2]
    assert not answers[1]["is_allowed"]
    assert answers[3]["error_code"] == CLUSTER_DENIED

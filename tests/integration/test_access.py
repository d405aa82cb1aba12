# SPDX-License-Identifier: Apache-2.0
"""Who may do what: each row of the API table allowed, denied and absent; streams; revocation.

All clients are User:ANONYMOUS here. The administrator comes from 127.0.0.1, the guest from
127.0.0.2, and rules tell them apart by host.
"""
import itertools
import socket
import threading

import pytest

from kafka_cluster import (INVALID_REQUEST, INVALID_TOPIC_EXCEPTION, NONE, TOPIC_ALREADY_EXISTS,
                           UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, Cluster)
from kafka_wire import SCHEMAS, ZERO_ID, Closed, Codec, Connection, batch, batches
from region import Region, eventually

TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED, TRANSACTION_DENIED = 29, 30, 31, 53
RESOURCE_NOT_FOUND = 91
TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID = 2, 3, 4, 5
ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE = range(2, 9)
CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE = range(9, 13)
LITERAL, PREFIXED = 3, 4
DENY, ALLOW = 2, 3
NAME = {CLUSTER: "kafka-cluster"}
NUMBERS = itertools.count()


class Guest(Connection):
    """A connection from 127.0.0.2."""

    def __init__(self, address):
        super().__init__(address)
        self.socket.close()
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=15,
                                               source_address=("127.0.0.2", 0))

    def ask(self, api, version, values):
        """The bytes behind the correlation id, and what they say."""
        self.send(api, version, values)
        data = self.receive_frame()
        _, request, response = SCHEMAS[api]
        header = 5 if version >= request.flexible and api != "ApiVersions" else 4
        return data[4:], Codec(response, version).decode(data[header:])


class World:
    """A region, its administrator and its guest."""

    def __init__(self, region):
        self.cluster = Cluster(region)
        self.address = region.address(region.node_ids[0])
        self.allow("127.0.0.1", *((kind, NAME.get(kind, "*"), ALL) for kind in range(2, 8)))
        self.guest = Guest(self.address)

    def wait_for_coordinator(self):
        eventually(lambda: errors(self.cluster.call(
            "FindCoordinator", 4, key_type=0, coordinator_keys=["readers"])) == [NONE])
        eventually(lambda: errors(self.cluster.call(
            "OffsetFetch", 7, group_id="readers", topics=None)) == [NONE])

    def close(self):
        self.guest.socket.close()
        self.cluster.close()

    def allow(self, host, *rules, pattern=LITERAL, permission=ALLOW):
        answer = self.cluster.call("CreateAcls", 3, creations=[
            {"resource_type": kind, "resource_name": name, "resource_pattern_type": pattern,
             "principal": "User:ANONYMOUS", "host": host, "operation": operation,
             "permission_type": permission} for kind, name, operation in rules])
        assert [one["error_code"] for one in answer["results"]] == [NONE] * len(rules)

    def grant(self, *rules, **more):
        self.allow("127.0.0.2", *rules, **more)

    def revoke_all(self):
        self.cluster.call("DeleteAcls", 3, filters=[
            {"resource_type_filter": 1, "resource_name_filter": None, "pattern_type_filter": 1,
             "principal_filter": None, "host_filter": "127.0.0.2", "operation": 1,
             "permission_type": 1}])


@pytest.fixture(scope="module", name="region")
def make_region():
    with Region(brokers=1, settings=["authorizer.class.name=any",
                                     "allow.everyone.if.no.acl.found=true"]) as region:
        yield region


@pytest.fixture(scope="module", name="shared")
def make_shared(region):
    world = World(region)
    world.wait_for_coordinator()
    yield world
    world.close()


@pytest.fixture(name="world")
def make_world(shared):
    yield shared
    shared.revoke_all()


def errors(value):
    """Every error code of an answer."""
    if isinstance(value, dict):
        found = [code for key, code in value.items()
                 if key == "error_code"]
        return found + [code for one in value.values() for code in errors(one)]
    if isinstance(value, list):
        return [code for one in value for code in errors(one)]
    return []


def partition(**values):
    return [{"partition_index": 0, **values}]


def config_change(name, kind=TOPIC):
    return {"resources": [{"resource_type": kind, "resource_name": name, "configs": [
        {"name": "retention.ms", "config_operation": 0, "value": "1000"}]}], "validate_only": True}


# API, version, request of a topic, what it needs, what is said of an absent topic
TOPIC_ROWS = [
    ("Produce", 3, lambda t: {"acks": -1, "timeout_ms": 5000, "topic_data": [
        {"name": t, "partition_data": [{"index": 0, "records": batch([b"x"])}]}]},
     [(TOPIC, WRITE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("Produce", 9, lambda t: {"acks": 1, "timeout_ms": 5000, "topic_data": [
        {"name": t, "partition_data": [{"index": 0, "records": batch([b"x"])}]}]},
     [(TOPIC, WRITE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("Fetch", 12, lambda t: {"replica_id": -1, "max_wait_ms": 0, "max_bytes": 1000, "topics": [
        {"topic": t, "partitions": [{"partition": 0, "fetch_offset": 0,
                                     "current_leader_epoch": -1, "last_fetched_epoch": -1,
                                     "log_start_offset": -1, "partition_max_bytes": 1000}]}]},
     [(TOPIC, READ)], UNKNOWN_TOPIC_OR_PARTITION),
    ("ListOffsets", 7, lambda t: {"replica_id": -1, "topics": [
        {"name": t, "partitions": partition(current_leader_epoch=-1, timestamp=-1)}]},
     [(TOPIC, DESCRIBE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("Metadata", 12, lambda t: {"topics": [{"name": t, "topic_id": ZERO_ID}],
                                "allow_auto_topic_creation": False,
                                "include_topic_authorized_operations": True},
     [(TOPIC, DESCRIBE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("DescribeTopicPartitions", 0, lambda t: {"topics": [{"name": t}],
                                              "response_partition_limit": 10},
     [(TOPIC, DESCRIBE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("CreateTopics", 7, lambda t: {"topics": [
        {"name": t, "num_partitions": 1, "replication_factor": 1}], "timeout_ms": 5000,
        "validate_only": True}, [(TOPIC, CREATE)], NONE),
    ("DeleteTopics", 5, lambda t: {"topic_names": [t], "timeout_ms": 5000},
     [(TOPIC, DELETE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("DeleteTopics", 6, lambda t: {"topics": [{"name": t, "topic_id": ZERO_ID}],
                                   "timeout_ms": 5000},
     [(TOPIC, DELETE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("CreatePartitions", 3, lambda t: {"topics": [{"name": t, "count": 2, "assignments": None}],
                                       "timeout_ms": 5000, "validate_only": True},
     [(TOPIC, ALTER)], UNKNOWN_TOPIC_OR_PARTITION),
    ("DeleteRecords", 2, lambda t: {"topics": [{"name": t, "partitions": partition(offset=0)}],
                                    "timeout_ms": 5000},
     [(TOPIC, DELETE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("OffsetForLeaderEpoch", 4, lambda t: {"replica_id": -1, "topics": [
        {"topic": t, "partitions": [{"partition": 0, "current_leader_epoch": -1,
                                     "leader_epoch": 0}]}]},
     [(TOPIC, DESCRIBE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("OffsetCommit", 8, lambda t: {"group_id": "readers", "generation_id_or_member_epoch": -1,
                                   "member_id": "", "topics": [
        {"name": t, "partitions": partition(committed_offset=0, committed_leader_epoch=-1,
                                            committed_metadata="")}]},
     [(TOPIC, READ), (GROUP, READ)], UNKNOWN_TOPIC_OR_PARTITION),
    ("OffsetFetch", 7, lambda t: {"group_id": "readers", "require_stable": False, "topics": [
        {"name": t, "partition_indexes": [0]}]},
     [(TOPIC, DESCRIBE), (GROUP, DESCRIBE)], NONE),
    ("OffsetFetch", 8, lambda t: {"require_stable": False, "groups": [
        {"group_id": "readers", "topics": [{"name": t, "partition_indexes": [0]}]}]},
     [(TOPIC, DESCRIBE), (GROUP, DESCRIBE)], NONE),
    ("OffsetDelete", 0, lambda t: {"group_id": "readers", "topics": [
        {"name": t, "partitions": partition()}]},
     [(TOPIC, READ), (GROUP, DELETE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("DescribeConfigs", 4, lambda t: {"resources": [
        {"resource_type": TOPIC, "resource_name": t, "configuration_keys": None}]},
     [(TOPIC, DESCRIBE_CONFIGS)], UNKNOWN_TOPIC_OR_PARTITION),
    ("AlterConfigs", 2, lambda t: {"resources": [
        {"resource_type": TOPIC, "resource_name": t, "configs": []}], "validate_only": True},
     [(TOPIC, ALTER_CONFIGS)], UNKNOWN_TOPIC_OR_PARTITION),
    ("IncrementalAlterConfigs", 1, config_change,
     [(TOPIC, ALTER_CONFIGS)], UNKNOWN_TOPIC_OR_PARTITION),
]


def row_id(row):
    return f"{row[0]}-{row[1]}" if isinstance(row, tuple) else None


@pytest.mark.parametrize("row", TOPIC_ROWS, ids=row_id)
def test_a_topic_is_allowed_denied_or_absent(world, row):
    api, version, request, needs, absent = row
    there, missing = (f"row{next(NUMBERS)}-{end}" for end in ("there", "other"))
    world.cluster.make(there, factor=1)
    world.cluster.produce(there, batch([b"x"]))
    assert world.cluster.call("OffsetCommit", 8, **TOPIC_ROWS[12][2](there))["topics"]
    # Denied: not a byte tells whether the topic is there.
    if (GROUP, READ) in needs or len(needs) > 1:
        world.grant(*((GROUP, "readers", op) for kind, op in needs if kind == GROUP))
    real, answer = world.guest.ask(api, version, request(there))
    unreal, _ = world.guest.ask(api, version, request(missing))
    assert TOPIC_DENIED in errors(answer), answer
    assert unreal.replace(missing.encode(), there.encode()) == real
    # Absent.
    world.grant(*((TOPIC, missing, op) for kind, op in needs if kind == TOPIC))
    _, answer = world.guest.ask(api, version, request(missing))
    assert TOPIC_DENIED not in errors(answer), answer
    assert absent in errors(answer), answer
    # Allowed.
    world.grant(*((TOPIC, there, op) for kind, op in needs if kind == TOPIC))
    _, answer = world.guest.ask(api, version, request(there))
    assert set(errors(answer)) <= {NONE, TOPIC_ALREADY_EXISTS if api == "CreateTopics" else NONE}, \
        answer


def member(**more):
    return {"group_id": "nobody", "member_id": "", "generation_id": 1, **more}


GROUP_ROWS = [
    ("FindCoordinator", 3, {"key": "nobody", "key_type": 0}, DESCRIBE),
    ("FindCoordinator", 4, {"key_type": 0, "coordinator_keys": ["nobody"]}, DESCRIBE),
    ("JoinGroup", 5, {"group_id": "nobody", "session_timeout_ms": 10000,
                      "rebalance_timeout_ms": 10000, "member_id": "", "protocol_type": "consumer",
                      "protocols": [{"name": "range", "metadata": b""}]}, READ),
    ("SyncGroup", 3, member(assignments=[]), READ),
    ("Heartbeat", 3, member(), READ),
    ("LeaveGroup", 3, {"group_id": "nobody", "members": [{"member_id": "m"}]}, READ),
    ("OffsetCommit", 8, {"group_id": "nobody", "generation_id_or_member_epoch": -1, "topics": [
        {"name": "t", "partitions": partition(committed_offset=0)}]}, READ),
    ("OffsetFetch", 7, {"group_id": "nobody", "topics": None}, DESCRIBE),
    ("OffsetFetch", 8, {"groups": [{"group_id": "nobody", "topics": None}]}, DESCRIBE),
    ("OffsetDelete", 0, {"group_id": "nobody", "topics": []}, DELETE),
    ("DescribeGroups", 5, {"groups": ["nobody"]}, DESCRIBE),
    ("DeleteGroups", 2, {"groups_names": ["nobody"]}, DELETE),
    ("DescribeConfigs", 4, {"resources": [{"resource_type": 32, "resource_name": "nobody",
                                           "configuration_keys": None}]}, DESCRIBE_CONFIGS),
    ("IncrementalAlterConfigs", 1, {"validate_only": True, "resources": [
        {"resource_type": 32, "resource_name": "nobody", "configs": []}]}, ALTER_CONFIGS),
]


@pytest.mark.parametrize("row", GROUP_ROWS, ids=row_id)
def test_a_group_is_allowed_or_denied(world, row):
    api, version, request, operation = row
    _, answer = world.guest.ask(api, version, request)
    assert GROUP_DENIED in errors(answer), answer
    world.grant((GROUP, "nob", operation), pattern=PREFIXED)
    _, answer = world.guest.ask(api, version, request)
    assert GROUP_DENIED not in errors(answer), answer


def named(resource, **more):
    return {"resource_type": resource, "resource_name": "0", **more}


CLUSTER_ROWS = [
    ("ElectLeaders", 2, {"election_type": 0, "topic_partitions": [], "timeout_ms": 1000}, ALTER),
    ("AlterPartitionReassignments", 0, {"timeout_ms": 1000, "topics": []}, ALTER),
    ("ListPartitionReassignments", 0, {"timeout_ms": 1000, "topics": None}, DESCRIBE),
    ("DescribeQuorum", 1, {"topics": [{"topic_name": "__cluster_metadata", "partitions":
                                       partition()}]}, DESCRIBE),
    ("DescribeLogDirs", 4, {"topics": None}, DESCRIBE),
    ("ListConfigResources", 1, {"resource_types": []}, DESCRIBE_CONFIGS),
    ("DescribeConfigs", 4, {"resources": [named(4, configuration_keys=None)]}, DESCRIBE_CONFIGS),
    ("DescribeConfigs", 4, {"resources": [named(8, configuration_keys=None)]}, DESCRIBE_CONFIGS),
    ("IncrementalAlterConfigs", 1, {"validate_only": True, "resources": [named(4, configs=[])]},
     ALTER_CONFIGS),
    ("AlterConfigs", 2, {"validate_only": True, "resources": [named(4, configs=[])]},
     ALTER_CONFIGS),
    ("InitProducerId", 4, {"transactional_id": None, "transaction_timeout_ms": 1000,
                           "producer_id": -1, "producer_epoch": -1}, IDEMPOTENT_WRITE),
    ("FindCoordinator", 4, {"key_type": 2, "coordinator_keys": ["g:t:0"]}, CLUSTER_ACTION),
    ("DescribeAcls", 3, {"resource_type_filter": 1, "pattern_type_filter": 1, "operation": 1,
                         "permission_type": 1, "resource_name_filter": None,
                         "principal_filter": None, "host_filter": None}, DESCRIBE),
    ("CreateAcls", 3, {"creations": []}, ALTER),
    ("DeleteAcls", 3, {"filters": []}, ALTER),
    ("DescribeUserScramCredentials", 0, {"users": None}, DESCRIBE),
    ("DescribeClientQuotas", 1, {"components": [], "strict": False}, DESCRIBE_CONFIGS),
    ("DescribeRoles", 0, {"names": None}, DESCRIBE),
    ("AlterRole", 0, {"name": "g:a", "removals": [], "additions": [], "validate_only": True},
     ALTER),
    ("AlterStream", 0, {"name": "/x", "is_creation": True, "validate_only": True}, CREATE),
    ("AlterStream", 0, {"name": "/x", "validate_only": True}, ALTER),
    ("DeleteStream", 0, {"name": "/x", "validate_only": True}, ALTER),
]


@pytest.mark.parametrize("row", CLUSTER_ROWS, ids=row_id)
def test_the_cluster_is_allowed_or_denied(world, row):
    api, version, request, operation = row
    _, answer = world.guest.ask(api, version, request)
    if answer.get("results", answer.get("filter_results")) != []:
        assert CLUSTER_DENIED in errors(answer), answer
    world.grant((CLUSTER, NAME[CLUSTER], operation))
    _, answer = world.guest.ask(api, version, request)
    assert CLUSTER_DENIED not in errors(answer), answer


TRANSACTION_ROWS = [
    ("InitProducerId", 4, {"transactional_id": "t", "transaction_timeout_ms": 1000,
                           "producer_id": -1, "producer_epoch": -1}, WRITE),
    ("FindCoordinator", 4, {"key_type": 1, "coordinator_keys": ["t"]}, DESCRIBE),
    ("Produce", 9, {"transactional_id": "t", "acks": -1, "timeout_ms": 1000, "topic_data": [
        {"name": "t", "partition_data": [{"index": 0, "records": batch([b"x"], attributes=16)}]}]},
     WRITE),
]


@pytest.mark.parametrize("row", TRANSACTION_ROWS, ids=row_id)
def test_a_transactional_id_is_allowed_or_denied(world, row):
    api, version, request, operation = row
    _, answer = world.guest.ask(api, version, request)
    assert TRANSACTION_DENIED in errors(answer), answer
    world.grant((TRANSACTIONAL_ID, "t", operation))
    _, answer = world.guest.ask(api, version, request)
    assert TRANSACTION_DENIED not in errors(answer), answer


def test_a_transactional_batch_without_an_id_is_refused(world, topic):
    """CVE-2018-17196."""
    world.cluster.make(topic, factor=1)
    world.grant((TOPIC, topic, WRITE))
    _, answer = world.guest.ask("Produce", 9, {"acks": -1, "timeout_ms": 1000, "topic_data": [
        {"name": topic, "partition_data": [
            {"index": 0, "records": batch([b"x"], attributes=16)}]}]})
    assert TRANSACTION_DENIED in errors(answer)


def test_a_fetch_that_poses_as_a_replica_is_refused(world, topic):
    """CVE-2018-1288."""
    world.cluster.make(topic, factor=1)
    world.grant((TOPIC, topic, READ))
    request = TOPIC_ROWS[2][2](topic)
    assert TOPIC_DENIED not in errors(world.guest.ask("Fetch", 12, request)[1])
    request["replica_id"] = 0
    assert TOPIC_DENIED in errors(world.guest.ask("Fetch", 12, request)[1])


def test_who_may_write_somewhere_may_have_a_producer_id(world, topic):
    request = CLUSTER_ROWS[10][2]
    assert CLUSTER_DENIED in errors(world.guest.ask("InitProducerId", 4, request)[1])
    world.grant((TOPIC, topic, WRITE))
    assert errors(world.guest.ask("InitProducerId", 4, request)[1]) == [NONE]


def test_lists_leave_out_what_may_not_be_seen(world, topic):
    world.cluster.make(topic, factor=1)
    group = f"group-of-{topic}"
    assert world.cluster.call("OffsetCommit", 8, **TOPIC_ROWS[12][2](topic) | {"group_id": group})

    def seen():
        topics = [one["name"] for one in world.guest.call("Metadata", 12, topics=None)["topics"]]
        pages = world.guest.call("DescribeTopicPartitions", 0, topics=[],
                                 response_partition_limit=1000)["topics"]
        groups = world.guest.call("ListGroups", 4)["groups"]
        return topics, [one["name"] for one in pages], [one["group_id"] for one in groups]

    assert seen() == ([], [], [])
    world.grant((TOPIC, topic, WRITE), (GROUP, group, READ))
    assert seen() == ([topic], [topic], [group])
    world.revoke_all()
    world.grant((CLUSTER, NAME[CLUSTER], DESCRIBE))
    assert group in seen()[2]


def test_authorized_operations_are_those_of_the_asker(world, topic):
    world.cluster.make(topic, factor=1)
    world.grant((TOPIC, topic, WRITE))
    answer = world.guest.call("Metadata", 8, topics=[{"name": topic}],
                              allow_auto_topic_creation=False,
                              include_cluster_authorized_operations=True,
                              include_topic_authorized_operations=True)
    assert answer["topics"][0]["topic_authorized_operations"] == 1 << WRITE | 1 << DESCRIBE
    assert answer["cluster_authorized_operations"] == 0
    assert world.guest.call("DescribeCluster", 1, endpoint_type=1,
                            include_cluster_authorized_operations=True)[
        "cluster_authorized_operations"] == 0
    world.grant((CLUSTER, NAME[CLUSTER], ALTER))
    assert world.guest.call("DescribeCluster", 1, endpoint_type=1,
                            include_cluster_authorized_operations=True)[
        "cluster_authorized_operations"] == 1 << ALTER | 1 << DESCRIBE


def test_a_topic_is_not_made_for_who_may_not_make_it(world, topic):
    request = {"topics": [{"name": topic}], "allow_auto_topic_creation": True}
    world.grant((TOPIC, topic, DESCRIBE))
    assert TOPIC_DENIED in errors(world.guest.ask("Metadata", 12, request)[1])
    assert world.cluster.topic(topic)["error_code"] == UNKNOWN_TOPIC_OR_PARTITION
    world.grant((CLUSTER, NAME[CLUSTER], CREATE))
    assert TOPIC_DENIED not in errors(world.guest.ask("Metadata", 12, request)[1])
    eventually(lambda: world.cluster.topic(topic)["error_code"] == NONE)


def test_deleting_by_id_shows_no_name_to_who_may_not_see_it(world, topic):
    topic_id = world.cluster.make(topic, factor=1)
    request = {"topics": [{"name": None, "topic_id": topic_id}], "timeout_ms": 5000}
    answer = world.guest.call("DeleteTopics", 6, **request)["responses"][0]
    assert (answer["error_code"], answer["name"]) == (TOPIC_DENIED, None)
    world.grant((TOPIC, topic, DESCRIBE))
    answer = world.guest.call("DeleteTopics", 6, **request)["responses"][0]
    assert (answer["error_code"], answer["name"]) == (TOPIC_DENIED, topic)
    request["topics"][0]["topic_id"] = bytes(range(16))
    assert UNKNOWN_TOPIC_ID in errors(world.guest.call("DeleteTopics", 6, **request))


# revocation

def test_a_grant_that_is_gone_counts_no_more_on_the_next_request(world, topic):
    world.cluster.make(topic, factor=1)
    request = TOPIC_ROWS[1][2](topic)
    for _ in range(5):
        world.grant((TOPIC, topic, WRITE))
        assert errors(world.guest.ask("Produce", 9, request)[1]) == [NONE]
        world.revoke_all()
        assert TOPIC_DENIED in errors(world.guest.ask("Produce", 9, request)[1])


def test_a_fetch_that_waits_gets_nothing_after_revocation(world, topic):
    world.cluster.make(topic, factor=1)
    world.grant((TOPIC, topic, READ))
    request = TOPIC_ROWS[2][2](topic) | {"max_wait_ms": 8000, "min_bytes": 1}
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(world.guest.ask("Fetch", 12, request)[1]))
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    world.revoke_all()
    world.cluster.produce(topic, batch([b"secret"]))
    waiting.join(5)
    assert not waiting.is_alive()
    part = answers[0]["responses"][0]["partitions"][0]
    assert part["error_code"] == TOPIC_DENIED
    assert not part["records"]


def test_every_broker_knows_a_revocation_when_it_is_answered(own_region, topic):
    region = own_region(brokers=3, settings=["authorizer.class.name=any",
                                             "allow.everyone.if.no.acl.found=true"])
    world = World(region)
    world.cluster.make(topic)
    request = TOPIC_ROWS[4][2](topic)
    guests = [Guest(region.address(node_id)) for node_id in region.node_ids]
    for _ in range(5):
        world.grant((TOPIC, topic, DESCRIBE))
        assert [errors(guest.ask("Metadata", 12, request)[1]).count(TOPIC_DENIED)
                for guest in guests] == [0] * 3
        world.revoke_all()
        assert [errors(guest.ask("Metadata", 12, request)[1]).count(TOPIC_DENIED)
                for guest in guests] == [1] * 3
    world.close()


def test_a_broker_that_comes_back_serves_nobody_by_what_it_knew_before(own_region, topic):
    region = own_region(brokers=3, settings=["authorizer.class.name=any",
                                             "allow.everyone.if.no.acl.found=true"])
    world = World(region)
    world.cluster.make(topic)
    request = TOPIC_ROWS[4][2](topic)
    back = region.node_ids[2]
    world.grant((TOPIC, topic, DESCRIBE))
    region.kill(back)
    world.revoke_all()
    starting = threading.Thread(target=region.start, args=(back,))
    starting.start()

    def ask():
        try:
            guest = Guest(region.address(back))
            return errors(guest.ask("Metadata", 12, request)[1])
        except (OSError, Closed):
            return None

    assert TOPIC_DENIED in eventually(ask, every=0.01)
    starting.join()
    world.close()


# streams

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
    topic_id = world.cluster.make(by_path, factor=1)
    for name in (by_path, legal):
        answer = world.cluster.topic(name)
        assert (answer["name"], answer["topic_id"]) == (name, topic_id)
    assert world.cluster.create(legal, factor=1)["error_code"] == TOPIC_ALREADY_EXISTS
    world.cluster.produce(by_path, batch([b"x"]))
    for name in (by_path, legal):
        answer = world.cluster.call("Fetch", 12, **TOPIC_ROWS[2][2](name))["responses"][0]
        assert answer["topic"] == name
        assert batches(answer["partitions"][0]["records"])[0]["values"] == [b"x"]
        answer = world.cluster.call("ListOffsets", 7, **TOPIC_ROWS[3][2](name))["topics"][0]
        assert (answer["name"], answer["partitions"][0]["offset"]) == (name, 1)
    committed = world.cluster.call("OffsetCommit", 8, group_id="g", topics=[
        {"name": by_path, "partitions": partition(committed_offset=1)}],
        generation_id_or_member_epoch=-1)
    assert committed["topics"][0]["name"] == by_path
    for name in (by_path, legal):
        answer = world.cluster.call("OffsetFetch", 7, group_id="g", topics=[
            {"name": name, "partition_indexes": [0]}])["topics"][0]
        assert (answer["name"], answer["partitions"][0]["committed_offset"]) == (name, 1)
    everything = world.cluster.call("OffsetFetch", 7, group_id="g", topics=None)["topics"]
    assert [one["name"] for one in everything] == [legal]
    answer = world.cluster.call("DeleteTopics", 5, topic_names=[by_path, legal], timeout_ms=5000)
    assert [one["error_code"] for one in answer["responses"]] == [NONE, INVALID_REQUEST]


def test_pages_of_partitions_go_on_under_the_name_that_was_asked_for(world, stream):
    path = stream()
    world.cluster.make(f"{path}:t", partitions=3, factor=1)
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
    path = stream(produce="u:bob | g:writers", topics="u:ANONYMOUS")
    name = legal_of(path, "t")
    world.cluster.make(name, factor=1)
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == TOPIC_DENIED
    world.cluster.call("AlterStream", 0, name=path, ace_mode=1)
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == NONE
    world.cluster.call("AlterStream", 0, name=path, ace_mode=0)
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == TOPIC_DENIED
    assert world.cluster.call("AlterRole", 0, name="g:writers", removals=[],
                              additions=["User:ANONYMOUS"])["error_code"] == NONE
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == NONE
    assert world.cluster.call("AlterRole", 0, name="g:writers", removals=["User:ANONYMOUS"],
                              additions=[])["error_code"] == NONE
    assert world.cluster.produce(name, batch([b"x"]))["error_code"] == TOPIC_DENIED


def test_a_rule_may_name_a_topic_by_its_path(world, stream):
    path = stream()
    world.cluster.make(f"{path}:t", factor=1)
    request = TOPIC_ROWS[1][2](legal_of(path, "t"))
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
    world.cluster.make(legal_of(path, "t"), factor=1)
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
    asked = explain(world.cluster.on(), (TOPIC, topic, DESCRIBE, {"host": "127.0.0.2"}),
                    (TOPIC, f"{path}:t", WRITE, {"principal": "User:bob", "groups": []}),
                    (TOPIC, f"{path}:t", WRITE, {"principal": "User:bob"}),
                    (TOPIC, topic, READ, {"principal": "User:eve"}))
    assert [(one["is_allowed"], one["basis"]) for one in asked] == [
        (True, "allow"), (True, "stream"), (False, "stream_refuses"), (False, "default")]
    assert (asked[0]["rule"]["operation"], asked[0]["rule"]["host"]) == (READ, "127.0.0.2")
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

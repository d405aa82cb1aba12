# SPDX-License-Identifier: Apache-2.0
"""Who may do what: each row of the API table allowed, denied and absent, and revocation.

Users come in with passwords and are asked for at every broker: what one of them does not decide
itself it passes on, in the name of who asked.
"""
import itertools
import threading
import time

import pytest

from access_world import (ALTER, ALTER_CONFIGS, CLUSTER, CLUSTER_ACTION, CLUSTER_DENIED, CREATE,
                          DELETE, DENY, DESCRIBE, DESCRIBE_CONFIGS, GROUP, GROUP_DENIED,
                          IDEMPOTENT_WRITE, LITERAL, NAME, PREFIXED, READ, TOPIC, TOPIC_DENIED,
                          TRANSACTION_DENIED, TRANSACTIONAL_ID, WRITE, Guest, World, commit_request,
                          errors, fetch_request, list_offsets_request, make_region,
                          metadata_request, partition, produce_request)
from kafka_cluster import NONE, TOPIC_ALREADY_EXISTS, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION
from kafka_wire import ZERO_ID, Closed, batch
from region import eventually

USER, DELEGATION_TOKEN, CREATE_TOKENS, DESCRIBE_TOKENS = 7, 6, 13, 14
TOKEN_DENIED, OWNER_MISMATCH = 65, 63
NUMBERS = itertools.count()


def config_change(name, kind=TOPIC):
    return {"resources": [{"resource_type": kind, "resource_name": name, "configs": [
        {"name": "retention.ms", "config_operation": 0, "value": "1000"}]}], "validate_only": True}


# API, version, request of a topic, what it needs, what is said of an absent topic
TOPIC_ROWS = [
    ("Produce", 3, produce_request, [(TOPIC, WRITE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("Produce", 9, produce_request, [(TOPIC, WRITE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("Fetch", 12, fetch_request, [(TOPIC, READ)], UNKNOWN_TOPIC_OR_PARTITION),
    ("ListOffsets", 7, list_offsets_request, [(TOPIC, DESCRIBE)], UNKNOWN_TOPIC_OR_PARTITION),
    ("Metadata", 12, metadata_request, [(TOPIC, DESCRIBE)], UNKNOWN_TOPIC_OR_PARTITION),
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
    ("OffsetCommit", 8, commit_request, [(TOPIC, READ), (GROUP, READ)],
     UNKNOWN_TOPIC_OR_PARTITION),
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
    world.make(there)
    world.cluster.produce(there, batch([b"x"]))
    assert world.cluster.call("OffsetCommit", 8, world.coordinator("readers"),
                              **commit_request(there))["topics"]
    places = world.places(api, there)

    def ask(node_id, name):
        return world.guests[node_id].ask(api, version, request(name))

    # Denied: not a byte tells whether the topic is there, at no broker.
    world.grant(*((GROUP, "readers", op) for kind, op in needs if kind == GROUP))
    for node_id in world.guests:
        real, answer = ask(node_id, there)
        unreal, _ = ask(node_id, missing)
        assert unreal.replace(missing.encode(), there.encode()) == real
        assert node_id not in places or TOPIC_DENIED in errors(answer), answer
    # Absent.
    world.grant(*((TOPIC, missing, op) for kind, op in needs if kind == TOPIC))
    for node_id in places:
        _, answer = ask(node_id, missing)
        assert TOPIC_DENIED not in errors(answer), answer
        assert absent in errors(answer), answer
    # Allowed.
    world.grant(*((TOPIC, there, op) for kind, op in needs if kind == TOPIC))
    for node_id in [world.elsewhere()] if api == "DeleteTopics" else places:
        _, answer = ask(node_id, there)
        assert set(errors(answer)) <= {
            NONE, TOPIC_ALREADY_EXISTS if api == "CreateTopics" else NONE}, answer


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
    for guest in world.guests.values():
        assert GROUP_DENIED in errors(guest.ask(api, version, request)[1])
    world.grant((GROUP, "nob", operation), pattern=PREFIXED)
    for guest in world.guests.values():
        assert GROUP_DENIED not in errors(guest.ask(api, version, request)[1])


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
    ("CreateAcls", 3, {"creations": [{
        "resource_type": TOPIC, "resource_name": "row", "resource_pattern_type": LITERAL,
        "principal": "User:bob", "host": "*", "operation": READ, "permission_type": DENY}]}, ALTER),
    ("DeleteAcls", 3, {"filters": [{
        "resource_type_filter": TOPIC, "resource_name_filter": "row",
        "pattern_type_filter": LITERAL, "principal_filter": "User:bob", "host_filter": None,
        "operation": 1, "permission_type": 1}]}, ALTER),
    ("DescribeUserScramCredentials", 0, {"users": None}, DESCRIBE),
    ("DescribeClientQuotas", 1, {"components": [], "strict": False}, DESCRIBE_CONFIGS),
    ("AlterUserScramCredentials", 0, {"upsertions": [], "deletions": [
        {"name": "nobody", "mechanism": 1}]}, ALTER),
    ("AlterClientQuotas", 1, {"validate_only": True, "entries": [
        {"entity": [{"entity_type": "user", "entity_name": "nobody"}],
         "ops": [{"key": "producer_byte_rate", "value": 1, "remove": False}]}]}, ALTER_CONFIGS),
    ("DescribeRoles", 0, {"names": None}, DESCRIBE),
    ("AlterRole", 0, {"name": "g:a", "removals": [], "additions": [], "validate_only": True},
     ALTER),
    ("AlterStream", 0, {"name": "/x", "is_creation": True, "validate_only": True}, CREATE),
    ("AlterStream", 0, {"name": "/x", "validate_only": True}, ALTER),
    ("DeleteStream", 0, {"name": "/x", "validate_only": True}, ALTER),
    ("UnregisterBroker", 0, {"broker_id": 0}, ALTER),
]


@pytest.mark.parametrize("row", CLUSTER_ROWS, ids=row_id)
def test_the_cluster_is_allowed_or_denied(world, row):
    api, version, request, operation = row
    for guest in world.guests.values():
        assert CLUSTER_DENIED in errors(guest.ask(api, version, request)[1])
    world.grant((CLUSTER, NAME[CLUSTER], operation))
    for guest in world.guests.values():
        _, answer = guest.ask(api, version, request)
        assert CLUSTER_DENIED not in errors(answer), answer


def of_topic(name):
    return [{"topic": name, "partitions": [0]}]


# What names topics, or streams of them, and asks for a right to the cluster or to the stream.
OTHER_ROWS = [
    ("ElectLeaders", 2, lambda t: {"election_type": 0, "topic_partitions": of_topic(t),
                                   "timeout_ms": 1000}),
    ("AlterPartitionReassignments", 0, lambda t: {"timeout_ms": 1000, "topics": [
        {"name": t, "partitions": partition(replicas=[0])}]}),
    ("ListPartitionReassignments", 0, lambda t: {"timeout_ms": 1000, "topics": [
        {"name": t, "partition_indexes": [0]}]}),
    ("DescribeLogDirs", 4, lambda t: {"topics": of_topic(t)}),
    ("ExplainAccess", 0, lambda t: {"questions": [
        {"principal": None, "groups": None, "host": None, "operation": READ,
         "resource_type": TOPIC, "resource_name": t}]}),
    ("DescribeStreams", 0, lambda t: {"names": [t.split(":")[0]]}),
    ("AlterStream", 0, lambda t: {"name": t.split(":")[0], "is_creation": False,
                                  "validate_only": True}),
    ("DeleteStream", 0, lambda t: {"name": t.split(":")[0], "validate_only": True}),
]


@pytest.mark.parametrize("row", OTHER_ROWS, ids=row_id)
def test_what_is_refused_does_not_tell_what_is_there(world, row):
    api, version, request = row
    number = next(NUMBERS)
    there, missing = (f"/told/s{number}{end}:t" for end in ("there", "other"))
    answer = world.cluster.call("AlterStream", 0, name=there[:-2], is_creation=True, produce="",
                                consume="", topics="u:admin", admin="u:admin", copy="")
    assert answer["error_code"] == NONE, answer
    world.make(there)
    for guest in world.guests.values():
        real, _ = guest.ask(api, version, request(there))
        unreal, _ = guest.ask(api, version, request(missing))
        assert unreal.replace(missing[:-2].encode(), there[:-2].encode()) == real


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
    for guest in world.guests.values():
        assert TRANSACTION_DENIED in errors(guest.ask(api, version, request)[1])
    world.grant((TRANSACTIONAL_ID, "t", operation))
    for guest in world.guests.values():
        assert TRANSACTION_DENIED not in errors(guest.ask(api, version, request)[1])


def test_a_transactional_batch_without_an_id_is_refused(world, topic):
    """CVE-2018-17196."""
    world.make(topic)
    world.grant((TOPIC, topic, WRITE))
    _, answer = world.guest.ask("Produce", 9, {"acks": -1, "timeout_ms": 1000, "topic_data": [
        {"name": topic, "partition_data": [
            {"index": 0, "records": batch([b"x"], attributes=16)}]}]})
    assert TRANSACTION_DENIED in errors(answer)


def test_a_fetch_that_poses_as_a_replica_is_refused(world, topic):
    """CVE-2018-1288."""
    world.make(topic)
    world.grant((TOPIC, topic, READ))
    request = fetch_request(topic)
    assert TOPIC_DENIED not in errors(world.guest.ask("Fetch", 12, request)[1])
    request["replica_id"] = 0
    assert TOPIC_DENIED in errors(world.guest.ask("Fetch", 12, request)[1])


def test_who_may_write_somewhere_may_have_a_producer_id(world, topic):
    request = CLUSTER_ROWS[10][2]
    assert CLUSTER_DENIED in errors(world.guest.ask("InitProducerId", 4, request)[1])
    world.grant((TOPIC, topic, WRITE))
    assert errors(world.guest.ask("InitProducerId", 4, request)[1]) == [NONE]


def test_lists_leave_out_what_may_not_be_seen(world, topic):
    world.make(topic)
    group = f"group-of-{topic}"
    coordinator = world.coordinator(group)
    assert world.cluster.call("OffsetCommit", 8, coordinator,
                              **commit_request(topic, group))

    def seen():
        topics = [one["name"] for one in world.guest.call("Metadata", 12, topics=None)["topics"]]
        pages = world.guest.call("DescribeTopicPartitions", 0, topics=[],
                                 response_partition_limit=1000)["topics"]
        groups = world.guests[coordinator].call("ListGroups", 4)["groups"]
        return topics, [one["name"] for one in pages], [one["group_id"] for one in groups]

    assert seen() == ([], [], [])
    world.grant((TOPIC, topic, WRITE), (GROUP, group, READ))
    assert seen() == ([topic], [topic], [group])
    world.revoke_all()
    world.grant((CLUSTER, NAME[CLUSTER], DESCRIBE))
    assert group in seen()[2]


def test_authorized_operations_are_those_of_the_asker(world, topic):
    world.make(topic)
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
    topic_id = world.make(topic)
    request = {"topics": [{"name": None, "topic_id": topic_id}], "timeout_ms": 5000}
    answer = world.guest.call("DeleteTopics", 6, **request)["responses"][0]
    assert (answer["error_code"], answer["name"]) == (TOPIC_DENIED, None)
    world.grant((TOPIC, topic, DESCRIBE))
    answer = world.guest.call("DeleteTopics", 6, **request)["responses"][0]
    assert (answer["error_code"], answer["name"]) == (TOPIC_DENIED, topic)
    request["topics"][0]["topic_id"] = bytes(range(16))
    assert UNKNOWN_TOPIC_ID in errors(world.guest.call("DeleteTopics", 6, **request))


# delegation tokens

def make_token(connection, owner=None):
    answer = connection.call("CreateDelegationToken", 3, renewers=[], max_lifetime_ms=-1,
                             owner_principal_type="User" if owner else None,
                             owner_principal_name=owner)
    return answer["error_code"], answer


def test_tokens_are_made_for_others_by_whom_that_is_granted(world):
    for guest in world.guests.values():
        assert make_token(guest)[0] == NONE
        assert make_token(guest, "bob")[0] == TOKEN_DENIED
    world.grant((USER, "User:bob", CREATE_TOKENS))
    for guest in world.guests.values():
        error, made = make_token(guest, "bob")
        assert (error, made["principal_name"]) == (NONE, "bob")
        assert make_token(guest, "admin")[0] == TOKEN_DENIED


def test_tokens_are_shown_to_owners_and_whom_that_is_granted(world):
    _, made = make_token(world.cluster.on(world.region.node_ids[0]))

    def seen():
        return [made["token_id"] in [one["token_id"] for one in guest.call(
            "DescribeDelegationToken", 3, owners=None)["tokens"]]
                for guest in world.guests.values()]

    assert seen() == [False] * 3
    for rule in ((DELEGATION_TOKEN, made["token_id"], DESCRIBE),
                 (USER, "User:admin", DESCRIBE_TOKENS)):
        world.grant(rule)
        assert seen() == [True] * 3
        world.revoke_all()
    # Neither renewed nor ended by who is neither owner nor renewer, whatever is granted.
    world.grant((DELEGATION_TOKEN, made["token_id"], DESCRIBE), (USER, "User:admin", CREATE_TOKENS))
    for guest in world.guests.values():
        assert guest.call("RenewDelegationToken", 2, hmac=made["hmac"],
                          renew_period_ms=-1)["error_code"] == OWNER_MISMATCH
        assert guest.call("ExpireDelegationToken", 2, hmac=made["hmac"],
                          expiry_time_period_ms=-1)["error_code"] == OWNER_MISMATCH


# revocation

def test_a_grant_that_is_gone_counts_no_more_on_the_next_request(world, topic):
    world.make(topic)
    request = produce_request(topic)
    for _ in range(5):
        world.grant((TOPIC, topic, WRITE))
        assert errors(world.guest.ask("Produce", 9, request)[1]) == [NONE]
        world.revoke_all()
        assert TOPIC_DENIED in errors(world.guest.ask("Produce", 9, request)[1])


def test_a_fetch_that_waits_gets_nothing_after_revocation(world, topic):
    world.make(topic)
    world.grant((TOPIC, topic, READ))
    request = fetch_request(topic) | {"max_wait_ms": 8000, "min_bytes": 1}
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


def stop_being_let_in(world, take_back, claim):
    """Takes something back; the seconds from then on in which brokers still let alice in.

    Each broker is asked without a pause; `claim(node_id)` is true while it lets her in.
    """
    last, is_over = {}, threading.Event()

    def keep_asking(node_id):
        while not is_over.is_set():
            try:
                if not claim(node_id):
                    break
            except Closed:
                break
            last[node_id] = time.monotonic()

    threads = [threading.Thread(target=keep_asking, args=(node_id,)) for node_id in world.guests]
    for one in threads:
        one.start()
    eventually(lambda: len(last) == len(threads), every=0.01)
    start = time.monotonic()
    take_back()
    for one in threads:
        one.join(5)
    is_over.set()
    assert not any(one.is_alive() for one in threads), "somebody is still let in"
    return max(last.values()) - start


def sees(world, topic):
    def claim(node_id):
        _, answer = world.guests[node_id].ask("Metadata", 12, metadata_request(topic))
        return TOPIC_DENIED not in errors(answer)
    return claim


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_rule_taken_back_anywhere_counts_nowhere_within_a_second(world, topic, place):
    world.make(topic)
    by = world.region.node_ids[place]
    world.grant((TOPIC, topic, DESCRIBE), node_id=by)
    assert stop_being_let_in(world, lambda: world.revoke_all(by), sees(world, topic)) < 1


def test_a_denial_counts_everywhere_within_a_second(world, topic):
    world.make(topic)
    world.grant((TOPIC, topic, DESCRIBE))
    assert stop_being_let_in(world, lambda: world.grant((TOPIC, topic, DESCRIBE), permission=DENY),
                             sees(world, topic)) < 1


def change_group(world, **members):
    answer = world.cluster.call("AlterRole", 0, world.elsewhere(), name="g:seers",
                                **{"additions": [], "removals": []} | members)
    assert answer["error_code"] == NONE, answer


def test_who_leaves_a_group_leaves_its_streams_within_a_second(world):
    path = f"/left/s{next(NUMBERS)}"
    answer = world.cluster.call("AlterStream", 0, name=path, is_creation=True, consume="g:seers",
                                produce="", topics="u:admin", admin="u:admin", copy="")
    assert answer["error_code"] == NONE, answer
    world.make(f"{path}:t")
    change_group(world, additions=["User:alice"])
    assert stop_being_let_in(world, lambda: change_group(world, removals=["User:alice"]),
                             sees(world, f"{path}:t")) < 1


def test_a_user_who_is_removed_is_disconnected_everywhere_within_a_second(world):
    connections = {node_id: Guest(world.region.address(node_id), "bob")
                   for node_id in world.region.node_ids}
    elsewhere = world.elsewhere()

    def remove():
        for mechanism in (1, 2):
            answer = world.cluster.call("AlterUserScramCredentials", 0, elsewhere, upsertions=[],
                                        deletions=[{"name": "bob", "mechanism": mechanism}])
            assert errors(answer["results"]) == [NONE], answer

    def claim(node_id):
        return connections[node_id].call("Metadata", 12, topics=[])["brokers"]

    assert stop_being_let_in(world, remove, claim) < 1
    with pytest.raises(PermissionError):
        Guest(world.region.address(world.region.node_ids[0]), "bob")


@pytest.mark.parametrize("spelt", ["127.0.0.2", "0:0:0:0:0:FFFF:127.0.0.2"], ids=["4", "6"])
def test_a_rule_may_be_for_one_address_of_a_user(world, topic, spelt):
    world.make(topic)
    request = metadata_request(topic)
    world.grant((TOPIC, topic, DESCRIBE), host=spelt)
    for address in map(world.region.address, world.region.node_ids):
        with Guest(address, source="127.0.0.2") as guest:
            assert TOPIC_DENIED not in errors(guest.ask("Metadata", 12, request)[1])
        with Guest(address) as guest:
            assert TOPIC_DENIED in errors(guest.ask("Metadata", 12, request)[1])


def test_every_broker_knows_a_revocation_when_it_is_answered(world, topic):
    world.make(topic)
    request = metadata_request(topic)

    def denials():
        return [errors(guest.ask("Metadata", 12, request)[1]).count(TOPIC_DENIED)
                for guest in world.guests.values()]

    for by in world.region.node_ids * 2:
        world.grant((TOPIC, topic, DESCRIBE), node_id=by)
        assert denials() == [0] * 3
        world.revoke_all(by)
        assert denials() == [1] * 3


def test_a_broker_that_comes_back_serves_nobody_by_what_it_knew_before(topic):
    with make_region() as region:
        world = World(region)
        world.cluster.make(topic)
        request = metadata_request(topic)
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

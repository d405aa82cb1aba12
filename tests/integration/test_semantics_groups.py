# SPDX-License-Identifier: Apache-2.0
"""Classic groups: members, rebalances, offsets, and what operators see of them."""
import itertools
import time

import pytest

from kafka_cluster import (COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE,
                           FENCED_INSTANCE_ID, GROUP_ID_NOT_FOUND, GROUP_MAX_SIZE_REACHED,
                           GROUP_SUBSCRIBED_TO_TOPIC, ILLEGAL_GENERATION,
                           INCONSISTENT_GROUP_PROTOCOL, INVALID_GROUP_ID,
                           INVALID_SESSION_TIMEOUT, MEMBER_ID_REQUIRED, NON_EMPTY_GROUP, NONE,
                           NOT_COORDINATOR, OFFSET_METADATA_TOO_LARGE, REBALANCE_IN_PROGRESS,
                           UNKNOWN_MEMBER_ID, UNKNOWN_TOPIC_ID, Cluster)
from region import Region, eventually

NUMBERS = itertools.count()
NOT_YET = (COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR)


@pytest.fixture(name="region", scope="module")
def make_region():
    """Groups do not wait for more members than come at once, and sessions may be short."""
    with Region(settings=["group.initial.rebalance.delay.ms=0",
                          "group.min.session.timeout.ms=2000", "group.max.size=3"]) as shared:
        yield shared


@pytest.fixture(name="cluster", scope="module")
def make_cluster(region):
    cluster = Cluster(region)
    for name in ("warm-up", "t", "a", "b"):
        cluster.make(name)
    yield cluster
    cluster.close()


class Group:
    """One group, asked at its coordinator; each member has a connection of its own."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.connections = []
        self.coordinator = eventually(self.find)
        eventually(lambda: self.commit({"warm-up": 0})["error_code"] == NONE)

    def find(self):
        answer = self.cluster.call("FindCoordinator", 4, key_type=0,
                                   coordinator_keys=[self.name])
        one, = answer["coordinators"]
        self.coordinator = one["node_id"]
        if one["error_code"] != NONE:
            assert one["error_code"] in NOT_YET
            return None
        return [one["node_id"]]

    def close(self):
        for connection in self.connections:
            connection.socket.close()

    def connect(self):
        self.connections.append(self.cluster.connect(self.coordinator[0]))
        return self.connections[-1]

    def call(self, api, version, **values):
        return self.cluster.call(api, version, self.coordinator[0], **values)

    def commit(self, offsets, member="", generation=-1, version=8, metadata="", epoch=-1,
               instance=None, index=0):
        """What is said of the first partition."""
        answer = self.call("OffsetCommit", version, group_id=self.name, member_id=member,
                           generation_id_or_member_epoch=generation, group_instance_id=instance,
                           topics=[{"name": name, "partitions": [
                               {"partition_index": index, "committed_offset": offset,
                                "committed_leader_epoch": epoch, "committed_metadata": metadata}]}
                                   for name, offset in offsets.items()])
        return answer["topics"][0]["partitions"][0]

    def committed(self, *topics, version=7):
        """The committed partition 0 of each topic."""
        wanted = [{"name": name, "partition_indexes": [0]} for name in topics] or None
        answer = self.call("OffsetFetch", version, group_id=self.name, topics=wanted)
        assert answer["error_code"] == NONE
        return {one["name"]: one["partitions"][0] for one in answer["topics"]}

    def describe(self, version=5):
        return self.call("DescribeGroups", version, groups=[self.name])["groups"][0]


class Member:
    """One member; its id and generation follow the answers."""

    def __init__(self, group, instance=None, protocols=("range",)):
        self.group = group
        self.connection = group.connect()
        self.instance = instance
        self.protocols = protocols
        self.id = ""
        self.generation = -1

    def ask_to_join(self, version=7, session_ms=10000, rebalance_ms=10000, kind="consumer",
                    member_id=None):
        values = {"group_id": self.group.name, "session_timeout_ms": session_ms,
                  "rebalance_timeout_ms": rebalance_ms, "protocol_type": kind,
                  "member_id": self.id if member_id is None else member_id,
                  "group_instance_id": self.instance,
                  "protocols": [{"name": name, "metadata": b"about " + name.encode()}
                                for name in self.protocols]}
        if version < 5:
            del values["group_instance_id"]
        return version, self.connection.send("JoinGroup", version, values)

    def joined(self, asked):
        answer = self.connection.receive("JoinGroup", *asked)
        if answer["error_code"] == NONE:
            self.id, self.generation = answer["member_id"], answer["generation_id"]
        return answer

    def join(self, **options):
        answer = self.joined(self.ask_to_join(**options))
        if answer["error_code"] == MEMBER_ID_REQUIRED and self.id == "":
            self.id = answer["member_id"]
            answer = self.joined(self.ask_to_join(**options))
        return answer

    def sync(self, assignments=None, version=5, **values):
        values = {"protocol_type": "consumer", "protocol_name": self.protocols[0],
                  "generation_id": self.generation, "member_id": self.id, **values}
        return self.connection.call(
            "SyncGroup", version, group_id=self.group.name, group_instance_id=self.instance,
            assignments=[{"member_id": member, "assignment": data}
                         for member, data in (assignments or {}).items()], **values)

    def heartbeat(self, **values):
        values = {"generation_id": self.generation, "member_id": self.id, **values}
        return self.connection.call("Heartbeat", 4, group_id=self.group.name,
                                    group_instance_id=self.instance, **values)["error_code"]

    def leave(self):
        answer = self.connection.call("LeaveGroup", 4, group_id=self.group.name, members=[
            {"member_id": self.id, "group_instance_id": self.instance}])
        return answer["error_code"], answer["members"][0]["error_code"]


@pytest.fixture(name="group")
def make_group(cluster):
    group = Group(cluster, f"group-{next(NUMBERS)}")
    yield group
    group.close()


def alone(group, **options):
    """A stable group of one member."""
    member = Member(group, **options)
    assert member.join()["error_code"] == NONE
    assert member.sync({member.id: b"all"})["assignment"] == b"all"
    return member


# coordinators

def test_every_broker_finds_the_same_coordinator(cluster, group):
    for node_id in cluster.region.node_ids:
        answer = cluster.call("FindCoordinator", 4, node_id, key_type=0,
                              coordinator_keys=[group.name, "other"])
        assert [one["key"] for one in answer["coordinators"]] == [group.name, "other"]
        assert answer["coordinators"][0]["node_id"] == group.coordinator[0]
    answer = cluster.call("FindCoordinator", 2, key=group.name, key_type=0)
    assert (answer["error_code"], answer["node_id"]) == (NONE, group.coordinator[0])


def test_other_brokers_are_not_the_coordinator(cluster, group):
    for node_id in cluster.region.node_ids:
        if node_id != group.coordinator[0]:
            error = cluster.call("Heartbeat", 4, node_id, group_id=group.name, member_id="x",
                                 group_instance_id=None)["error_code"]
            assert error == NOT_COORDINATOR


def kept_at(group, topic_of_groups):
    """The partition that keeps the group: Java's String.hashCode()."""
    total = 0
    for character in group.name:
        total = (31 * total + ord(character)) & 0xFFFFFFFF
    return (total & 0x7FFFFFFF) % len(topic_of_groups["partitions"])


def give_away(cluster, group):
    """Another broker becomes the preferred leader of the group's partition, and its leader."""
    old = group.coordinator[0]
    name = "__consumer_offsets"
    index = kept_at(group, cluster.topic(name))
    replicas = [one for one in cluster.partition(name, index)["replica_nodes"] if one != old]
    cluster.call("AlterPartitionReassignments", 0, timeout_ms=5000, topics=[
        {"name": name, "partitions": [{"partition_index": index, "replicas": [*replicas, old]}]}])

    def is_given():
        cluster.call("ElectLeaders", 2, election_type=0, timeout_ms=5000,
                     topic_partitions=[{"topic": name, "partitions": [index]}])
        return cluster.leader(name, index) == replicas[0]
    eventually(is_given)


def test_a_leave_reaches_the_coordinator_that_took_over(cluster, group):
    member = alone(group)
    old = group.coordinator[0]
    give_away(cluster, group)
    # Whoever asks the old one again and again is told so, and by the same broker who it is now.
    assert member.heartbeat() == NOT_COORDINATOR
    answer = cluster.call("FindCoordinator", 4, old, key_type=0, coordinator_keys=[group.name])
    new = answer["coordinators"][0]["node_id"]
    assert new != old
    # A leave is the member's last word: it is handed on, and the session need not end first.
    assert member.leave() == (NONE, NONE)
    group.coordinator = [new]
    assert group.describe()["group_state"] == "Empty"
    assert group.commit({"t": 3})["error_code"] == NONE


def test_offsets_are_fetched_from_the_coordinator_that_took_over(cluster, group):
    """librdkafka takes NOT_COORDINATOR as final here, and reads nothing of the partition."""
    group.commit({"t": 3})
    old = group.coordinator[0]
    give_away(cluster, group)
    for version in (1, 5, 7):
        answer = cluster.call("OffsetFetch", version, old, group_id=group.name, topics=[
            {"name": "t", "partition_indexes": [0]}])
        part = answer["topics"][0]["partitions"][0]
        assert (part["error_code"], part["committed_offset"]) == (NONE, 3)
    answer = cluster.call("OffsetFetch", 8, old, groups=[
        {"group_id": group.name, "topics": None}])
    assert answer["groups"][0]["error_code"] == NONE
    assert {one["name"]: one["partitions"][0]["committed_offset"]
            for one in answer["groups"][0]["topics"]} == {"t": 3, "warm-up": 0}


# joining

def test_a_new_member_is_given_an_id_first(group):
    member = Member(group)
    answer = member.joined(member.ask_to_join())
    assert (answer["error_code"], answer["generation_id"]) == (MEMBER_ID_REQUIRED, -1)
    assert answer["member_id"].startswith("wire-")
    member.id = answer["member_id"]
    answer = member.join()
    assert (answer["error_code"], answer["generation_id"]) == (NONE, 1)
    assert answer["leader"] == answer["member_id"] == member.id
    assert [one["member_id"] for one in answer["members"]] == [member.id]
    assert answer["members"][0]["metadata"] == b"about range"


@pytest.mark.parametrize("version", [0, 1, 3])
def test_before_version_4_a_member_joins_at_once(group, version):
    member = Member(group)
    answer = member.joined(member.ask_to_join(version=version))
    assert (answer["error_code"], answer["generation_id"]) == (NONE, 1)


def test_a_join_is_refused_with_kafkas_error(group):
    member = Member(group)
    for session_ms in (1000, 1_800_001):
        assert member.join(session_ms=session_ms)["error_code"] == INVALID_SESSION_TIMEOUT
    answer = member.joined(member.ask_to_join(member_id="never-heard-of"))
    assert (answer["error_code"], answer["generation_id"]) == (UNKNOWN_MEMBER_ID, -1)
    member.protocols = ()
    assert member.join()["error_code"] == INCONSISTENT_GROUP_PROTOCOL
    nameless = Member(group)
    answer = nameless.connection.call(
        "JoinGroup", 7, group_id="", session_timeout_ms=10000, protocol_type="consumer",
        group_instance_id=None, protocols=[{"name": "range", "metadata": b""}])
    assert answer["error_code"] == INVALID_GROUP_ID


def test_members_must_have_a_protocol_in_common(group):
    alone(group)
    assert Member(group, protocols=("sticky",)).join()["error_code"] == \
        INCONSISTENT_GROUP_PROTOCOL
    assert Member(group).join(kind="connect")["error_code"] == INCONSISTENT_GROUP_PROTOCOL


def rebalance(*members):
    """All ask, then all hear; gives the answers."""
    asked = [member.ask_to_join() for member in members]
    return [member.joined(one) for member, one in zip(members, asked)]


def together(group, *protocols):
    """Two members of a stable group, the leader first."""
    first = Member(group, protocols=protocols[0])
    assert first.join()["error_code"] == NONE
    assert first.sync({first.id: b"all"})["error_code"] == NONE
    second = Member(group, protocols=protocols[1])
    second.id = second.joined(second.ask_to_join())["member_id"]
    answers = rebalance(second, first)
    return first, second, answers


def test_a_second_member_rebalances_and_only_the_leader_sees_all(group):
    first, second, (follower, leader) = together(group, ("range",), ("range",))
    assert leader["generation_id"] == follower["generation_id"] == 2
    assert leader["leader"] == follower["leader"] == first.id
    assert {one["member_id"] for one in leader["members"]} == {first.id, second.id}
    assert follower["members"] == []
    assert second.heartbeat() in (NONE, REBALANCE_IN_PROGRESS)
    assert first.sync({first.id: b"1", second.id: b"2"})["assignment"] == b"1"
    assert second.sync()["assignment"] == b"2"
    assert first.heartbeat() == second.heartbeat() == NONE


def test_a_full_group_takes_nobody(group):
    first, second, _ = together(group, ("range",), ("range",))
    first.sync({first.id: b"1", second.id: b"2"})
    third, fourth = Member(group), Member(group)
    third.id = third.joined(third.ask_to_join())["member_id"]
    assert {one["error_code"] for one in rebalance(third, second, first)} == {NONE}
    answer = fourth.join()
    assert (answer["error_code"], answer["generation_id"]) == (GROUP_MAX_SIZE_REACHED, -1)


def test_members_vote_for_a_protocol_that_all_support(group):
    _, _, answers = together(group, ("range", "sticky", "mine"), ("sticky", "range"))
    assert {one["protocol_name"] for one in answers} <= {"range", "sticky"}
    assert len({one["protocol_name"] for one in answers}) == 1


def test_members_hear_of_a_rebalance_and_may_still_commit(group):
    first = alone(group)
    second = Member(group)
    second.id = second.joined(second.ask_to_join())["member_id"]
    asked = second.ask_to_join()
    eventually(lambda: first.heartbeat() == REBALANCE_IN_PROGRESS)
    assert group.commit({"t": 5}, first.id, first.generation)["error_code"] == NONE
    assert first.join()["error_code"] == NONE
    assert second.joined(asked)["error_code"] == NONE
    assert group.commit({"t": 6}, first.id, first.generation)["error_code"] == \
        REBALANCE_IN_PROGRESS
    assert first.sync({first.id: b"1", second.id: b"2"})["error_code"] == NONE
    assert group.commit({"t": 7}, first.id, first.generation)["error_code"] == NONE


def test_the_leader_rebalances_by_joining_again_and_a_follower_does_not(group):
    first, second, _ = together(group, ("range",), ("range",))
    first.sync({first.id: b"1", second.id: b"2"})
    second.sync()
    answer = second.join()
    assert (answer["error_code"], answer["generation_id"]) == (NONE, 2)
    assert first.heartbeat() == NONE
    asked = first.ask_to_join()
    eventually(lambda: second.heartbeat() == REBALANCE_IN_PROGRESS)
    assert second.join()["generation_id"] == 3
    assert first.joined(asked)["generation_id"] == 3


def test_who_does_not_join_again_in_time_is_removed(group):
    first = Member(group)
    assert first.join(rebalance_ms=1000)["error_code"] == NONE
    first.sync({first.id: b"all"})
    second = Member(group)
    assert second.join(rebalance_ms=1000)["generation_id"] == 2
    assert first.heartbeat() == UNKNOWN_MEMBER_ID


def test_who_is_silent_for_its_session_is_removed(group):
    member = Member(group)
    assert member.join(session_ms=2000)["error_code"] == NONE
    member.sync({member.id: b"all"})
    for _ in range(3):
        time.sleep(1)
        assert member.heartbeat() == NONE
    eventually(lambda: group.describe()["group_state"] == "Empty", timeout=15)
    assert member.heartbeat() == UNKNOWN_MEMBER_ID


def test_generations_and_members_are_checked(group):
    member = alone(group)
    assert member.heartbeat(generation_id=7) == ILLEGAL_GENERATION
    assert member.heartbeat(member_id="other") == UNKNOWN_MEMBER_ID
    assert member.sync(generation_id=7)["error_code"] == ILLEGAL_GENERATION
    assert member.sync(member_id="other")["error_code"] == UNKNOWN_MEMBER_ID
    assert group.commit({"t": 1}, member.id, 7)["error_code"] == ILLEGAL_GENERATION
    assert group.commit({"t": 1}, "other", 1)["error_code"] == UNKNOWN_MEMBER_ID
    assert group.commit({"t": 1})["error_code"] == UNKNOWN_MEMBER_ID
    assert member.heartbeat() == NONE


def test_a_sync_says_which_protocol_it_means(group):
    member = alone(group)
    assert member.sync(protocol_name="sticky")["error_code"] == INCONSISTENT_GROUP_PROTOCOL
    assert member.sync(protocol_type="connect")["error_code"] == INCONSISTENT_GROUP_PROTOCOL
    answer = member.sync()
    assert (answer["protocol_type"], answer["protocol_name"]) == ("consumer", "range")
    assert answer["assignment"] == b"all"


def test_who_leaves_is_gone_at_once(group):
    member = alone(group)
    assert member.leave() == (NONE, NONE)
    assert member.heartbeat() == UNKNOWN_MEMBER_ID
    assert member.leave() == (NONE, UNKNOWN_MEMBER_ID)
    assert group.describe()["group_state"] == "Empty"


# static members

def test_a_static_member_comes_back_under_a_new_id_without_rebalance(group):
    member = alone(group, instance="a")
    again = Member(group, instance="a")
    answer = again.join()
    assert (answer["error_code"], answer["generation_id"]) == (NONE, member.generation)
    assert again.id != member.id
    assert again.sync()["assignment"] == b"all"
    assert again.heartbeat() == NONE
    assert member.heartbeat() == FENCED_INSTANCE_ID
    assert member.sync()["error_code"] == FENCED_INSTANCE_ID
    error = group.commit({"t": 1}, member.id, member.generation, instance="a")["error_code"]
    assert error == FENCED_INSTANCE_ID
    assert group.commit({"t": 1}, again.id, again.generation, instance="a")["error_code"] == NONE


def test_a_static_leader_that_comes_back_skips_the_assignment(group):
    member = alone(group, instance="a")
    again = Member(group, instance="a")
    answer = again.join(version=9)
    assert (answer["error_code"], answer["leader"], answer["skip_assignment"]) == \
        (NONE, again.id, True)
    assert [one["member_id"] for one in answer["members"]] == [again.id]
    assert again.generation == member.generation


def test_static_members_are_removed_by_their_names(group):
    member = alone(group, instance="a")
    answer = group.call("LeaveGroup", 4, group_id=group.name, members=[
        {"member_id": "", "group_instance_id": "a"}, {"member_id": "", "group_instance_id": "b"}])
    assert answer["error_code"] == NONE
    assert [one["error_code"] for one in answer["members"]] == [NONE, UNKNOWN_MEMBER_ID]
    assert member.heartbeat() != NONE


# offsets

def test_offsets_are_kept_with_their_metadata_and_epoch(group):
    assert group.commit({"t": 42}, metadata="näme", epoch=3)["error_code"] == NONE
    found = group.committed("t")["t"]
    assert (found["committed_offset"], found["metadata"], found["committed_leader_epoch"]) == \
        (42, "näme", 3)
    assert group.commit({"t": 1}, metadata="x" * 4096)["error_code"] == NONE
    assert group.commit({"t": 2}, metadata="x" * 4097)["error_code"] == OFFSET_METADATA_TOO_LARGE
    assert group.committed("t")["t"]["committed_offset"] == 1


def test_topics_of_commits_are_named_by_id_from_version_10_on(cluster, group):
    topic_id = cluster.topic("t")["topic_id"]

    def commit(some_id):
        answer = group.call("OffsetCommit", 10, group_id=group.name, group_instance_id=None,
                            generation_id_or_member_epoch=-1, topics=[
                                {"topic_id": some_id, "partitions": [
                                    {"partition_index": 0, "committed_offset": 77}]}])
        return answer["topics"][0]["partitions"][0]["error_code"]

    def fetch(some_id):
        answer = group.call("OffsetFetch", 10, groups=[{"group_id": group.name, "topics": [
            {"topic_id": some_id, "partition_indexes": [0]}]}])
        part = answer["groups"][0]["topics"][0]["partitions"][0]
        return part["error_code"], part["committed_offset"]

    assert commit(topic_id) == NONE
    assert fetch(topic_id) == (NONE, 77)
    assert commit(b"\7" * 16) == UNKNOWN_TOPIC_ID
    assert fetch(b"\7" * 16)[0] == UNKNOWN_TOPIC_ID


def test_what_was_never_committed_is_minus_one_without_error(group):
    found = group.committed("never")["never"]
    assert (found["committed_offset"], found["error_code"]) == (-1, NONE)


def test_all_offsets_of_a_group_are_read_at_once(group):
    group.commit({"a": 1})
    group.commit({"b": 2})
    found = group.committed()
    assert {name: found[name]["committed_offset"] for name in ("a", "b")} == {"a": 1, "b": 2}


def test_several_groups_are_asked_in_one_request(group):
    group.commit({"a": 1})
    answer = group.call("OffsetFetch", 8, groups=[{"group_id": group.name, "topics": None}])
    one, = answer["groups"]
    assert (one["group_id"], one["error_code"]) == (group.name, NONE)
    assert {topic["name"]: topic["partitions"][0]["committed_offset"]
            for topic in one["topics"]}["a"] == 1


def test_offsets_are_deleted_unless_somebody_reads_the_topic(group):
    def delete(topic):
        answer = group.call("OffsetDelete", 0, group_id=group.name, topics=[
            {"name": topic, "partitions": [{"partition_index": 0}]}])
        if answer["error_code"]:
            return answer["error_code"]
        return answer["topics"][0]["partitions"][0]["error_code"]

    group.commit({"t": 1})
    assert delete("t") == NONE
    assert group.committed("t")["t"]["committed_offset"] == -1
    group.commit({"t": 1})
    member = Member(group)
    member.connection.client_id = "reader"
    subscription = b"\0\0\0\0\0\1\0\1t\xff\xff\xff\xff"
    values = {"group_id": group.name, "session_timeout_ms": 10000, "rebalance_timeout_ms": 5000,
              "protocol_type": "consumer", "group_instance_id": None,
              "protocols": [{"name": "range", "metadata": subscription}]}
    values["member_id"] = member.connection.call("JoinGroup", 7, **values)["member_id"]
    answer = member.connection.call("JoinGroup", 7, **values)
    member.id, member.generation = answer["member_id"], answer["generation_id"]
    assert member.sync({member.id: b""})["error_code"] == NONE
    assert delete("t") == GROUP_SUBSCRIBED_TO_TOPIC


def test_offsets_go_with_their_topic(cluster, group, topic):
    cluster.make(topic)
    group.commit({topic: 1})
    answer = cluster.call("DeleteTopics", 6, timeout_ms=5000, topics=[{"name": topic}])
    assert answer["responses"][0]["error_code"] == NONE
    eventually(lambda: group.committed(topic)[topic]["committed_offset"] == -1)


# what operators see

def test_groups_are_described_and_listed(cluster, group):
    member = alone(group)
    found = group.describe()
    assert (found["error_code"], found["group_state"], found["protocol_type"],
            found["protocol_data"]) == (NONE, "Stable", "consumer", "range")
    one, = found["members"]
    assert (one["member_id"], one["client_id"], one["member_assignment"]) == \
        (member.id, "wire", b"all")
    listed = [one for node_id in cluster.region.node_ids
              for one in cluster.call("ListGroups", 4, node_id)["groups"]
              if one["group_id"] == group.name]
    assert [(one["protocol_type"], one["group_state"]) for one in listed] == \
        [("consumer", "Stable")]
    listed = group.call("ListGroups", 4, states_filter=["Empty"])["groups"]
    assert group.name not in [one["group_id"] for one in listed]


def test_an_unknown_group_is_dead_or_not_found(cluster, group):
    answer = group.call("DeleteGroups", 2, groups_names=[group.name])
    assert answer["results"][0]["error_code"] == NONE
    found = group.describe()
    assert (found["error_code"], found["group_state"]) == (NONE, "Dead")
    assert group.describe(version=6)["error_code"] == GROUP_ID_NOT_FOUND


def test_a_group_with_members_is_not_deleted(group):
    member = alone(group)

    def delete():
        answer = group.call("DeleteGroups", 2, groups_names=[group.name])
        return answer["results"][0]["error_code"]

    assert delete() == NON_EMPTY_GROUP
    member.leave()
    assert delete() == NONE
    assert delete() == GROUP_ID_NOT_FOUND


def test_the_first_join_waits_for_others(own_region):
    cluster = Cluster(own_region(settings=["group.initial.rebalance.delay.ms=1500"]))
    cluster.make("warm-up")
    group = Group(cluster, "patient")
    members = [Member(group), Member(group)]
    for member in members:
        member.id = member.joined(member.ask_to_join())["member_id"]
    begin = time.monotonic()
    assert [one["generation_id"] for one in rebalance(*members)] == [1, 1]
    assert time.monotonic() - begin >= 1.4
    group.close()
    cluster.close()


def test_offsets_survive_their_coordinator(own_region):
    region = own_region(settings=["group.initial.rebalance.delay.ms=0"])
    cluster = Cluster(region)
    for name in ("warm-up", "t"):
        cluster.make(name)
    group = Group(cluster, "survivor")
    assert Member(group).join(session_ms=5999)["error_code"] == INVALID_SESSION_TIMEOUT
    assert group.commit({"t": 42})["error_code"] == NONE
    dead = group.coordinator[0]
    rest = [one for one in region.node_ids if one != dead]
    region.kill(dead)
    cluster.connections.clear()
    cluster.any = lambda node_id: rest[0] if node_id is None else node_id

    def found_again():
        answer = cluster.call("FindCoordinator", 4, key_type=0, coordinator_keys=[group.name])
        one, = answer["coordinators"]
        group.coordinator = [one["node_id"]]
        return one["error_code"] == NONE and one["node_id"] in rest

    eventually(found_again)
    eventually(lambda: group.committed("t")["t"]["committed_offset"] == 42)
    cluster.close()

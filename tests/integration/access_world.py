# SPDX-License-Identifier: Apache-2.0
"""A region with users who come in with passwords, for the tests of who may do what.

`root` administers and makes the first rules. What the tests ask, they ask as `admin`, who may do
everything by rules like anybody's, and as `alice`, who may do what a test grants her.
"""
from kafka_cluster import NONE, Cluster
from kafka_wire import SCHEMAS, ZERO_ID, Codec, Connection, batch
from region import Region, eventually

TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED, TRANSACTION_DENIED = 29, 30, 31, 53
TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID = 2, 3, 4, 5
ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE = range(2, 9)
CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE = range(9, 13)
LITERAL, PREFIXED = 3, 4
DENY, ALLOW = 2, 3
NAME = {CLUSTER: "kafka-cluster"}
PASSWORDS = {"root": "root-secret", "admin": "admin-secret", "alice": "alice-secret",
             "bob": "bob-secret"}
AT_LEADER = {"Produce", "Fetch", "ListOffsets", "DeleteRecords", "OffsetForLeaderEpoch"}
AT_COORDINATOR = {"OffsetCommit", "OffsetFetch", "OffsetDelete"}


def make_region(**more):
    """Three brokers that nobody comes into without a password."""
    return Region(brokers=3, listeners=["SASL_PLAINTEXT"], users=PASSWORDS, super_users=["root"],
                  **more)


class Guest(Connection):
    """A user's connection."""

    def __init__(self, address, user="alice", source=None):
        super().__init__(address, source=source)
        self.log_in(user, PASSWORDS[user])

    def ask(self, api, version, values):
        """The bytes behind the correlation id, and what they say."""
        self.send(api, version, values)
        data = self.receive_frame()
        _, request, response = SCHEMAS[api]
        header = 5 if version >= request.flexible and api != "ApiVersions" else 4
        return data[4:], Codec(response, version).decode(data[header:])


class World:
    """A region; `cluster` asks as admin, `guests` as alice: a connection to each broker."""

    def __init__(self, region):
        self.region = region
        self.cluster = Cluster(region, ("admin", PASSWORDS["admin"]))
        root = Cluster(region, ("root", PASSWORDS["root"]))
        self.allow("admin", *((kind, NAME.get(kind, "*"), ALL) for kind in range(2, 8)), by=root)
        root.close()
        self.guests = {node_id: Guest(region.address(node_id)) for node_id in region.node_ids}

    @property
    def guest(self):
        """At the broker that leads what `make()` made."""
        return self.guests[self.region.node_ids[0]]

    def coordinator(self, group):
        """The group's coordinator, once it serves."""
        def find():
            found = self.cluster.call("FindCoordinator", 4, key_type=0, coordinator_keys=[group])
            if errors(found) != [NONE]:
                return None
            node_id = found["coordinators"][0]["node_id"]
            served = self.cluster.call("OffsetFetch", 7, node_id, group_id=group, topics=None)
            return [node_id] if served["error_code"] == NONE else None
        return eventually(find)[0]

    def places(self, api, topic):
        """The brokers that answer a request about the topic and the group `readers` in full."""
        if api in AT_LEADER:
            return [self.cluster.leader(topic)]
        return [self.coordinator("readers")] if api in AT_COORDINATOR else self.region.node_ids

    def elsewhere(self):
        """A broker that has to pass on what changes the catalog."""
        controller = self.cluster.call("Metadata", 12, topics=[])["controller_id"]
        return next(node_id for node_id in self.region.node_ids if node_id != controller)

    def make(self, name, partitions=1):
        """A topic that the first broker leads."""
        assigned = [{"partition_index": index, "broker_ids": self.region.node_ids[:1]}
                    for index in range(partitions)]
        return self.cluster.make(name, partitions=-1, factor=-1, assignments=assigned)

    def close(self):
        for guest in self.guests.values():
            guest.socket.close()
        self.cluster.close()

    def allow(self, user, *rules, pattern=LITERAL, permission=ALLOW, host="*", by=None,
              node_id=None):
        answer = (by or self.cluster).call("CreateAcls", 3, node_id, creations=[
            {"resource_type": kind, "resource_name": name, "resource_pattern_type": pattern,
             "principal": f"User:{user}", "host": host, "operation": operation,
             "permission_type": permission} for kind, name, operation in rules])
        assert [one["error_code"] for one in answer["results"]] == [NONE] * len(rules)

    def grant(self, *rules, **more):
        self.allow("alice", *rules, **more)

    def revoke_all(self, node_id=None):
        """Whatever was said of alice."""
        self.cluster.call("DeleteAcls", 3, node_id, filters=[
            {"resource_type_filter": 1, "resource_name_filter": None, "pattern_type_filter": 1,
             "principal_filter": "User:alice", "host_filter": None, "operation": 1,
             "permission_type": 1}])


def errors(value):
    """Every error code of an answer."""
    if isinstance(value, dict):
        found = [code for key, code in value.items() if key == "error_code"]
        return found + [code for one in value.values() for code in errors(one)]
    if isinstance(value, list):
        return [code for one in value for code in errors(one)]
    return []


def partition(**values):
    return [{"partition_index": 0, **values}]


# requests about a topic

def produce_request(topic):
    return {"acks": -1, "timeout_ms": 5000, "topic_data": [
        {"name": topic, "partition_data": [{"index": 0, "records": batch([b"x"])}]}]}


def fetch_request(topic):
    return {"replica_id": -1, "max_wait_ms": 0, "max_bytes": 1000, "topics": [
        {"topic": topic, "partitions": [
            {"partition": 0, "fetch_offset": 0, "current_leader_epoch": -1,
             "last_fetched_epoch": -1, "log_start_offset": -1, "partition_max_bytes": 1000}]}]}


def list_offsets_request(topic):
    return {"replica_id": -1, "topics": [
        {"name": topic, "partitions": partition(current_leader_epoch=-1, timestamp=-1)}]}


def metadata_request(topic):
    return {"topics": [{"name": topic, "topic_id": ZERO_ID}], "allow_auto_topic_creation": False,
            "include_topic_authorized_operations": True}


def commit_request(topic, group="readers"):
    return {"group_id": group, "generation_id_or_member_epoch": -1, "member_id": "", "topics": [
        {"name": topic, "partitions": partition(committed_offset=0, committed_leader_epoch=-1,
                                                committed_metadata="")}]}

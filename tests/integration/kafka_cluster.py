# SPDX-License-Identifier: Apache-2.0
"""What the tests of Kafka's semantics say often, over kafka_wire: one line a request."""
import time

from kafka_wire import Connection
from region import eventually

# Kafka's numbers of the errors that the tests name.
NONE = 0
OFFSET_OUT_OF_RANGE = 1
CORRUPT_MESSAGE = 2
UNKNOWN_TOPIC_OR_PARTITION = 3
LEADER_NOT_AVAILABLE = 5
NOT_LEADER_OR_FOLLOWER = 6
REQUEST_TIMED_OUT = 7
MESSAGE_TOO_LARGE = 10
OFFSET_METADATA_TOO_LARGE = 12
COORDINATOR_LOAD_IN_PROGRESS = 14
COORDINATOR_NOT_AVAILABLE = 15
NOT_COORDINATOR = 16
INVALID_TOPIC_EXCEPTION = 17
RECORD_LIST_TOO_LARGE = 18
NOT_ENOUGH_REPLICAS = 19
INVALID_REQUIRED_ACKS = 21
ILLEGAL_GENERATION = 22
INCONSISTENT_GROUP_PROTOCOL = 23
INVALID_GROUP_ID = 24
UNKNOWN_MEMBER_ID = 25
INVALID_SESSION_TIMEOUT = 26
REBALANCE_IN_PROGRESS = 27
INVALID_TIMESTAMP = 32
UNSUPPORTED_VERSION = 35
TOPIC_ALREADY_EXISTS = 36
INVALID_PARTITIONS = 37
INVALID_REPLICATION_FACTOR = 38
INVALID_REPLICA_ASSIGNMENT = 39
INVALID_CONFIG = 40
INVALID_REQUEST = 42
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
DUPLICATE_SEQUENCE_NUMBER = 46
INVALID_PRODUCER_EPOCH = 47
NON_EMPTY_GROUP = 68
GROUP_ID_NOT_FOUND = 69
FETCH_SESSION_ID_NOT_FOUND = 70
INVALID_FETCH_SESSION_EPOCH = 71
FENCED_LEADER_EPOCH = 74
UNKNOWN_LEADER_EPOCH = 75
UNSUPPORTED_COMPRESSION_TYPE = 76
MEMBER_ID_REQUIRED = 79
PREFERRED_LEADER_NOT_AVAILABLE = 80
GROUP_MAX_SIZE_REACHED = 81
FENCED_INSTANCE_ID = 82
ELECTION_NOT_NEEDED = 84
NO_REASSIGNMENT_IN_PROGRESS = 85
GROUP_SUBSCRIBED_TO_TOPIC = 86
INVALID_RECORD = 87
UNKNOWN_TOPIC_ID = 100
INCONSISTENT_TOPIC_ID = 103
FETCH_SESSION_TOPIC_ID_ERROR = 106
MISMATCHED_ENDPOINT_TYPE = 114


class Cluster:
    """Requests to the brokers of a region, over one connection a broker.

    With a user and a password, where the brokers' first listener asks for them.
    """

    def __init__(self, region, user=None):
        self.region = region
        self.user = user
        self.connections = {}

    def close(self):
        for connection in self.connections.values():
            connection.socket.close()

    def connect(self, node_id=None, **options):
        """A connection that is the caller's."""
        connection = Connection(self.region.address(self.any(node_id)), **options)
        if self.user:
            connection.log_in(*self.user)
        return connection

    def any(self, node_id):
        return self.region.node_ids[0] if node_id is None else node_id

    def on(self, node_id=None):
        """The connection to a broker that all requests share."""
        node_id = self.any(node_id)
        if node_id not in self.connections:
            self.connections[node_id] = self.connect(node_id)
        return self.connections[node_id]

    def call(self, api, version, node_id=None, **values):
        return self.on(node_id).call(api, version, **values)

    # topics

    def create(self, name, partitions=1, factor=3, version=7, configs=None, validate_only=False,
               **more):
        """What CreateTopics says of the one topic."""
        settings = [{"name": key, "value": str(value)} for key, value in (configs or {}).items()]
        topic = {"name": name, "num_partitions": partitions, "replication_factor": factor,
                 "configs": settings, **more}
        return self.call("CreateTopics", version, topics=[topic], timeout_ms=15000,
                         validate_only=validate_only)["topics"][0]

    def make(self, name, **options):
        """Creates a topic and waits for all its leaders; gives the id."""
        made = self.create(name, **options)
        assert made["error_code"] == NONE, made
        eventually(lambda: all(part["leader_id"] >= 0 for part in self.topic(name)["partitions"]))
        return made["topic_id"]

    def topic(self, name, node_id=None, version=12):
        """What Metadata says of one topic, which it does not create."""
        return self.call("Metadata", version, node_id, topics=[{"name": name}],
                         allow_auto_topic_creation=False)["topics"][0]

    def partition(self, name, index=0):
        return next(part for part in self.topic(name)["partitions"]
                    if part["partition_index"] == index)

    def leader(self, name, index=0):
        return self.partition(name, index)["leader_id"]

    # records

    def at_leader(self, ask, name, index, node_id):
        """Asks a broker, or the leader, and again when leadership has just moved, as clients do."""
        if node_id is not None:
            return ask(node_id)
        for _ in range(100):
            leader = self.leader(name, index)
            answer = ask(leader) if leader >= 0 else {"error_code": LEADER_NOT_AVAILABLE}
            if answer["error_code"] not in (NOT_LEADER_OR_FOLLOWER, LEADER_NOT_AVAILABLE):
                break
            time.sleep(0.05)
        return answer

    def produce(self, name, records, index=0, version=9, acks=-1, timeout_ms=10000, node_id=None):
        """What the leader says of one partition's batch."""
        def ask(node_id):
            answer = self.call("Produce", version, node_id, acks=acks, timeout_ms=timeout_ms,
                               topic_data=[{"name": name, "partition_data": [
                                   {"index": index, "records": records}]}])
            return answer["responses"][0]["partition_responses"][0]
        return self.at_leader(ask, name, index, node_id)

    def fetch(self, name, offset, index=0, version=12, node_id=None, max_bytes=1 << 20,
              partition_max_bytes=1 << 20, max_wait_ms=0, min_bytes=0, **more):
        """What the leader says of one partition."""
        def ask(node_id):
            part = {"partition": index, "fetch_offset": offset,
                    "partition_max_bytes": partition_max_bytes, **more}
            answer = self.call("Fetch", version, node_id, max_wait_ms=max_wait_ms,
                               min_bytes=min_bytes, max_bytes=max_bytes,
                               topics=[{"topic": name, "partitions": [part]}])
            return answer["responses"][0]["partitions"][0]
        return self.at_leader(ask, name, index, node_id)

    def list_offset(self, name, timestamp, index=0, version=10, node_id=None, **more):
        """What the leader says of one partition."""
        def ask(node_id):
            part = {"partition_index": index, "timestamp": timestamp, **more}
            answer = self.call("ListOffsets", version, node_id, replica_id=-1, timeout_ms=5000,
                               topics=[{"name": name, "partitions": [part]}])
            return answer["topics"][0]["partitions"][0]
        return self.at_leader(ask, name, index, node_id)

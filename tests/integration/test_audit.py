# SPDX-License-Identifier: Apache-2.0
"""The audit: what was changed, by whom and how it went, in a file and in the topic __audit."""
import concurrent.futures
import contextlib
import json
import threading

import pytest

from access_world import commit_request, errors
from kafka_cluster import NONE
from kafka_wire import Closed, batch
from region import CommandFailed, eventually


POLICY_VIOLATION, BROKER_LOGGER, SET = 44, 8, 0


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def create(region, topic, node_id=0):
    region.gyre("topic", "create", topic, "--partitions", 1, "--replication-factor", 1,
                "--bootstrap-server", region.address(node_id))


def of_topic(lines, topic):
    return [line for line in lines if f'"{topic}"' in line.get("detail", "")]


def test_a_change_is_audited_where_it_was_asked_for(own_region, tmp_path, topic):
    region = own_region(brokers=1, settings=[f"gyre.audit.file={tmp_path / 'audit'}"])
    create(region, topic)
    line, = eventually(lambda: of_topic(lines_of(tmp_path / "audit"), topic))
    assert line["event"] == "change" and line["result"] == "success"
    assert line["api"] == "CreateTopics"
    assert line["principal"] == "User:ANONYMOUS"
    assert line["peer"] == "127.0.0.1"
    assert line["broker"] == 0
    assert line["cluster"] == region.state["regions"][0]["cluster_id"]


def test_a_topic_that_comes_by_itself_is_audited(own_region, tmp_path, topic):
    region = own_region(brokers=1, settings=[f"gyre.audit.file={tmp_path / 'audit'}"])
    region.kcat("-P", "-t", topic, stdin="x\n")
    line, = eventually(lambda: of_topic(lines_of(tmp_path / "audit"), topic))
    assert line["event"] == "change" and line["result"] == "success"
    assert line["api"] == "Metadata"


def test_the_topic_has_the_changes_of_every_broker(own_region, topic):
    region = own_region(settings=["gyre.audit.topic=true"])
    for broker in range(3):
        create(region, f"{topic}-{broker}", broker)

    def all_there():
        lines = [json.loads(record["payload"]) for record in region.consume("__audit")]
        return [line["broker"] for broker in range(3)
                for line in of_topic(lines, f"{topic}-{broker}")] == [0, 1, 2]

    eventually(all_there)


def test_nothing_is_changed_while_a_required_audit_cannot_be_written(own_region, tmp_path, topic):
    path = tmp_path / "missing" / "audit"
    region = own_region(brokers=1, settings=[
        f"gyre.audit.file={path}", "gyre.audit.required=true", "gyre.audit.waiting.bytes=65536"])

    def refused():
        try:
            create(region, f"{topic}-{'x' * 150}-{refused.count}")
            refused.count += 1
        except CommandFailed as failure:
            return "audit cannot be written" in failure.output
        return False

    refused.count = 0
    assert eventually(refused, timeout=60, every=0)
    path.parent.mkdir()

    def accepted():
        create(region, topic)
        return True

    assert eventually(accepted)
    assert of_topic(eventually(lambda: lines_of(path)), f"{topic}-{'x' * 150}-0")
    with pytest.raises(CommandFailed):
        create(region, topic)


class Changes:
    """Changes that are no commands of the catalog, of a topic with a record and of two groups."""

    def __init__(self, cluster, topic):
        self.cluster = cluster
        self.topic = topic
        cluster.make(topic, factor=1)
        assert cluster.produce(topic, batch([b"x"]))["error_code"] == NONE
        for group in self.groups:
            cluster.call("FindCoordinator", 4, key_type=0, coordinator_keys=[group])
            eventually(lambda group=group: set(errors(cluster.call(
                "OffsetCommit", 8, **commit_request(topic, group)))) == {NONE})

    @property
    def groups(self):
        return [f"{self.topic}-{number}" for number in range(2)]

    def delete_groups(self, *groups):
        return errors(self.cluster.call("DeleteGroups", 2, groups_names=groups))

    def make_all(self):
        """What is said of each."""
        first, second = self.groups
        parts = [{"name": self.topic, "partitions": [{"partition_index": 0, "offset": 1}]}]
        deleted = errors(self.cluster.call("DeleteRecords", 2, topics=parts, timeout_ms=5000))
        parts = [{"name": self.topic, "partitions": [{"partition_index": 0}]}]
        forgotten = errors(self.cluster.call("OffsetDelete", 0, group_id=first, topics=parts))
        level = errors(self.cluster.call("IncrementalAlterConfigs", 1, resources=[
            {"resource_type": BROKER_LOGGER, "resource_name": "0", "configs": [
                {"name": "mirror", "config_operation": SET, "value": "DEBUG"}]}]))
        return [max(said, key=abs) for said in (deleted, forgotten, level,
                                                self.delete_groups(second))]


def test_what_is_no_command_of_the_catalog_is_audited_too(own_region, connect, tmp_path, topic):
    region = own_region(brokers=1, settings=[f"gyre.audit.file={tmp_path / 'audit'}"])
    changes = Changes(connect(region), topic)
    first, second = changes.groups
    assert changes.make_all() == [NONE] * 4
    assert changes.delete_groups(second) != [NONE]  # it is gone
    wanted = [
        ("DeleteRecords", "success", f'topics: [{{name: "{topic}", partitions: '
         "[{partition_index: 0, offset: 1}]}]"),
        ("OffsetDelete", "success", f'group_id: "{first}", topics: [{{name: "{topic}", '
         "partitions: [{partition_index: 0}]}]"),
        ("IncrementalAlterConfigs", "success", 'LogLevel {area: "mirror", level: "DEBUG"}'),
        ("DeleteGroups", "success", f'groups_names: ["{second}"]'),
        ("DeleteGroups", "failure", f'groups_names: ["{second}"]')]

    def all_there():
        lines = [line for line in lines_of(tmp_path / "audit") if line["event"] == "change"]
        return all(any((line["api"], line["result"]) == (api, result) and detail in line["detail"]
                       for line in lines) for api, result, detail in wanted)

    assert eventually(all_there)


def test_nothing_else_is_changed_either_while_the_audit_cannot_be_written(own_region, connect,
                                                                         tmp_path, topic):
    path = tmp_path / "missing" / "audit"
    region = own_region(brokers=1, settings=[
        f"gyre.audit.file={path}", "gyre.audit.required=true", "gyre.audit.waiting.bytes=65536"])
    changes = Changes(connect(region), topic)
    missing = [f"{number:03}-{'x' * 500}" for number in range(100)]
    eventually(lambda: POLICY_VIOLATION in changes.delete_groups(*missing), every=0)
    assert changes.make_all() == [POLICY_VIOLATION] * 4
    path.parent.mkdir()
    assert eventually(lambda: POLICY_VIOLATION not in changes.make_all())


def test_a_refusal_names_the_rule_and_is_counted(own_region, tmp_path, topic):
    region = own_region(brokers=1, settings=[
        f"gyre.audit.file={tmp_path / 'audit'}", "allow.everyone.if.no.acl.found=true",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"])
    create(region, topic)
    region.on("acl", "grant", "--deny", "--principal", "User:ANONYMOUS", "--operation",
              "ALTER_CONFIGS", "--topic", topic)
    for _ in range(3):
        with pytest.raises(CommandFailed):
            region.on("topic", "alter", topic, "--config", "retention.ms=1000")

    def refusals():
        return [line for line in lines_of(tmp_path / "audit")
                if line["event"] == "refusal" and line.get("resource") == topic]

    line, = eventually(refusals)
    assert line["operation"] == "ALTER_CONFIGS" and line["resource_type"] == "TOPIC"
    assert line["principal"] == "User:ANONYMOUS" and line["api"] == "IncrementalAlterConfigs"
    assert line["rule"] == f"DENY ALTER_CONFIGS to User:ANONYMOUS from * on TOPIC LITERAL {topic}"
    first, again = eventually(lambda: len(refusals()) == 2 and refusals(), timeout=30)
    assert "count" not in first and again["count"] == 2


def test_brokers_that_write_every_access_stop_in_order(own_region, tmp_path, connect, topic):
    region = own_region(settings=[
        "gyre.audit.topic=true", f"gyre.audit.file={tmp_path / 'audit'}",
        "gyre.audit.access.sample=1", "allow.everyone.if.no.acl.found=true",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"])
    connect(region).make(topic)
    stopping = threading.Event()

    def ask(node_id):
        asking = connect(region)
        with contextlib.suppress(Closed, OSError):
            while not stopping.wait(0.001):
                asking.call("Metadata", 12, node_id, topics=[{"name": topic}],
                            allow_auto_topic_creation=False)

    with concurrent.futures.ThreadPoolExecutor() as askers:
        asked = [askers.submit(ask, node_id) for node_id in region.node_ids * 2]
        try:
            eventually(lambda: region.consume("__audit", count=1))
            region.down()
        finally:
            stopping.set()
    for one in asked:
        one.result()
    assert lines_of(tmp_path / "audit")
    assert region.logs().count("message=stopped") == 3

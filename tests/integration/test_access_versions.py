# SPDX-License-Identifier: Apache-2.0
"""Every API in every version, asked by somebody who may do nothing, at every broker.

The tables of test_access.py say in one version what an API needs; here each API that a broker serves
has to stand in one of them, or in the list of those that need nothing, and no version of it is open.
"""
import pytest

from access_world import (ALL, CLUSTER, CLUSTER_DENIED, DESCRIBE, GROUP, GROUP_DENIED, LITERAL,
                          NAME, READ, TOPIC, TOPIC_DENIED, TRANSACTION_DENIED, Guest, errors,
                          fetch_request)
from kafka_cluster import NONE, UNKNOWN_TOPIC_ID
from kafka_wire import SCHEMAS
from test_access import CLUSTER_ROWS, GROUP_ROWS, OTHER_ROWS, TOPIC_ROWS, TRANSACTION_ROWS

SESSION_NOT_FOUND = 70
# What they show is filtered, or is for everybody; test_access.py has tests of their own for them.
NEED_NOTHING = {"ApiVersions", "SaslHandshake", "SaslAuthenticate", "DescribeCluster", "ListGroups",
                "CreateDelegationToken", "RenewDelegationToken", "ExpireDelegationToken",
                "DescribeDelegationToken"}
ROWS = [*TOPIC_ROWS, *GROUP_ROWS, *CLUSTER_ROWS, *TRANSACTION_ROWS]
REFUSALS = {TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED, TRANSACTION_DENIED}
NAMES = {key: name for name, (key, _, _) in SCHEMAS.items()}
TOPICS_BY_ID = {"Produce": 13, "Fetch": 13, "OffsetCommit": 10, "OffsetFetch": 10}


def served(guest):
    """API name: its versions, of those that are advertised."""
    answer = guest.call("ApiVersions", 3, client_software_name="w", client_software_version="1")
    assert answer["error_code"] == NONE
    return {NAMES[one["api_key"]]: range(one["min_version"], one["max_version"] + 1)
            for one in answer["api_keys"]}


def requests_of(api, version, topic):
    """What the tables ask of the API in the nearest version that they have."""
    rows = [row for row in ROWS if row[0] == api]
    chosen = min((row[1] for row in rows if row[1] >= version), default=max(
        (row[1] for row in rows), default=None))
    for row in rows:
        request = row[2](topic) if callable(row[2]) else row[2]
        if row[1] == chosen and (api, version, request.get("topics", "")) != ("OffsetFetch", 1, None):
            yield request  # that version has no null


def name_by_id(value, topic, topic_id):
    """The same request, of a topic that has no name."""
    if isinstance(value, list):
        return [name_by_id(one, topic, topic_id) for one in value]
    if not isinstance(value, dict):
        return value
    out = {key: name_by_id(one, topic, topic_id) for key, one in value.items()}
    for key in ("name", "topic"):
        if out.get(key) == topic:
            out["topic_id"] = topic_id
    return out


def is_empty(answer):
    """Old versions of a few APIs have no place for an error, and say nothing."""
    return not errors(answer) and not any(isinstance(one, list) and one for one in answer.values())


def test_every_api_stands_in_a_table(world):
    named = {row[0] for row in (*ROWS, *OTHER_ROWS)} | NEED_NOTHING
    assert set(served(world.guest)) - named == set()


@pytest.mark.parametrize("api", sorted({row[0] for row in ROWS}))
def test_no_version_is_open(world, topic, api):
    topic_id = world.make(topic)
    for guest in world.guests.values():
        for version in served(guest).get(api, [0]):
            for request in requests_of(api, version, topic):
                ids = version >= TOPICS_BY_ID.get(api, version + 1)
                if ids:
                    request = name_by_id(request, topic, topic_id)
                _, answer = guest.ask(api, version, request)
                refusals = REFUSALS | ({UNKNOWN_TOPIC_ID} if ids else set())
                assert refusals & set(errors(answer)) or is_empty(answer), (version, answer)
    assert world.cluster.topic(topic)["error_code"] == NONE


@pytest.mark.parametrize("version", [7, 8, 9])
def test_what_is_passed_on_is_asked_for_from_where_the_client_is(world, version):
    """A group's coordinator decides about who asked another broker: by his address, not its own."""
    coordinator = world.coordinator("nobody")
    world.grant((GROUP, "nobody", DESCRIBE), pattern=LITERAL, host="127.0.0.2")
    for group in ("nobody", "readers"):
        request = {"group_id": group, "topics": None} if version < 8 else {
            "groups": [{"group_id": group, "topics": None}]}
        for node_id in world.region.node_ids:
            address = world.region.address(node_id)
            for source, may in (("127.0.0.2", group == "nobody"), ("127.0.0.3", False)):
                with Guest(address, source=source) as guest:
                    answer = guest.ask("OffsetFetch", version, request)[1]
                    is_refused = GROUP_DENIED in errors(answer)
                    assert is_refused != may, (node_id, coordinator, source, answer)


def test_a_right_to_one_thing_is_none_to_another(world, topic):
    """Who may do everything to a group and the cluster may do nothing to a topic."""
    world.make(topic)
    world.grant((GROUP, "*", ALL), (CLUSTER, NAME[CLUSTER], DESCRIBE))
    for api, version, request, needs, _ in TOPIC_ROWS:
        if needs[0][0] == TOPIC and api not in ("CreateTopics", "OffsetDelete"):
            for node_id in world.places(api, topic):
                answer = world.guests[node_id].ask(api, version, request(topic))[1]
                assert TOPIC_DENIED in errors(answer), (api, version, answer)


def test_a_session_of_fetches_is_for_who_opened_it(world, topic):
    """Its number can be guessed; the names in it are not for everybody, nor may they close it."""
    world.make(topic)
    world.grant((TOPIC, topic, READ))

    def ask(guest, session_id, epoch, topics=()):
        request = {**fetch_request(topic), "session_id": session_id, "session_epoch": epoch}
        return guest.ask("Fetch", 12, request if topics is None else {**request, "topics": topics})[1]

    opened = ask(world.guest, 0, 0, None)
    assert opened["error_code"] == NONE and opened["session_id"] > 0
    with Guest(world.region.address(world.region.node_ids[0]), "bob") as other:
        for epoch in (1, 2):
            answer = ask(other, opened["session_id"], epoch)
            assert (answer["error_code"], answer["responses"]) == (SESSION_NOT_FOUND, [])
        ask(other, opened["session_id"], -1)  # which closes one's own
    assert ask(world.guest, opened["session_id"], 1)["error_code"] == NONE

# SPDX-License-Identifier: Apache-2.0
"""Users, rules, streams, teams and quotas from the command line, and regions that are protected."""
import json
import os
import stat
import subprocess

import pytest
from kafka_relay import CUT, Relay
from region import BIN, CommandFailed, Region, eventually, run

TEAM = """\
team: ads
principals: [ada, User:ivan]
prefix: ads.
streams:
  /ads/clicks:
    produce: g:ads & !g:interns
    consume: g:ads
    topics: g:ads & !g:interns
    autocreate: true
    ttl: 7d
quotas:
  producer_byte_rate: 1048576
---
team: interns
principals: [ivan]
"""


@pytest.fixture(scope="module")
def secured():
    """The default of `gyre dev up`, and a plaintext listener where nobody is anybody."""
    with Region(listeners=["SASL_SSL", "SASL_PLAINTEXT", "PLAINTEXT", "SSL"]) as region:
        yield region


def as_user(region, name, password, *words, listener="SASL_PLAINTEXT", **options):
    environment = {key: value for key, value in os.environ.items() if key != "GYRE_COMMAND_CONFIG"}
    return run("env", f"GYRE_PASSWORD={password}", BIN / "gyre", *words, "--user", name,
               "--bootstrap-server", region.addresses(listener), **options)


def status_of(call, *words, **options):
    try:
        call(*words, **options)
    except CommandFailed as failure:
        return failure.status
    return 0


def make_user(region, name, password="secret"):
    region.on("user", "create", name, stdin=f"{password}\n")
    return password


def test_dev_up_tells_each_listener_and_keeps_secrets_to_itself(secured):
    broker = secured.broker(0)
    port = broker["kafka_port"]
    assert broker["listeners"] == {
        "SASL_SSL": f"127.0.0.1:{port}", "SASL_PLAINTEXT": f"127.0.0.1:{port + 50}",
        "PLAINTEXT": f"127.0.0.1:{port + 60}", "SSL": f"127.0.0.1:{port + 70}"}
    for name in ("client.properties", "kcat.conf", "dev.json", "pki/client.key", "pki/ca.key",
                 "local/broker-0/broker.conf"):
        assert stat.S_IMODE((secured.dir / name).stat().st_mode) == 0o600, name
    assert (secured.dir / "pki/ca.crt").exists() and (secured.dir / "pki/client.crt").exists()
    assert secured.on("cluster", "health", "-o", "json")["healthy"] is True


def test_the_certificate_for_clients_makes_nobody_a_broker(secured):
    shown = json.loads(secured.gyre("pki", "show", "--dir", secured.dir / "pki", "-o", "json"))
    purposes = {one["name"]: one["purpose"] for one in shown}
    assert purposes["client"] == "client" and purposes["local-broker-0"] == "broker"


def test_kcat_gets_in_with_its_own_file(secured, topic):
    secured.on("topic", "create", topic)
    secured.produce(topic, ["one", "two"])
    assert secured.values(topic) == ["one", "two"]


def test_nobody_gets_anything_without_a_name(secured, topic):
    secured.on("topic", "create", topic)
    assert status_of(run, BIN / "gyre", "topic", "describe", topic, "--bootstrap-server",
                     secured.addresses("PLAINTEXT"), "--timeout", "10") == 5


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_who_does_not_say_who_asks_is_told_what_may_be_missing(secured, listener, monkeypatch):
    monkeypatch.delenv("GYRE_COMMAND_CONFIG", raising=False)
    words = ["--ca", secured.dir / "pki" / "ca.crt"] if listener == "SASL_SSL" else []
    with pytest.raises(CommandFailed) as failure:
        run(BIN / "gyre", "topic", "list", "--bootstrap-server", secured.addresses(listener),
            "--timeout", 2, *words)
    assert failure.value.status == 4
    assert "(does it want to know who asks?)" in failure.value.output


def test_users_come_and_go(secured):
    password = make_user(secured, "wanda", "first one")
    listed = {one["user"]: one["mechanisms"] for one in secured.on("user", "list", "-o", "json")}
    assert [one["mechanism"] for one in listed["wanda"]] == ["SCRAM-SHA-256", "SCRAM-SHA-512"]
    assert status_of(secured.on, "user", "create", "wanda", stdin="x\n") == 1
    as_user(secured, "wanda", password, "topic", "list")
    secured.on("user", "rotate", "wanda", stdin="second\n")
    assert status_of(as_user, secured, "wanda", password, "topic", "list", "--timeout", "10") == 5
    as_user(secured, "wanda", "second", "topic", "list", listener="SASL_PLAINTEXT")
    secured.on("user", "delete", "wanda")
    assert status_of(as_user, secured, "wanda", "second", "topic", "list", "--timeout", "10") == 5
    assert status_of(secured.on, "user", "delete", "wanda") == 1
    secured.on("user", "delete", "wanda", "--if-exists")


def test_what_was_not_there_to_delete_is_told(secured):
    for kind, name in (("user", "nobody-yet"), ("stream", "/never/made")):
        words = (kind, "delete", name, "--if-exists")
        assert secured.on(*words, "-o", "json") == {kind: name, "result": "missing"}
        assert secured.on(*words) == f"missing {kind} {name}\n"


def test_who_may_not_see_what_a_new_topic_became_is_told_no_numbers(secured, topic):
    password = make_user(secured, "conrad")
    secured.on("acl", "grant", "--principal", "conrad", "--producer", "--topic", topic)
    said = as_user(secured, "conrad", password, "topic", "create", topic)
    assert said == f"created {topic}\n"
    secured.on("topic", "delete", topic)
    said = json.loads(as_user(secured, "conrad", password, "topic", "create", topic, "-o", "json"))
    assert (said["name"], said["partitions"], said["replication_factor"]) == (topic, None, None)


@pytest.mark.parametrize("protocol,mechanism", [("SASL_PLAINTEXT", "SCRAM-SHA-512"),
                                                ("SASL_SSL", "SCRAM-SHA-256"),
                                                ("SASL_SSL", "PLAIN")])
def test_who_changes_his_own_password_is_told_that_it_is_done(secured, tmp_path, protocol,
                                                              mechanism):
    name = f"own-{mechanism.lower()}"
    make_user(secured, name, "first")
    secured.on("acl", "grant", "--principal", name, "--operation", "ALL", "--cluster")

    def ask(password, *words, **options):
        client = tmp_path / "client"
        client.write_text(f"security.protocol={protocol}\nsasl.mechanism={mechanism}\n"
                          f"sasl.username={name}\nsasl.password={password}\n"
                          "ssl.truststore.type=PEM\n"
                          f"ssl.truststore.location={secured.dir}/pki/ca.crt\n")
        return run(BIN / "gyre", *words, "--command-config", client, "--bootstrap-server",
                   secured.addresses(protocol), "--timeout", "10", **options)

    ask("first", "user", "rotate", name, stdin="second\n")
    assert status_of(ask, "first", "user", "list") == 5
    ask("second", "user", "rotate", name, stdin="third\n")
    ask("third", "user", "delete", name)
    assert status_of(ask, "third", "user", "list") == 5
    secured.on("acl", "revoke", "--principal", name)


def test_a_grant_lets_in_and_its_removal_shuts_out(secured, topic):
    password = make_user(secured, "greta")
    secured.on("topic", "create", topic)
    words = ("produce", topic, "--timeout", "10")
    assert status_of(as_user, secured, "greta", password, *words, stdin="x\n") == 5
    granted = secured.on("acl", "grant", "--principal", "greta", "--producer", "--topic", topic,
                         "-o", "json")
    assert {one["operation"] for one in granted} == {"WRITE", "DESCRIBE", "CREATE"}
    as_user(secured, "greta", password, *words, stdin="x\n")
    matrix = secured.on("acl", "matrix", "--principal", "greta", "--topic", topic, "-o", "json")
    assert matrix == [{"principal": "User:greta", "topic": topic,
                       "operations": ["WRITE", "CREATE", "DESCRIBE"]}]
    asked, = json.loads(secured.gyre(
        "acl", "test", "--principal", "greta", "--operation", "WRITE", "--topic", topic, "-o",
        "json", "--bootstrap-server", secured.bootstrap, *secured.credentials))
    assert asked["allowed"] is True and asked["rule"]["operation"] == "WRITE"
    secured.on("acl", "revoke", "--principal", "greta")
    assert status_of(as_user, secured, "greta", password, *words, stdin="x\n") == 5
    assert status_of(secured.on, "acl", "revoke", "--principal", "greta") == 1
    assert status_of(secured.on, "acl", "test", "--principal", "greta", "--operation", "WRITE",
                     "--topic", topic) == 5


def rules_of(region, principal, *words):
    listed = region.on("acl", "list", "--principal", principal, *words, "-o", "json")
    return sorted((one["resource"], one["pattern"], one["operation"]) for one in listed)


def test_rules_on_prefixes_are_listed_and_removed_alone(secured, topic):
    grant = ("acl", "grant", "--principal", "petra", "--operation", "READ", "--topic", topic)
    secured.on(*grant)
    secured.on(*grant, "--prefix")
    assert rules_of(secured, "petra", "--prefix") == [("TOPIC", "PREFIXED", "READ")]
    gone = secured.on("acl", "revoke", "--principal", "petra", "--prefix", "-o", "json")
    assert [one["pattern"] for one in gone] == ["PREFIXED"]
    assert rules_of(secured, "petra") == [("TOPIC", "LITERAL", "READ")]
    assert status_of(secured.on, "acl", "revoke", "--principal", "petra", "--prefix") == 1


def test_rules_on_an_operation_are_listed_and_removed_wherever_they_are(secured, topic):
    for words in (("READ", "--topic", topic, "--group", "readers"), ("WRITE", "--topic", topic)):
        secured.on("acl", "grant", "--principal", "olga", "--operation", *words)
    reading = [("GROUP", "LITERAL", "READ"), ("TOPIC", "LITERAL", "READ")]
    writing = [("TOPIC", "LITERAL", "WRITE")]
    assert rules_of(secured, "olga") == sorted(reading + writing)
    assert rules_of(secured, "olga", "--operation", "READ") == reading
    secured.on("acl", "revoke", "--principal", "olga", "--operation", "READ")
    assert rules_of(secured, "olga") == writing


def matrix_through(relay, region, path, *words):
    """Without TLS, so that the relay can read it: what was printed to stdout and to stderr."""
    text = (region.dir / "client.properties").read_text()
    path.write_text(text.replace("SASL_SSL", "SASL_PLAINTEXT"))
    done = subprocess.run([BIN / "gyre", "acl", "matrix", "-o", "json", "--bootstrap-server",
                           relay.address, "--command-config", path, *words],
                          capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout), done.stderr


def test_a_matrix_has_the_streams_in_it_whatever_connection_is_lost(secured, tmp_path):
    secured.on("stream", "create", "/lost/one", "--consume", "u:mia")
    secured.on("topic", "create", "/lost/one:t")
    asked = []

    def answer(name):
        asked.append(name)
        return CUT if asked.count("ExplainAccess") == 1 and name == "ExplainAccess" else None

    with Relay(secured.address(0, "SASL_PLAINTEXT"), answer) as relay:
        (row,), said = matrix_through(relay, secured, tmp_path / "client", "--principal", "mia",
                                      "--topic", "lost.one..t")
    assert asked.count("ExplainAccess") == 2 and said == ""
    assert "READ" in row["operations"]


def test_a_matrix_by_rules_alone_says_so(secured, topic, tmp_path):
    """As of brokers that are not Gyre's: they end the connection when they hear of the API."""
    secured.on("topic", "create", topic)
    secured.on("acl", "grant", "--principal", "mona", "--operation", "WRITE", "--topic", topic)
    with Relay(secured.address(0, "SASL_PLAINTEXT"),
               lambda name: CUT if name == "ExplainAccess" else None) as relay:
        (row,), said = matrix_through(relay, secured, tmp_path / "client", "--principal", "mona",
                                      "--topic", topic)
    assert row["operations"] == ["WRITE", "DESCRIBE"]
    assert "by rules alone" in said


def test_groups_that_one_would_be_in_are_weighed(secured):
    password = make_user(secured, "gina")
    secured.on("stream", "create", "/would/be", "--consume", "g:zeta")
    secured.on("acl", "grant", "--principal", "gina", "--operation", "DESCRIBE", "--cluster")
    words = ("acl", "test", "--operation", "READ", "--topic", "/would/be:x")
    assert status_of(as_user, secured, "gina", password, *words) == 5
    assert as_user(secured, "gina", password, *words, "--member-of", "zeta").startswith("yes")
    assert status_of(secured.on, *words, "--prefix") == 2


def test_who_may_write_nowhere_is_told_so(secured, topic):
    password = make_user(secured, "vera")
    secured.on("topic", "create", topic)
    secured.on("acl", "grant", "--principal", "vera", "--operation", "DESCRIBE", "--topic", topic)
    with pytest.raises(CommandFailed) as failure:
        as_user(secured, "vera", password, "produce", topic, stdin="x\n")
    assert failure.value.status == 5
    assert f"{topic}: You may write to no topic at all: neither WRITE" in failure.value.output


def test_an_operation_that_means_nothing_is_wrong_usage(secured):
    assert status_of(secured.on, "acl", "grant", "--principal", "x", "--operation", "WRITE",
                     "--group", "g") == 2


def test_a_stream_lives_from_create_to_delete(secured):
    secured.on("stream", "create", "/life/one", "--produce", "u:nobody", "--ttl", "2h",
               "--autocreate", "true")
    shown = secured.on("stream", "info", "/life/one", "-o", "json")
    assert shown["policy"]["produce"] == "u:nobody"
    assert shown["settings"] == {"autocreate": "true", "ttl": "7200"}
    secured.on("stream", "edit", "/life/one", "--consume", "g:readers", "--delete-config", "ttl")
    shown = secured.on("stream", "info", "/life/one", "-o", "json")
    assert shown["policy"]["consume"] == "g:readers" and "ttl" not in shown["settings"]
    assert "/life/one" in [one["stream"] for one in secured.on("stream", "list", "-o", "json")]
    secured.on("stream", "delete", "/life/one")
    assert status_of(secured.on, "stream", "info", "/life/one") == 1
    assert status_of(secured.on, "stream", "create", "/life/two", "--produce", "g:a & g:b | g:c") == 1


def test_a_stream_that_is_not_there_or_not_to_be_seen_is_no_line_of_a_list(secured):
    password = make_user(secured, "sven")
    secured.on("stream", "create", "/list/one", "--produce", "u:nobody")
    listed, = secured.on("stream", "list", "/list/one", "-o", "json")
    assert listed["stream"] == "/list/one"
    for words in ((), ("-o", "json")):
        assert status_of(secured.on, "stream", "list", "/list/none", *words) == 1
        assert status_of(as_user, secured, "sven", password, "stream", "list", "/list/one",
                         *words) == 5


def test_a_team_is_applied_once_and_then_again_without_a_change(secured, tmp_path):
    passwords = {name: make_user(secured, name) for name in ("ada", "ivan")}
    file = tmp_path / "team.yaml"
    file.write_text(TEAM)
    apply = ("team", "apply", "-f", file, "-o", "json")
    wanted = secured.on(*apply, "--dry-run")
    assert secured.on(*apply) == wanted and len(wanted) > 5
    assert secured.on(*apply) == []
    topic = "/ads/clicks:shown"
    as_user(secured, "ada", passwords["ada"], "produce", topic, stdin="a\nb\n")
    assert status_of(as_user, secured, "ivan", passwords["ivan"], "produce", topic, "--timeout",
                     "10", stdin="c\n") == 5
    read = as_user(secured, "ivan", passwords["ivan"], "consume", "ads.clicks..shown",
                   "--from-beginning", "--count", 2)
    assert read.split() == ["a", "b"]
    quotas = secured.on("quota", "list", "-o", "json")
    assert {"entity": {"user": "ada"}, "quotas": {"producer_byte_rate": 1048576.0}} in quotas
    file.write_text(TEAM.replace("[ada, User:ivan]", "[User:ivan]"))
    left = secured.on(*apply)
    assert {"change": "-", "kind": "group", "what": "g:ads: User:ada"} in left
    assert {"change": "-", "kind": "quota", "what": "ada: producer_byte_rate=1048576"} in left
    eventually(lambda: status_of(as_user, secured, "ada", passwords["ada"], "produce", topic,
                                 "--timeout", "10", stdin="d\n") == 5)


@pytest.fixture(name="apply")
def make_apply(secured, tmp_path):
    """Applies the text as a team's file: what it says that it did, which a dry run said before."""
    def apply(text):
        file = tmp_path / "team.yaml"
        file.write_text(text)
        words = ("team", "apply", "-f", file, "-o", "json")
        wanted = secured.on(*words, "--dry-run")
        assert secured.on(*words) == wanted
        assert secured.on(*words) == []
        assert secured.on("team", "apply", "-f", file) == (
            "0 changes: the region agrees with the file\n")
        return {(one["change"], one["kind"], one["what"]) for one in wanted}
    return apply


def policy(region, stream):
    return region.on("stream", "info", stream, "-o", "json")


def test_what_a_team_file_names_no_more_is_taken_away(secured, apply):
    names = ("drew", "dana")
    passwords = {name: make_user(secured, name) for name in names}
    apply("""\
team: dig
principals: [drew, dana]
groups: [dig, diggers]
prefix: dig.
streams:
  /dig/a: {produce: "g:dig", consume: "g:diggers", ttl: 7d, autocreate: true, ace.mode: additive}
  /dig/b: {produce: "g:dig", topics: "g:dig", autocreate: true}
quotas: {producer_byte_rate: 1048576, consumer_byte_rate: 2097152}
""")
    as_user(secured, "drew", passwords["drew"], "produce", "/dig/b:kept", stdin="x\n")
    as_user(secured, "dana", passwords["dana"], "topic", "create", "dig.plain")
    done = apply("""\
team: dig
principals: [drew]
prefix: dug.
streams:
  /dig/a: {produce: "g:dig"}
quotas: {producer_byte_rate: 1048576}
""")
    assert {("-", "group", "g:dig: User:dana"), ("-", "group", "g:diggers: User:dana"),
            ("-", "group", "g:diggers: User:drew"),
            ("-", "quota", "dana: producer_byte_rate=1048576"),
            ("-", "quota", "dana: consumer_byte_rate=2097152"),
            ("-", "quota", "drew: consumer_byte_rate=2097152"),
            ("-", "stream", "/dig/a ttl: 604800"), ("-", "stream", "/dig/a autocreate: true"),
            ("~", "stream", "/dig/a ace.mode: additive -> enforce"),
            ("-", "rule", "User:drew may ALL topics dig.*"),
            ("-", "rule", "User:dana may ALL topics dig.*"),
            ("+", "rule", "User:drew may ALL topics dug.*")} <= done, done
    left, = (what for change, kind, what in done if change == "=")
    assert left.startswith("/dig/b and its 1 topics are left to ")
    assert "gyre stream delete /dig/b" in left
    assert not any("dig.plain" in what or "kept" in what for _, _, what in done)
    # What is true of it.
    assert policy(secured, "/dig/a")["settings"] == {}
    assert "diggers" not in policy(secured, "/dig/a")["policy"]["consume"]
    for name, topic in (("drew", "/dig/b:kept"), ("dana", "dig.plain"), ("drew", "dig.plain")):
        eventually(lambda name=name, topic=topic: status_of(
            as_user, secured, name, passwords[name], "produce", topic, "--timeout", "10",
            stdin="y\n") == 5)
    assert secured.values("dig.b..kept") == ["x"]
    quotas = secured.on("quota", "list", "-o", "json")
    assert {"entity": {"user": "drew"}, "quotas": {"producer_byte_rate": 1048576.0}} in quotas
    assert not any(one["entity"] == {"user": "dana"} for one in quotas)
    # A team of nobody has nothing.
    done = apply("team: dig\n")
    assert ("-", "group", "g:dig: User:drew") in done
    assert ("-", "rule", "User:drew may ALL topics dug.*") in done
    assert secured.on("quota", "list", "--for-user", "drew", "-o", "json") == []


def test_a_team_changes_nothing_of_another_team(secured, apply):
    apply("team: one\nprincipals: [xena]\nquotas: {producer_byte_rate: 1000}\n")
    apply("team: two\nprincipals: [xena, yuri]\nquotas: {consumer_byte_rate: 2000}\n")
    apply("team: one\n---\nteam: two\nprincipals: [xena, yuri]\n"
          "quotas: {consumer_byte_rate: 2000}\n")
    assert secured.on("quota", "list", "--for-user", "xena", "-o", "json") == [
        {"entity": {"user": "xena"}, "quotas": {"consumer_byte_rate": 2000.0}}]


def test_a_team_is_where_its_regions_are(apply):
    team = "team: far\nprincipals: [fay]\nprefix: far.\n"
    assert apply(team + "regions: [elsewhere]\n") == set()
    there = apply(team + "regions: [elsewhere, local]\n")
    assert ("+", "group", "g:far: User:fay") in there
    assert ("+", "rule", "User:fay may ALL topics far.*") in there
    gone = apply(team + "regions: [elsewhere]\n")
    assert {(change, what) for change, _, what in gone} == {
        ("-", what) for _, _, what in there}


def test_a_user_called_admin_administers_where_nobody_else_does(own_region):
    region = own_region(brokers=1, listeners=["SASL_PLAINTEXT"], users={"admin": "told-by-us"})
    assert "told-by-us" in (region.dir / "client.properties").read_text()
    region.on("topic", "create", "clicks")
    assert [one["user"] for one in region.on("user", "list", "-o", "json")] == ["admin"]


@pytest.mark.parametrize("text,line,complaint", [
    ("team: x\nprincipal: [a]\n", 2, "'principal' is none of"),
    ("team: x\nprincipals: [a]\nprincipals: [b, c, d]\n", 3, "'principals' is said twice"),
    ("team: x\nstreams:\n  /a/b:\n  /a/c:\n  /a/b: {ttl: 7d}\n", 5, "'/a/b' is said twice"),
    (f"team: {'x' * 201}\n", 1, "the team's name is longer than 200 bytes"),
], ids=["key", "twice", "stream", "name"])
def test_a_team_file_that_is_wrong_is_named_with_its_line(secured, tmp_path, text, line, complaint):
    file = tmp_path / "team.yaml"
    file.write_text(text)
    with pytest.raises(CommandFailed) as failure:
        secured.on("team", "apply", "-f", file)
    assert failure.value.status == 1
    assert f"{file}:{line}: {complaint}" in failure.value.output


def test_quotas_are_set_listed_and_removed(secured):
    secured.on("quota", "set", "--for-user", "quinn", "producer_byte_rate=1M", "request_percentage=50")
    listed = secured.on("quota", "list", "--for-user", "quinn", "-o", "json")
    assert listed == [{"entity": {"user": "quinn"}, "quotas": {
        "producer_byte_rate": 1048576.0, "request_percentage": 50.0}}]
    secured.on("quota", "set", "--for-user", "quinn", "--delete", "producer_byte_rate", "--delete",
               "request_percentage")
    assert secured.on("quota", "list", "--for-user", "quinn", "-o", "json") == []
    assert status_of(secured.on, "quota", "set", "--for-user", "quinn", "no_such_quota=1") == 1
    assert "--ip" not in secured.gyre("quota", "set", "--help").split()


def test_a_named_administrator_without_a_password_gets_one(own_region):
    region = own_region(brokers=1, listeners=["SASL_PLAINTEXT"], users={"alice": "a"},
                        super_users=["root"])
    region.on("user", "list")


def test_given_users_and_administrators_are_there(own_region):
    region = own_region(brokers=1, listeners=["SASL_PLAINTEXT", "PLAINTEXT"],
                        users={"alice": "a:b", "root": "r"}, super_users=["root", "ANONYMOUS"])
    run(BIN / "gyre", "topic", "create", "t", "--bootstrap-server", region.addresses("PLAINTEXT"))
    as_user(region, "root", "r", "user", "list")
    assert status_of(as_user, region, "alice", "a:b", "user", "list", "--timeout", "10") == 5
    region.down()
    region.up()
    as_user(region, "root", "r", "topic", "describe", "t")

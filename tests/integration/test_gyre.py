# SPDX-License-Identifier: Apache-2.0
"""The command `gyre` against a region: what it prints, and the exit statuses scripts rely on."""
import concurrent.futures
import json
import pathlib
import re
import socket
import subprocess
import urllib.request

import pytest
from kafka_relay import Relay
from region import BIN, CommandFailed, eventually, free_port, run


def status_of(*words, **options):
    try:
        run(BIN / "gyre", *words, **options)
    except CommandFailed as failure:
        return failure.status
    return 0


def test_a_topic_lives_from_create_to_delete(region, topic):
    made = region.on("topic", "create", topic, "--partitions", 4, "--replication-factor", 3,
                     "--config", "retention.ms=86400000", "-o", "json")
    assert (made["partitions"], made["replication_factor"]) == (4, 3)
    assert topic in [one["name"] for one in region.on("topic", "list", "-o", "json")]
    region.on("topic", "alter", topic, "--partitions", 6, "--config", "retention.bytes=1000000",
              "--delete-config", "retention.ms")
    described, = region.on("topic", "describe", topic, "-o", "json")
    assert [part["partition"] for part in described["partitions"]] == list(range(6))
    assert described["configs"] == {"retention.bytes": "1000000"}
    assert described["topic_id"] == made["topic_id"]
    region.on("topic", "delete", topic)
    assert topic not in [one["name"] for one in region.on("topic", "list", "-o", "json")]


def test_programs_are_told_what_was_done(region, topic):
    other = topic + "-other"
    for name in (topic, other):
        region.on("topic", "create", name)
    said = region.on("topic", "create", topic, "--if-not-exists", "-o", "json")
    assert said == {"topic": topic, "result": "found"}
    said = region.on("topic", "alter", topic, "--partitions", 4, "-o", "json")
    assert said == {"topic": topic, "result": "altered"}
    assert region.on("topic", "delete", topic, "no-such-topic", other, "--if-exists", "-o",
                     "json") == [{"topic": topic, "result": "deleted"},
                                 {"topic": "no-such-topic", "result": "missing"},
                                 {"topic": other, "result": "deleted"}]
    said = region.on("quota", "set", "--for-user", topic, "producer_byte_rate=1000000", "-o",
                     "json")
    assert said["result"] == "changed" and topic in said["quotas"]


def test_the_health_of_a_whole_region_is_good(region, topic):
    region.on("topic", "create", topic, "--partitions", 3)
    health = eventually(lambda: region.on("cluster", "health", "-o", "json"))
    assert health["healthy"] is True
    assert health["brokers"] == 3
    assert health["cluster_id"] == region.state["regions"][0]["cluster_id"]


def test_a_region_without_one_broker_is_unhealthy(own_region, topic):
    region = own_region()
    region.on("topic", "create", topic, "--partitions", 3, "--replication-factor", 3)
    region.kill(2)
    eventually(lambda: status_of("cluster", "health", "--bootstrap-server",
                                 region.address(0)) == 3)
    words = ["cluster", "health", "--bootstrap-server", region.address(0)]
    said = eventually(lambda: lagging_of(words))
    assert [one["node_id"] for one in said] == [2] and said[0]["partitions"] >= 3
    assert "broker 2 is not in sync in" in region.gyre(*words, check=False)
    region.start(2)
    eventually(lambda: status_of("cluster", "health", "--bootstrap-server",
                                 region.address(0)) == 0)


def lagging_of(words):
    return json.loads(run(BIN / "gyre", *words, "-o", "json", check=False))["lagging"]


def test_dev_up_says_what_it_does_not_change_in_a_directory_in_use(own_region):
    region = own_region(brokers=1)
    again = [BIN / "gyre", "dev", "up", "--dir", region.dir]
    for words, said in (((), ""), (("--brokers", "3"), "stays as it is: regions 1, brokers 1"),
                        (("--plaintext",), ""),
                        (("--listeners", "SASL_SSL"), "keeps the listeners and administrators"),
                        (("--super-user", "bob"), "keeps the listeners and administrators"),
                        (("--user", "bob:secret"), "`gyre user` makes them"),
                        (("--set", "num.partitions=4"), "not those of --set")):
        done = subprocess.run([*map(str, again), *words], capture_output=True, text=True,
                              timeout=60, check=True)
        assert said in done.stderr and bool(said) == bool(done.stderr)
    assert len(region.status()) == 1


@pytest.mark.parametrize("setting, status, said", [
    ("num.partition=4", 1, "did you mean 'num.partitions'?"),
    ("1:num.partitions=0", 1, "must be at least 1, is 0"),
    ("2:num.partitions=4", 2, "is of no broker: they are 0 to 1"),
    ("-1:num.partitions=4", 2, "is of no broker"),
])
def test_dev_up_refuses_properties_before_the_directory_keeps_them(tmp_path, setting, status,
                                                                   said):
    up = [BIN / "gyre", "dev", "up", "--dir", tmp_path, "--brokers", 2, "--plaintext",
          "--port", free_port(2)]
    done = subprocess.run([*map(str, up), f"--set={setting}"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == status and said in done.stderr
    assert not (tmp_path / "dev.json").exists()
    assert not [log for log in tmp_path.rglob("gyred.log")]


@pytest.mark.parametrize("setting, said", [
    ("sasl.enabled.mechanisms=FOO", "'FOO' is not known"),
    ("sasl.enabled.mechanisms=OAUTHBEARER", "'OAUTHBEARER' is not known or lacks its options"),
    ("listener.name.sasl_ssl.ssl.principal.mapping.rules=RULE:(/x/", "listener 'SASL_SSL': "),
    ("super.users=admin", "'admin' is no principal"),
])
def test_dev_up_refuses_what_a_protected_broker_would_not_start_with(tmp_path, setting, said):
    up = [BIN / "gyre", "dev", "up", "--dir", tmp_path, "--brokers", 1, "--port", free_port(1)]
    done = subprocess.run([*map(str, up), f"--set={setting}"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 1 and said in done.stderr
    assert not (tmp_path / "dev.json").exists()


def test_the_address_of_the_console_answers_with_where_to_look(region):
    address = region.state["regions"][0]["console"]
    with urllib.request.urlopen(address, timeout=10) as page:
        assert page.status == 200 and b'href="/readyz"' in page.read()


def test_consume_until_the_end_gives_up_when_nobody_brings_more(own_region, topic):
    """The pipe is full while the broker dies: records are there that nobody can bring."""
    region = own_region(brokers=1)
    region.on("topic", "create", topic)
    lines = "".join(f"{i} {'x' * 1000}\n" for i in range(20000))
    region.on("produce", topic, stdin=lines)
    words = [BIN / "gyre", "consume", topic, "--from-beginning", "--exit", "--timeout", "2",
             "--bootstrap-server", region.bootstrap]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as consumer:
        assert consumer.stdout.read(1000)
        region.kill(0)
        rest, said = consumer.communicate(timeout=60)
    assert consumer.returncode == 4, said
    assert rest.count(b"\n") < 20000


def leaders(region, topic):
    return leaders_at(region, topic, ["--bootstrap-server", region.bootstrap])


def leaders_at(region, topic, place):
    described, = json.loads(region.gyre("topic", "describe", topic, "-o", "json", *place))
    return {part["partition"]: part["leader"] for part in described["partitions"]}


def test_consume_ends_with_the_last_record_whoever_else_is_silent(own_region, topic):
    region = own_region(brokers=2)
    region.on("topic", "create", topic, "--partitions", 2, "--replication-factor", 1)
    leader_of = leaders(region, topic)
    assert set(leader_of.values()) == {0, 1}
    region.produce(topic, ["one"], partition=0)
    region.kill(leader_of[1], "STOP")
    assert region.gyre("consume", topic, "--offset", 0, "--count", 1, "--bootstrap-server",
                       region.address(leader_of[0]), timeout=20) == "one\n"


def test_dev_kill_sends_a_hangup_that_a_broker_survives(own_region):
    region = own_region(brokers=1)
    region.kill(0, "HUP")
    assert region.status() == {0: "ready"}


def test_dev_kill_asks_a_paused_broker_to_end_as_any_other(own_region):
    region = own_region(brokers=1)
    region.kill(0, "STOP")
    assert region.status() == {0: "paused"}
    region.gyre("dev", "kill", "--dir", region.dir, "--broker", 0, "--signal", "TERM",
                "--timeout", 30)
    assert region.status() == {0: "stopped"}


def test_lines_of_stdin_come_out_of_consume(region, topic):
    region.on("produce", topic, "--key-separator", ":", stdin="a:1\nb:2\nc:3\nwithout\n")
    lines = region.gyre("consume", topic, "--from-beginning", "--exit", "-o", "json",
                        "--bootstrap-server", region.bootstrap).splitlines()
    found = sorted((record["key"] or "", record["value"]) for record in map(json.loads, lines))
    assert found == [("", "without"), ("a", "1"), ("b", "2"), ("c", "3")]


@pytest.mark.parametrize("words", [
    ["consume", "--from-beginning", "--exit"], ["consume", "--from-beginning", "--count", "3"],
    ["consume", "--from-beginning", "--exit", "-o", "json"], ["topic", "describe", "-o", "json"]],
    ids=["exit", "count", "json", "describe"])
def test_what_standard_output_did_not_take_is_a_failure(region, topic, words):
    region.produce(topic, ["one", "two", "three"])
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BIN / "gyre", *words, topic, "--bootstrap-server",
                               region.bootstrap], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=60, check=False)
    assert done.returncode == 1
    assert "not everything could be written to standard output" in done.stderr


def test_who_reads_no_further_ends_a_command_by_its_status(region, topic):
    region.produce(topic, ["one", "two", "three"])
    with subprocess.Popen([BIN / "gyre", "consume", topic, "--from-beginning", "--exit",
                           "--bootstrap-server", region.bootstrap], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as command:
        command.stdout.close()
        said = command.stderr.read()
        status = command.wait(timeout=60)
    assert status == 1  # not by a signal: brokers hang up, too
    assert "not everything could be written to standard output" in said


def test_keys_go_where_other_clients_send_them(region, topic):
    region.on("topic", "create", topic, "--partitions", 8)
    region.on("topic", "create", f"{topic}-2", "--partitions", 8)
    lines = "".join(f"key-{i}:{i}\n" for i in range(100))
    region.on("produce", topic, "--key-separator", ":", stdin=lines)
    region.kcat("-P", "-t", f"{topic}-2", "-K", ":", "-X", "partitioner=murmur2_random",
                stdin=lines)
    places = [{(record["key"], record["partition"]) for record in region.consume(name)}
              for name in (topic, f"{topic}-2")]
    assert places[0] == places[1]


def test_a_group_shows_its_lag(region, topic):
    region.produce(topic, [str(i) for i in range(100)], partition=0)
    region.kcat("-G", f"group-{topic}", topic, "-q", "-c", "40", "-X",
                "auto.offset.reset=earliest")
    group = region.on("group", "describe", f"group-{topic}", "-o", "json")
    assert group["state"] == "Empty"
    assert [(row["partition"], row["committed"], row["end"], row["lag"])
            for row in group["offsets"] if row["committed"] > 0] == [(0, 40, 100, 60)]
    assert f"group-{topic}" in [one["group"] for one in region.on("group", "list", "-o", "json")]
    region.on("group", "delete", f"group-{topic}")
    assert f"group-{topic}" not in [one["group"]
                                    for one in region.on("group", "list", "-o", "json")]


def test_groups_are_shown_although_a_broker_has_just_fallen_silent(own_region, topic):
    region = own_region()
    region.produce(topic, ["one", "two"])
    groups_of = {}
    for i in range(30):
        region.kcat("-G", f"group-{i}", topic, "-q", "-c", "2", "-X", "auto.offset.reset=earliest")
        coordinator = region.on("group", "describe", f"group-{i}", "-o", "json")["coordinator"]
        groups_of.setdefault(coordinator, []).append(f"group-{i}")
        if len(groups_of) == 3:
            break
    dead, alive = 1, region.address(0)
    region.kill(dead, "STOP")
    described = json.loads(region.gyre("group", "describe", groups_of[dead][0], "-o", "json",
                                       "--bootstrap-server", alive, timeout=25))
    assert described["coordinator"] != dead
    assert [row["committed"] for row in described["offsets"]] == [2]
    region.start(dead)
    eventually(lambda: region.status()[dead] == "ready")
    region.kill(2)
    listed = json.loads(region.gyre("group", "list", "-o", "json", "--bootstrap-server", alive,
                                    timeout=30))
    assert {row["group"] for row in listed} == {one for of in groups_of.values() for one in of}
    assert {row["coordinator"] for row in listed} <= {0, 1}


def test_a_partition_without_a_leader_hides_no_other(own_region, topic):
    region = own_region()
    region.on("topic", "create", topic, "--partitions", 3, "--replication-factor", 1)
    leader_of = leaders(region, topic)
    assert set(leader_of.values()) == {0, 1, 2}
    for partition in range(3):
        region.produce(topic, ["one", "two"], partition=partition)
    region.kcat("-G", "group", topic, "-q", "-c", "6", "-X", "auto.offset.reset=earliest")
    there = ["--bootstrap-server", region.address(leader_of[0])]
    region.kill(leader_of[2])
    eventually(lambda: leaders_at(region, topic, there)[2] not in (0, 1, 2))
    assert region.gyre("consume", topic, "--partition", 0, "--from-beginning", "--exit", *there,
                       timeout=20) == "one\ntwo\n"
    group = json.loads(region.gyre("group", "describe", "group", "-o", "json", *there, timeout=30))
    ends = {row["partition"]: (row["committed"], row["end"], row["lag"])
            for row in group["offsets"]}
    assert ends == {0: (2, 2, 0), 1: (2, 2, 0), 2: (2, -1, -1)}


def test_bench_writes_and_reads_as_many_as_it_was_told(region, topic):
    region.on("topic", "create", topic, "--partitions", 2)
    result = region.on("bench", topic, "--records", 20000, "-o", "json")
    assert (result["written"], result["read"]) == (20000, 20000)


def test_bench_gives_up_when_nobody_brings_what_it_wrote(own_region, topic):
    region = own_region(brokers=1)
    region.on("topic", "create", topic)
    region.on("quota", "set", "--for-default-client", "consumer_byte_rate=2000000")
    words = [BIN / "gyre", "bench", topic, "--records", "60000", "--size", "1000", "--timeout", "6",
             "--bootstrap-server", region.bootstrap]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True) as bench:
        try:
            assert any(line.startswith("read ") for line in bench.stderr)
            region.kill(0, "STOP")
            _, said = bench.communicate(timeout=30)
        finally:
            bench.kill()
    assert (bench.returncode, "no more of what is there came" in said) == (4, True), said


@pytest.mark.parametrize("words, status", [
    (["topic", "create", "a/b:c"], 1),
    (["topic", "describe", "there-is-no-such-topic"], 1),
    (["topic", "delete", "there-is-no-such-topic"], 1),
    (["topic", "create"], 2),
    (["topic", "frobnicate"], 2),
    (["topic", "create", "x", "--partitions", "many"], 2),
    (["nonsense"], 2),
    (["topic", "--help"], 0),
    (["topic", "create", "--help"], 0),
])
def test_the_exit_status_tells_what_happened(region, words, status, monkeypatch):
    monkeypatch.setenv("GYRE_BOOTSTRAP_SERVER", region.bootstrap)
    assert status_of(*words) == status


def leaves(*words):
    """Every command that has no commands below it, from what --help lists."""
    text = run(BIN / "gyre", *words, "--help")
    below = re.search(r"^Commands:\n((?:  \S.*\n)+)", text, re.M)
    if below is None:
        return [(words, text)]
    return [leaf for line in below.group(1).splitlines()
            for leaf in leaves(*words, line.split()[0])]


def groups(*words):
    """Every command that has commands below it."""
    return sorted({words[:length] for words, _ in leaves() for length in range(len(words))})


def test_every_group_of_commands_shows_examples_that_are_commands():
    known = {words for words, _ in leaves()}
    for words in groups():
        text = run(BIN / "gyre", *words, "--help")
        examples = re.search(r"^Examples:\n((?:  .*\n)+)", text, re.M)
        assert examples, words
        for line in examples.group(1).splitlines():
            called = tuple(line.split("gyre ", 1)[1].split())
            assert called[:len(words)] == words
            assert any(called[:len(leaf)] == leaf for leaf in known), line


def test_every_command_shows_an_example_and_refuses_strange_options():
    found = leaves()
    assert len(found) > 30
    for words, text in found:
        assert re.search(rf"Examples?:\n(  .*\n)*  .*gyre {' '.join(words)}\b", text), words
        assert status_of(*words, "--no-such-option") == 2, words


def test_nobody_answering_is_a_timeout():
    assert status_of("topic", "list", "--bootstrap-server", f"127.0.0.1:{free_port(1)}",
                     "--timeout", "1") == 4


NO_COORDINATOR, NOT_CONTROLLER = 15, 41


@pytest.mark.parametrize("words,api,said", [
    (["group", "delete", "g"], "FindCoordinator", {"error_code": NO_COORDINATOR}),
    (["group", "describe", "g"], "FindCoordinator", {"error_code": NO_COORDINATOR}),
    (["user", "create", "u"], "AlterUserScramCredentials", {"results": [
        {"user": "u", "error_code": NOT_CONTROLLER, "error_message": None}]}),
    (["quota", "set", "--for-user", "u", "producer_byte_rate=1"], "AlterClientQuotas", {"entries": [
        {"error_code": NOT_CONTROLLER, "error_message": None, "entity": []}]}),
], ids=["delete", "describe", "user", "quota"])
def test_who_waited_in_vain_is_told_that_time_ran_out(region, words, api, said):
    asked = []

    def answer(name):
        asked.append(name)
        return said if name == api else None

    with Relay(region.address(0), answer) as relay:
        assert status_of(*words, "--bootstrap-server", relay.address, "--timeout", 2,
                         stdin="secret\n") == 4
    assert asked.count(api) > 1


@pytest.mark.parametrize("address,why", [
    ("127.0.0.1:1", "127.0.0.1:1 cannot be reached: connection refused"),
    ("no-such-host.invalid:9092", "no-such-host.invalid:9092 cannot be resolved"),
])
def test_the_reason_why_nobody_answers_is_told(address, why):
    done = subprocess.run([BIN / "gyre", "topic", "list", "--bootstrap-server", address,
                           "--timeout", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert why in done.stderr


def test_a_region_whose_ports_are_taken_does_not_start(region, tmp_path):
    """Neither in part, nor does it take the region that answers there for itself."""
    with pytest.raises(CommandFailed) as failure:
        region.gyre("dev", "up", "--dir", tmp_path, "--brokers", 1, "--port", region.port,
                    "--plaintext")
    assert failure.value.status == 1
    cluster_id = region.state["regions"][0]["cluster_id"]
    assert f"another region, {cluster_id}, answers" in failure.value.output
    assert not list(tmp_path.iterdir())
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(CommandFailed) as failure:
            region.gyre("dev", "up", "--dir", tmp_path / "b", "--brokers", 1, "--plaintext",
                        "--port", other.getsockname()[1])
    assert "is taken by another process" in failure.value.output


def test_dev_status_tells_states(own_region):
    region = own_region(brokers=2, first_node_id=7)
    assert region.status() == {7: "ready", 8: "ready"}
    region.kill(8)
    assert region.status() == {7: "ready", 8: "stopped"}
    region.start(8)
    region.kill(8, "STOP")
    assert region.status()[8] == "paused"
    region.start(8)
    assert eventually(lambda: region.status()[8] == "ready")
    region.down()
    assert region.status() == {7: "stopped", 8: "stopped"}


def test_a_broker_may_listen_on_a_name_everywhere(tmp_path):
    port = free_port(brokers=1)
    conf = tmp_path / "broker.conf"
    conf.write_text(f"node.id=0\nlog.dirs={tmp_path / 'data'}\n"
                    f"listeners=PLAINTEXT://localhost:{port}\n"
                    f"gyre.admin.listeners=localhost:{port + 40}\n")
    run(BIN / "gyred", "--check-config", conf)
    run(BIN / "gyred", "format", conf)
    with (tmp_path / "log").open("w") as log, \
            subprocess.Popen([BIN / "gyred", conf], stdout=log, stderr=log) as broker:
        try:
            eventually(lambda: run(
                BIN / "gyre", "topic", "create", "named", "--if-not-exists", "--partitions", 1,
                "--replication-factor", 1, "--bootstrap-server", f"localhost:{port}", "--timeout",
                5, "-o", "json"))
            for offset in (20, 40):
                socket.create_connection(("localhost", port + offset), timeout=5).close()
        finally:
            broker.terminate()
        assert broker.wait(60) == 0, (tmp_path / "log").read_text()


def test_a_broker_leaves_no_core_file(region):
    for pid in region.pids():
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits)


def test_dev_tells_programs_what_is_now(own_region):
    region = own_region(brokers=1)

    def states(*words):
        state = json.loads(region.gyre("dev", *words, "--dir", region.dir, "-o", "json"))
        return [broker["state"] for broker in state["regions"][0]["brokers"]]

    assert states("kill", "--broker", 0) == ["stopped"]
    assert states("start", "--broker", 0) == ["ready"]
    assert states("down") == ["stopped"]


def test_brokers_are_started_once_however_many_start_them(own_region):
    region = own_region(brokers=3)
    before = region.pids()
    for node_id in range(3):
        region.kill(node_id)
    verbs = [("up",), ("start", "--broker", 0), ("start", "--broker", 1), ("start", "--broker", 2)]
    with concurrent.futures.ThreadPoolExecutor() as at_once:
        done = [at_once.submit(region.gyre, "dev", *verb, "--dir", region.dir, timeout=60)
                for verb in verbs * 2]
    for one in done:
        one.result()
    assert set(region.status().values()) == {"ready"}
    assert len(region.pids()) == 3
    assert not set(before) & set(region.pids())

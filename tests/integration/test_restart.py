# SPDX-License-Identifier: Apache-2.0
"""Brokers stop, die and come back; what was acknowledged stays."""
import subprocess

import pytest
from region import BIN, eventually, free_port


def numbered(begin, end):
    return [f"{i:08}" for i in range(begin, end)]


def test_a_restarted_broker_keeps_its_records(own_region, topic):
    region = own_region(brokers=1)
    region.produce(topic, numbered(0, 1000))
    region.down()
    region.up()
    assert region.values(topic) == numbered(0, 1000)


def test_a_killed_broker_keeps_its_records(own_region, topic):
    region = own_region(brokers=1)
    for begin in range(0, 3000, 1000):
        region.produce(topic, numbered(begin, begin + 1000))
        region.kill(0)
        region.start(0)
    assert region.values(topic) == numbered(0, 3000)


def test_killing_any_leader_loses_nothing(own_region, topic):
    region = own_region()
    region.produce(topic, numbered(0, 500), partition=0)
    for round_number in range(1, 4):
        leader = region.leader(topic)
        region.kill(leader)
        begin = round_number * 500
        region.produce(topic, numbered(begin, begin + 500), partition=0,
                       settings=["enable.idempotence=true"])
        region.start(leader)
    records = region.consume(topic, partition=0)
    assert [record["payload"] for record in records] == numbered(0, 2000)
    assert [record["offset"] for record in records] == list(range(2000))


def test_killing_all_brokers_at_once_loses_nothing(own_region, topic):
    region = own_region()
    region.produce(topic, numbered(0, 2000))
    for node_id in region.node_ids:
        region.kill(node_id)
    region.up()
    assert region.values(topic) == numbered(0, 2000)


# Not kcat: it gives up by itself whenever librdkafka sees no broker for a moment. Debian's own
# Python has librdkafka's binding (python3-confluent-kafka).
PRODUCER = """
import sys
from confluent_kafka import Producer

errors = []
producer = Producer({"bootstrap.servers": sys.argv[1], "enable.idempotence": True, "linger.ms": 5})
for line in sys.stdin:
    producer.produce(sys.argv[2], line.strip(),
                     callback=lambda error, _: error and errors.append(str(error)))
    producer.poll(0)
left = producer.flush(60)
print(left, errors, file=sys.stderr)
sys.exit(1 if left or errors else 0)
"""


def test_a_rolling_restart_shows_a_producer_no_error(own_region, topic):
    region = own_region()
    region.gyre("topic", "create", topic, "--partitions", 3, "--replication-factor", 3,
                "--bootstrap-server", region.bootstrap)
    with subprocess.Popen(["/usr/bin/python3", "-c", PRODUCER, region.bootstrap, topic],
                          stdin=subprocess.PIPE, text=True) as producer:
        sent = 0
        for node_id in region.node_ids:
            for _ in range(5):
                producer.stdin.write("".join(f"{v}\n" for v in numbered(sent, sent + 200)))
                producer.stdin.flush()
                sent += 200
            region.kill(node_id, "TERM")
            region.start(node_id)
        producer.stdin.close()
        assert producer.wait(60) == 0
    assert region.values(topic) == numbered(0, sent)


def test_a_paused_leader_is_replaced(own_region, topic):
    region = own_region()
    region.produce(topic, numbered(0, 100), partition=0)
    leader = region.leader(topic)
    region.kill(leader, "STOP")
    others = ",".join(region.address(one) for one in region.node_ids if one != leader)
    region.kcat("-b", others, "-P", "-t", topic, "-p", "0",
                stdin="".join(f"{v}\n" for v in numbered(100, 200)))
    region.kill(leader, "CONT")
    eventually(lambda: len(region.values(topic)) == 200)
    assert region.values(topic) == numbered(0, 200)


def on_other_ports(conf, *settings):
    """A gyred with this file, on ports of its own; what it said until its end."""
    port = free_port(brokers=1)
    words = [BIN / "gyred", conf]
    for setting in (f"listeners=PLAINTEXT://127.0.0.1:{port}",
                    f"gyre.rpc.listeners=127.0.0.1:{port + 20}",
                    f"gyre.admin.listeners=127.0.0.1:{port + 40}", *settings):
        words += ["--override", setting]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("is_handed_over", [True, False])
def test_a_stop_hands_leaderships_over_unless_it_is_told_not_to(own_region, topic, is_handed_over):
    region = own_region(settings=[f"controlled.shutdown.enable={str(is_handed_over).lower()}"])
    region.produce(topic, numbered(0, 100))
    region.kill(0, "TERM")
    log = (region.home(0) / "gyred.log").read_text()
    assert ("drained" in log) == is_handed_over
    region.start(0)
    assert region.values(topic) == numbered(0, 100)


def test_a_second_process_leaves_a_data_directory_in_use_alone(own_region, topic):
    region = own_region(brokers=1)
    region.produce(topic, numbered(0, 1000))
    second = on_other_ports(region.home(0) / "broker.conf")
    assert second.returncode == 1
    assert "another process uses the data directory" in second.stdout + second.stderr
    region.produce(topic, numbered(1000, 2000))
    region.kill(0)
    region.start(0)
    assert region.values(topic) == numbered(0, 2000)
    assert "damaged" not in region.logs(1000)


def test_a_broker_of_another_region_is_refused_with_what_to_do(own_region, tmp_path):
    region = own_region(brokers=1)
    conf = tmp_path / "broker.conf"
    conf.write_text(f"node.id=7\nlog.dirs={tmp_path / 'data'}\n"
                    f"gyre.seed.servers=127.0.0.1:{region.broker(0)['rpc_port']}\n")
    subprocess.run([BIN / "gyred", "format", "--cluster-id", "AAAAAAAAAAAAAAAAAAAAAQ", conf],
                   check=True, capture_output=True, timeout=30)
    stranger = on_other_ports(conf)
    assert stranger.returncode == 1
    said = stranger.stdout + stranger.stderr
    assert "a seed is of another region" in said and "correct gyre.seed.servers" in said
    assert region.status() == {0: "ready"}


def test_a_group_goes_on_where_it_was_after_its_coordinator_died(own_region, topic):
    region = own_region()
    region.produce(topic, numbered(0, 300), partition=0)
    words = ["-G", "readers", topic, "-q", "-X", "auto.offset.reset=earliest", "-X",
             "session.timeout.ms=6000"]
    first = region.kcat(*words, "-c", "100").splitlines()
    coordinator = region.on("group", "describe", "readers", "-o", "json")["coordinator"]
    region.kill(coordinator)
    second = region.kcat(*words, "-c", "200").splitlines()
    assert first + second == numbered(0, 300)


@pytest.mark.parametrize("setting, word", [("gyre.nosuch=1", "gyre.nosuch"),
                                           ("listeners=nonsense", "listeners")])
def test_a_wrong_configuration_is_refused_with_its_name(own_region, setting, word):
    with pytest.raises(AssertionError) as refusal:
        own_region(brokers=1, settings=[setting])
    assert word in str(refusal.value)

# SPDX-License-Identifier: Apache-2.0
"""How a region begins: `gyred format`, what it makes, and the first users that it leaves for the
region to take up; and the seeds, which form the region.
"""
import subprocess

import pytest

from region import BIN, eventually, free_port


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "broker.conf"
    path.write_text(f"node.id=7\nlog.dirs={tmp_path / 'data'}\n")
    return path


def format_with(conf, *words, stdin=""):
    return subprocess.run([BIN / "gyred", "format", *words, conf], input=stdin, text=True,
                          capture_output=True, timeout=30, check=False)


def test_the_first_users_lie_in_a_file_of_their_own_without_passwords(conf, tmp_path):
    done = format_with(conf, "--add-scram", "alice", "--add-scram",
                       "SCRAM-SHA-512=[name=bob,iterations=8192]", stdin="secret-a\nsecret-b\n")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "data" / "first-credentials"
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_bytes()
    assert content.count(b"alice") == 2 and content.count(b"bob") == 1
    assert b"secret" not in content


@pytest.mark.parametrize("user, stdin, reason", [
    ("SCRAM-SHA-512=[name=bob,password=seen]", "x\n", "standard input"),
    ("SCRAM-SHA-1=[name=bob]", "x\n", "SCRAM-SHA-256 or SCRAM-SHA-512"),
    ("SCRAM-SHA-256=[name=bob,iterations=5]", "x\n", "from 4096 to 16384"),
    ("SCRAM-SHA-256=[iterations=4096]", "x\n", "name is missing"),
    ("bob", "", "line of standard input"),
])
def test_a_user_that_makes_no_sense_is_refused_before_anything_is_made(conf, tmp_path, user, stdin,
                                                                       reason):
    done = format_with(conf, "--add-scram", user, stdin=stdin)
    assert done.returncode == 1
    assert reason in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("cluster_id", ["zzz", "AAAAAAAAAAAAAAAAAAAAAA"])
def test_what_is_no_cluster_id_is_refused(conf, tmp_path, cluster_id):
    done = format_with(conf, "--cluster-id", cluster_id)
    assert done.returncode == 1
    assert "not a cluster id" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_directory_in_use_is_not_formatted_again(conf):
    assert format_with(conf).returncode == 0
    again = format_with(conf)
    assert again.returncode == 1
    assert "holds the data of a broker already" in again.stderr


# ---- the seeds ----

# 127.1 is 127.0.0.1, and spelt otherwise than all brokers are advertised.


def test_seeds_form_a_region_however_they_are_spelt(own_region):
    port = free_port() + 20
    seeds = ",".join(f"127.1:{port + i}" for i in range(3))
    region = own_region(port=port - 20, settings=[f"gyre.seed.servers={seeds}"])
    assert region.status() == {node: "ready" for node in region.node_ids}
    region.on("topic", "create", "everywhere", "--replication-factor", "3")


@pytest.fixture
def waiting(tmp_path):
    """A gyred that has nobody to form a region with; its log."""
    port = free_port(brokers=1)
    conf = tmp_path / "broker.conf"
    conf.write_text(f"node.id=7\nlog.dirs={tmp_path / 'data'}\n"
                    f"listeners=PLAINTEXT://127.0.0.1:{port}\n"
                    f"gyre.seed.servers=127.1:{port + 20}\n")
    with open(tmp_path / "log", "w+", encoding="utf-8") as log:
        with subprocess.Popen([BIN / "gyred", conf], stdout=log, stderr=log) as process:
            yield tmp_path / "log"
            process.kill()


def test_a_broker_that_waits_for_the_first_seed_says_how_that_is_spelt(waiting):
    said = eventually(lambda: [line for line in waiting.read_text().splitlines()
                               if "the region is not formed yet" in line])[0]
    assert "first_seed=127.1 " in said and "we_are_advertised_as=127.0.0.1 " in said
    assert "first_seed_is_node=7 " in said


# ---- the cluster id ----

IDS = "AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg"


def run_with(conf, *overrides):
    """What a gyred says that does not start, by its end."""
    words = [word for override in overrides for word in ("--override", override)]
    done = subprocess.run([BIN / "gyred", conf, *words], text=True, capture_output=True,
                          timeout=30, check=False)
    assert done.returncode == 1
    return done.stdout + done.stderr


def test_a_region_gets_the_id_that_it_is_given_and_guards_it(own_region, connect, tmp_path):
    region = own_region(brokers=1, settings=[f"gyre.cluster.id={IDS[0]}"])
    assert connect(region).call("Metadata", 12, topics=[])["cluster_id"] == IDS[0]
    port = free_port(brokers=1)
    conf = tmp_path / "broker.conf"
    conf.write_text(f"node.id=7\nlog.dirs={tmp_path / 'data'}\n"
                    f"listeners=PLAINTEXT://127.0.0.1:{port}\n"
                    f"gyre.seed.servers=127.0.0.1:{region.broker(0)['rpc_port']}\n"
                    f"gyre.cluster.id={IDS[1]}\n")
    assert "the region has another cluster id than gyre.cluster.id" in run_with(conf)
    region.kill(0)
    said = run_with(region.home(0) / "broker.conf", f"gyre.cluster.id={IDS[1]}")
    assert "the data directory belongs to another region" in said and IDS[0] in said
    region.start(0)
    assert region.status() == {0: "ready"}

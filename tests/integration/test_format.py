# SPDX-License-Identifier: Apache-2.0
"""`gyred format`: what it makes, and the first users that it leaves for the region to take up."""
import subprocess

import pytest

from region import BIN


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

# SPDX-License-Identifier: Apache-2.0
"""Users, rules, quotas and the first administrators outlive crashes, leaders and the catalog's store,
and secrets are nowhere to be read."""
import shutil

import pytest

from region import CommandFailed, eventually

ADMIN_PASSWORD = "canary-of-the-administrator"
USER_PASSWORD = "canary-of-a-user"
TOKEN_SECRET = "canary-of-tokens"
CANARIES = [word.encode() for word in (ADMIN_PASSWORD, USER_PASSWORD, TOKEN_SECRET)]


@pytest.fixture
def secured(own_region, tmp_path):
    return own_region(listeners=["SASL_PLAINTEXT"], users={"root": ADMIN_PASSWORD},
                      super_users=["root"],
                      settings=[f"delegation.token.secret.key={TOKEN_SECRET}",
                                f"gyre.audit.file={tmp_path / 'audit'}"])


def fill(region):
    region.on("user", "create", "alice", stdin=f"{USER_PASSWORD}\n")
    region.on("acl", "grant", "--principal", "User:alice", "--operation", "READ", "--topic", "ads.",
              "--prefix")
    region.on("quota", "set", "--for-user", "alice", "producer_byte_rate=1048576")


def knows_all(region):
    users = region.on("user", "list", "-o", "json")
    rules = region.on("acl", "list", "-o", "json")
    quotas = region.on("quota", "list", "-o", "json")
    text = f"{users} {rules} {quotas}"
    return "'root'" in text and "'alice'" in text and "ads." in text and "1048576" in text


def crash(region):
    for node in region.node_ids:
        region.kill(node)


def test_what_was_acknowledged_outlives_a_crash_of_everybody(secured):
    fill(secured)
    crash(secured)
    secured.up()
    assert eventually(lambda: knows_all(secured))


def test_the_stores_can_be_thrown_away(secured):
    fill(secured)
    crash(secured)
    for node in secured.node_ids:
        shutil.rmtree(secured.home(node) / "data" / "catalog")
    secured.up()
    assert eventually(lambda: knows_all(secured))


def test_the_first_credentials_leave_the_disks_of_all_seeds(secured):
    assert "'root'" in str(secured.on("user", "list", "-o", "json"))
    for node in secured.node_ids:
        path = secured.home(node) / "data" / "first-credentials"
        eventually(lambda path=path: not path.exists())


def test_nobody_gets_in_without_a_password(secured):
    with pytest.raises(CommandFailed):
        secured.gyre("topic", "list", "--bootstrap-server", secured.bootstrap, "--timeout", "5")


def test_a_removed_user_is_gone_on_every_broker(secured):
    fill(secured)
    secured.on("user", "delete", "alice")
    for node in secured.node_ids:
        users = secured.gyre("user", "list", "--bootstrap-server", secured.address(node),
                             *secured.credentials)
        assert "root" in users and "alice" not in users


def test_no_secret_is_logged_or_lies_in_a_data_directory(secured, tmp_path):
    fill(secured)
    with pytest.raises(CommandFailed):
        secured.gyre("topic", "list", "--bootstrap-server", secured.bootstrap, "--user", "alice",
                     "--timeout", "5", stdin="wrong-canary-of-a-user\n")
    for node in secured.node_ids:
        files = [path for path in secured.home(node).rglob("*")
                 if path.is_file() and path.name != "broker.conf"]
        assert any(path.name == "gyred.log" for path in files)
        for path in [*files, tmp_path / "audit"]:
            content = path.read_bytes()
            assert not [word for word in CANARIES if word in content], path

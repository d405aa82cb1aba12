# SPDX-License-Identifier: Apache-2.0
"""gyre pki: what it makes is what openssl and the brokers take; what it must not do it refuses."""
import json
import stat

import pytest
from region import BIN, CommandFailed, run


@pytest.fixture
def pki(tmp_path):
    def command(verb, *words):
        return run(BIN / "gyre", "pki", verb, "--dir", tmp_path / "pki", *words)

    command("init", "--name", "An Authority")
    command.path = tmp_path / "pki"
    return command


def show(pki, *names):
    return {one["name"]: one for one in json.loads(pki("show", "-o", "json", *names))}


def fails(pki, *words, match):
    with pytest.raises(CommandFailed, match=match) as failure:
        pki(*words)
    return failure.value.status


def test_openssl_believes_what_is_issued(pki):
    pki("issue", "broker-0", "--broker", "--dns", "localhost", "--ip", "127.0.0.1", "--ip", "::1",
        "--cluster-id", "abc")
    pki("issue", "alice", "--organization", "Gyre", "--days", "3")
    for name, purpose in (("broker-0", "sslserver"), ("broker-0", "sslclient"),
                          ("alice", "sslclient")):
        assert "OK" in run("openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile",
                           pki.path / "ca.crt", pki.path / f"{name}.crt")
    with pytest.raises(CommandFailed):
        run("openssl", "verify", "-purpose", "sslserver", "-CAfile", pki.path / "ca.crt",
            pki.path / "alice.crt")
    shown = show(pki)
    assert shown["ca"]["purpose"] == "authority" and shown["ca"]["subject"] == "CN=An Authority"
    assert shown["broker-0"]["purpose"] == "broker"
    assert shown["broker-0"]["alt_names"] == ["DNS:localhost", "IP:127.0.0.1", "IP:::1",
                                              "URI:gyre:abc"]
    assert shown["alice"]["subject"] == "CN=alice,O=Gyre" and shown["alice"]["days_left"] <= 3
    assert "CN=alice,O=Gyre" in pki("show", "alice")


def test_keys_are_for_their_owner_alone(pki):
    pki("issue", "alice")
    for name in ("ca.key", "alice.key", "alice.pem"):
        assert stat.S_IMODE((pki.path / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(pki.path.stat().st_mode) == 0o700
    assert "PRIVATE KEY" not in (pki.path / "alice.crt").read_text()


def test_certificates_are_renewed_and_revoked(pki):
    pki("issue", "alice", "--days", "5")
    first = show(pki, "alice")["alice"]
    pki("renew", "alice", "--days", "50")
    second = show(pki, "alice")["alice"]
    assert second["subject"] == first["subject"] and second["serial"] != first["serial"]
    assert second["days_left"] > first["days_left"]
    assert "good" in pki("verify", "alice")
    pki("revoke", "alice")
    assert show(pki, "alice")["alice"]["revoked"]
    assert fails(pki, "verify", "alice", match="revoked") == 1
    assert fails(pki, "revoke", "alice", match="already") == 1
    assert second["serial"] in run("openssl", "crl", "-in", pki.path / "ca.crl", "-noout", "-text")


def test_verify_says_what_is_wrong(pki, tmp_path):
    pki("issue", "broker-0", "--broker", "--dns", "localhost")
    pki("issue", "alice")
    assert "good" in pki("verify", "broker-0", "--broker", "--host", "localhost")
    fails(pki, "verify", "broker-0", "--host", "elsewhere", match="ostname mismatch")
    fails(pki, "verify", "alice", "--broker", match="purpose")
    (pki.path / "alice.key").write_text((pki.path / "broker-0.key").read_text())
    fails(pki, "verify", "alice", match="key")
    run(BIN / "gyre", "pki", "init", "--dir", tmp_path / "other")
    run(BIN / "gyre", "pki", "issue", "mallory", "--dir", tmp_path / "other")
    fails(pki, "verify", tmp_path / "other/mallory.crt", match="issuer|signature")


def test_what_would_do_harm_is_refused(pki):
    pki("issue", "alice")
    fails(pki, "init", match="already")
    fails(pki, "issue", "alice", match="already")
    fails(pki, "issue", "ca", match="cannot be the name")
    fails(pki, "issue", "../alice", match="cannot be the name")
    assert fails(pki, "issue", "b", "--broker", match="--dns") == 2
    assert fails(pki, "issue", "b", "--dns", "a,IP:1.2.3.4", match="cannot be a name") == 2
    fails(pki, "renew", "nobody", match="No such file")
    pki("issue", "alice", "--force")


def test_programs_are_told_what_was_made(pki):
    own, = json.loads(run(BIN / "gyre", "pki", "init", "--dir", pki.path / "own", "-o", "json"))
    assert own["name"] == "ca"
    made, = json.loads(pki("issue", "alice", "-o", "json"))
    again, = json.loads(pki("renew", "alice", "-o", "json"))
    assert made["subject"] == again["subject"] == "CN=alice"
    assert made["serial"] != again["serial"]
    assert json.loads(pki("revoke", "alice", "-o", "json")) == {"certificate": "alice",
                                                               "result": "revoked"}


def test_programs_are_told_whether_a_certificate_is_good(pki):
    pki("issue", "alice", "--days", "5")
    told = json.loads(pki("verify", "alice", "-o", "json"))
    assert told.pop("days_left") in (4, 5)
    assert told == {"certificate": "alice", "good": True, "reason": None}
    pki("revoke", "alice")
    assert fails(pki, "verify", "alice", "-o", "json", match='"good": false') == 1
    told = json.loads(run(BIN / "gyre", "pki", "verify", "--dir", pki.path, "alice", "-o", "json",
                          check=False))
    assert told["good"] is False and "revoked" in told["reason"]


def test_a_file_is_verified_wherever_it_lies_without_its_key(pki, monkeypatch):
    pki("issue", "alice")
    (pki.path / "alice.key").unlink()
    fails(pki, "verify", "alice", match="key is missing")
    verify = ((BIN / "gyre").resolve(), "pki", "verify", "--dir", pki.path)
    monkeypatch.chdir(pki.path)
    for file in ("alice.crt", "./alice.crt", pki.path / "alice.crt"):
        assert "good" in run(*verify, file)

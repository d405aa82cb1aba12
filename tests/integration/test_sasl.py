# SPDX-License-Identifier: Apache-2.0
"""Who comes in and who does not, by each mechanism, with real clients and byte by byte."""
import base64
import hashlib
import hmac
import os
import shutil
import struct
import subprocess
import time

import kerberos
import pytest
from kafka_wire import SCHEMAS, Closed, Connection
from region import BIN, CommandFailed, PATIENCE, Region, eventually, run
from token_signer import ISSUER, Signer, bearer

UNSUPPORTED_MECHANISM, ILLEGAL_STATE, AUTHENTICATION_FAILED = 33, 34, 58
MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
DEBIAN_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module", name="signer")
def make_signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module", name="kdc")
def make_kdc(tmp_path_factory):
    if not kerberos.is_installed():
        yield None
        return
    kdc = kerberos.Kdc(tmp_path_factory.mktemp("kdc"),
                       {"alice": "secret", "mallory": "secret", "web/host1": "secret"},
                       ["kafka/localhost"])
    yield kdc
    kdc.stop()


@pytest.fixture(scope="module", name="region")
def make_region(signer, kdc):
    settings = ["sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"
                + (",GSSAPI" if kdc else ""),
                f"sasl.oauthbearer.jwks.endpoint.url=file://{signer.jwks}",
                f"sasl.oauthbearer.expected.issuer={ISSUER}",
                "sasl.oauthbearer.expected.audience=gyre",
                "delegation.token.secret.key=a-secret-of-this-region",
                "group.initial.rebalance.delay.ms=0"]
    before = dict(os.environ)
    if kdc:
        settings += ["sasl.kerberos.service.name=kafka", "gyre.sasl.kerberos.host=localhost",
                     f"gyre.sasl.kerberos.keytab={kdc.keytab}",
                     f"gyre.sasl.kerberos.realm={kerberos.REALM}",
                     "sasl.kerberos.principal.to.local.rules="
                     f"RULE:[2:$1-$2@$0](web-.*@{kerberos.REALM})s/@.*//,DEFAULT"]
        os.environ.update(KRB5_CONFIG=kdc.environment["KRB5_CONFIG"],
                          KRB5RCACHEDIR=kdc.environment["KRB5RCACHEDIR"])
    try:
        with Region(brokers=1, listeners=["SASL_PLAINTEXT", "PLAINTEXT"], settings=settings,
                    users={"admin": "admin-secret", "alice": "secret"},
                    super_users=["admin", "alice", "b=o,b", "ANONYMOUS"]) as region:
            region.on("user", "create", "b=o,b", stdin="pa,ss=word\n")
            yield region
    finally:
        os.environ.clear()
        os.environ.update(before)


def kcat(region, mechanism, user, password, *words, check=True, environment=None):
    command = ["kcat", "-b", region.address(region.node_ids[0], "SASL_PLAINTEXT"), "-m", "5",
               "-X", "security.protocol=SASL_PLAINTEXT", "-X", f"sasl.mechanism={mechanism}"]
    if user is not None:
        command += ["-X", f"sasl.username={user}", "-X", f"sasl.password={password}"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=60,
                          check=False, env=environment, input="hello\n")
    if check and done.returncode != 0:
        raise AssertionError(done.stderr)
    return done


def connect(region):
    return Connection(region.address(region.node_ids[0], "SASL_PLAINTEXT"))


def plain(user, password):
    return f"\0{user}\0{password}".encode()


def log_in(connection, user="alice", password="secret", version=1):
    assert connection.call("SaslHandshake", 1, mechanism="PLAIN")["error_code"] == 0
    return connection.call("SaslAuthenticate", version, auth_bytes=plain(user, password))


# passwords

@pytest.mark.parametrize("user,password", [("alice", "secret"), ("b=o,b", "pa,ss=word")])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_librdkafka_comes_in_with_a_password(region, mechanism, user, password):
    listed = kcat(region, mechanism, user, password, "-L").stdout
    assert "broker 0" in listed


@pytest.mark.parametrize("user,password", [("alice", "wrong"), ("nobody", "secret")])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_and_an_unknown_user_are_refused_alike(region, mechanism, user, password):
    done = kcat(region, mechanism, user, password, "-L", check=False)
    assert done.returncode != 0
    said = ("Invalid username or password" if mechanism == "PLAIN" else
            f"due to invalid credentials with SASL mechanism {mechanism}")
    assert said in done.stderr


def test_what_is_produced_by_one_mechanism_is_consumed_by_another(region, topic):
    region.on("topic", "create", topic)
    kcat(region, "SCRAM-SHA-256", "alice", "secret", "-P", "-t", topic)
    done = kcat(region, "SCRAM-SHA-512", "alice", "secret", "-C", "-t", topic, "-e", "-q")
    assert done.stdout == "hello\n"


@pytest.mark.parametrize("mechanism", [*MECHANISMS, "OAUTHBEARER"])
def test_gyre_comes_in_with_a_file_of_properties(region, signer, tmp_path, mechanism):
    (tmp_path / "token").write_text(signer.token())
    (tmp_path / "client").write_text(
        f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n"
        "sasl.username=alice\nsasl.password=secret\n"
        f"gyre.sasl.oauthbearer.token.file={tmp_path}/token\n")
    region.gyre("topic", "list", "--bootstrap-server", region.bootstrap, "--command-config",
                tmp_path / "client")


def test_gyre_says_who_it_is_and_why_it_is_refused(region):
    words = ["topic", "list", "--bootstrap-server", region.bootstrap, "--user", "alice"]
    region.gyre(*words, stdin="secret\n")
    with pytest.raises(CommandFailed, match="invalid credentials") as failure:
        region.gyre(*words, stdin="wrong\n")
    assert failure.value.status == 5


@pytest.mark.parametrize("mechanism", ["GSSAPI", "SCRAM-SHA-1"])
def test_gyre_names_a_mechanism_that_it_does_not_have(region, tmp_path, mechanism):
    (tmp_path / "client").write_text(
        f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n")
    with pytest.raises(CommandFailed, match=f"cannot come in by {mechanism}, but") as failure:
        region.gyre("topic", "list", "--bootstrap-server", region.bootstrap, "--command-config",
                    tmp_path / "client")
    assert failure.value.status == 2


def properties_with(path, protocol):
    path.write_text(f"security.protocol={protocol}\nsasl.mechanism=PLAIN\n"
                    "sasl.username=alice\nsasl.password=secret\n")
    return ["--command-config", path]


@pytest.mark.parametrize("protocol", ["SASL_TLS", "SASL-SSL", "SASL_PLAINTEXTS", "TLS", "SASL", ""])
def test_gyre_sends_nothing_by_a_protocol_that_there_is_not(region, tmp_path, protocol):
    four = f"'{protocol}' is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
    with pytest.raises(CommandFailed, match=four) as failure:
        region.gyre("topic", "list", "--bootstrap-server", region.bootstrap,
                    *properties_with(tmp_path / "client", protocol))
    assert failure.value.status == 2


@pytest.mark.parametrize("protocol,listener", [
    ("sasl_plaintext", "SASL_PLAINTEXT"), ("Sasl_Plaintext", "SASL_PLAINTEXT"),
    ("plaintext", "PLAINTEXT")])
def test_gyre_reads_a_protocol_in_any_case(region, tmp_path, protocol, listener):
    region.gyre("topic", "list", "--bootstrap-server", region.addresses(listener),
                *properties_with(tmp_path / "client", protocol))


# tokens

def show(region, message):
    """The answers to the message, and to a byte of value 1 where the first has something to say."""
    with connect(region) as connection:
        assert connection.call("SaslHandshake", 1, mechanism="OAUTHBEARER")["error_code"] == 0
        first = connection.call("SaslAuthenticate", 1, auth_bytes=message)
        if not first["auth_bytes"]:
            return first, None
        return first, connection.call("SaslAuthenticate", 1, auth_bytes=b"\x01")


def test_a_signed_token_opens_for_as_long_as_it_is_valid(region, signer):
    first, _ = show(region, bearer(signer.token()))
    assert first["error_code"] == 0
    assert 590_000 < first["session_lifetime_ms"] <= 600_000


@pytest.mark.parametrize("claims", [{"exp": 1000000000}, {"iss": "https://other"},
                                    {"aud": "other"}, {"sub": ""}, {"nbf": 4000000000}])
def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(region, signer, claims):
    first, second = show(region, bearer(signer.token(**claims)))
    assert (first["error_code"], first["auth_bytes"]) == (0, b'{"status":"invalid_token"}')
    assert second["error_code"] == AUTHENTICATION_FAILED


def test_an_unsigned_token_of_librdkafka_is_refused(region):
    done = kcat(region, "OAUTHBEARER", None, None, "-X", "enable.sasl.oauthbearer.unsecure.jwt=true",
                "-X", "sasl.oauthbearer.config=principal=alice", "-L", check=False)
    assert done.returncode != 0
    assert "invalid_token" in done.stderr


def test_librdkafka_comes_in_with_a_signed_token(region, signer):
    if shutil.which(DEBIAN_PYTHON) is None:
        pytest.skip("no Python of Debian's, which has confluent_kafka")
    code = ("import sys, time; from confluent_kafka.admin import AdminClient; "
            "c = AdminClient({'bootstrap.servers': sys.argv[1], "
            "'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'OAUTHBEARER', "
            "'oauth_cb': lambda _: (sys.argv[2], time.time() + 500)}); c.poll(1); "
            "print(sorted(c.list_topics(timeout=20).brokers))")
    done = subprocess.run([DEBIAN_PYTHON, "-c", code,
                           region.address(0, "SASL_PLAINTEXT"), signer.token()],
                          capture_output=True, text=True, timeout=60, check=False)
    if "No module named" in done.stderr:
        pytest.skip("confluent_kafka is not installed")
    assert done.stdout.strip() == "[0]", done.stderr


def test_a_delegation_token_stands_for_its_owner_until_it_is_taken_back(region):
    # A token is not made over a listener without authentication.
    with connect(region) as owner:
        assert log_in(owner)["error_code"] == 0
        made = owner.call("CreateDelegationToken", 2, renewers=[], max_lifetime_ms=-1)
        assert made["error_code"] == 0
        password = base64.b64encode(made["hmac"]).decode()
        config = region.dir / "token.properties"
        config.write_text(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n"
            "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{made["token_id"]}" password="{password}" tokenauth="true";\n')
        words = ["topic", "list", "--bootstrap-server", region.bootstrap, "--command-config",
                 config]
        region.gyre(*words)
        with pytest.raises(CommandFailed):
            config.write_text(config.read_text().replace(' tokenauth="true"', ""))
            region.gyre(*words)
        config.write_text(config.read_text().replace('";', '" tokenauth="true";'))
        region.gyre(*words)
        ended = owner.call("ExpireDelegationToken", 2, hmac=made["hmac"], expiry_time_period_ms=-1)
        assert ended["error_code"] == 0
        with pytest.raises(CommandFailed):
            region.gyre(*words)


# Kerberos

@pytest.mark.skipif(not kerberos.is_installed(), reason="krb5-kdc is not installed")
@pytest.mark.parametrize("principal", ["alice", "web/host1"])
def test_a_ticket_opens(region, kdc, principal):
    kdc.login(principal, "secret")
    listed = kcat(region, "GSSAPI", None, None, "-X", "sasl.kerberos.service.name=kafka",
                  "-X", "sasl.kerberos.kinit.cmd=true", "-b", localhost(region), "-L",
                  environment=kdc.environment).stdout
    assert "broker 0" in listed


def localhost(region):
    return region.address(0, "SASL_PLAINTEXT").replace("127.0.0.1", "localhost")


# the state of a connection

@pytest.mark.parametrize("api", sorted(set(SCHEMAS) - {"ApiVersions", "SaslHandshake",
                                                       "SaslAuthenticate"}))
def test_nothing_else_is_answered_before_authentication(region, api):
    key, request, _ = SCHEMAS[api]
    with connect(region) as connection:
        connection.send_bytes(connection.frame(key, request.versions[0], False, b"\0" * 64))
        assert connection.is_closed()


def test_what_is_allowed_before_authentication(region):
    with connect(region) as connection:
        assert connection.call("ApiVersions", 0)["error_code"] == 0
        refused = connection.call("SaslHandshake", 1, mechanism="SCRAM-SHA-1")
        assert refused["error_code"] == UNSUPPORTED_MECHANISM
        assert "SCRAM-SHA-256" in [one if isinstance(one, str) else one["mechanism"]
                                   for one in refused["mechanisms"]]
        assert connection.is_closed()


def test_tokens_without_a_handshake_and_handshakes_twice_end_the_connection(region):
    with connect(region) as connection:
        answer = connection.call("SaslAuthenticate", 1, auth_bytes=plain("alice", "secret"))
        assert answer["error_code"] == ILLEGAL_STATE
        assert connection.is_closed()
    with connect(region) as connection:
        assert connection.call("SaslHandshake", 1, mechanism="PLAIN")["error_code"] == 0
        answer = connection.call("SaslHandshake", 1, mechanism="PLAIN")
        assert answer["error_code"] == ILLEGAL_STATE
        assert connection.is_closed()


def test_a_listener_without_sasl_says_so(region):
    with Connection(region.address(0, "PLAINTEXT")) as connection:
        answer = connection.call("SaslHandshake", 1, mechanism="PLAIN")
        assert answer["error_code"] == ILLEGAL_STATE
        assert connection.call("Metadata", 1, topics=[])["brokers"]


def test_a_refusal_takes_its_time_and_closes(region):
    with connect(region) as connection:
        start = time.monotonic()
        answer = log_in(connection, password="wrong")
        assert answer["error_code"] == AUTHENTICATION_FAILED
        assert time.monotonic() - start >= 0.1
        assert connection.is_closed()


def test_old_clients_send_bare_tokens(region):
    """As kafka-python 2.0.2 does after version 0 of the handshake."""
    with connect(region) as connection:
        assert connection.call("SaslHandshake", 0, mechanism="PLAIN")["error_code"] == 0
        token = plain("alice", "secret")
        connection.send_bytes(struct.pack(">i", len(token)) + token)
        assert connection.receive_frame() == b""
        assert connection.call("Metadata", 1, topics=[])["brokers"]
    with connect(region) as connection:
        assert connection.call("SaslHandshake", 0, mechanism="PLAIN")["error_code"] == 0
        connection.send_bytes(struct.pack(">i", 0))
        with pytest.raises(Closed):
            connection.receive_frame()


def test_a_large_frame_before_authentication_closes(region):
    with connect(region) as connection:
        connection.send_bytes(struct.pack(">i", 64 * 1024 + 1))
        assert connection.is_closed()
    with connect(region) as connection:
        assert log_in(connection)["error_code"] == 0
        connection.send_bytes(struct.pack(">i", 1024 * 1024) + b"\0\x03\0\x01")
        connection.socket.settimeout(0.5)
        assert not connection.is_closed()


def test_who_says_nothing_is_closed(region):
    with connect(region) as connection:
        connection.call("ApiVersions", 0)
        start = time.monotonic()
        assert connection.is_closed()
        assert 9 < time.monotonic() - start < 12


# sessions, and what is taken back

def test_a_session_is_lengthened_as_the_same_principal_only(region):
    with connect(region) as connection:
        assert log_in(connection)["error_code"] == 0
        early = connection.call("SaslHandshake", 1, mechanism="PLAIN")
        assert early["error_code"] == ILLEGAL_STATE  # not more often than once a second
        time.sleep(1.1)
        assert log_in(connection)["error_code"] == 0
        assert connection.call("Metadata", 1, topics=[])["brokers"]
        time.sleep(1.1)
        answer = log_in(connection, "admin", "admin-secret")
        assert answer["error_code"] == AUTHENTICATION_FAILED
        assert answer["error_message"] == ("Cannot change principals during re-authentication "
                                           "from User:alice: User:admin")
        assert connection.is_closed()
    with connect(region) as connection:
        assert log_in(connection)["error_code"] == 0
        time.sleep(1.1)
        answer = connection.call("SaslHandshake", 1, mechanism="SCRAM-SHA-256")
        assert answer["error_code"] == UNSUPPORTED_MECHANISM
        assert connection.is_closed()


def test_a_session_ends_with_its_token(region, signer):
    with connect(region) as connection:
        expiry = int(time.time()) + 3
        assert connection.call("SaslHandshake", 1, mechanism="OAUTHBEARER")["error_code"] == 0
        answer = connection.call("SaslAuthenticate", 1,
                                 auth_bytes=bearer(signer.token(exp=expiry)))
        assert 1000 < answer["session_lifetime_ms"] <= 3000
        assert connection.call("Metadata", 1, topics=[])["brokers"]
        while time.time() < expiry + 0.05:
            time.sleep(0.01)
        with pytest.raises(Closed):
            connection.call("Metadata", 1, topics=[])
    with connect(region) as connection:
        expiry = int(time.time()) + 2
        assert connection.call("SaslHandshake", 1, mechanism="OAUTHBEARER")["error_code"] == 0
        connection.call("SaslAuthenticate", 1, auth_bytes=bearer(signer.token(exp=expiry)))
        assert connection.is_closed()  # the silent one too
        assert time.time() < expiry + PATIENCE


def test_a_changed_or_removed_user_is_gone_within_a_second(region):
    run(BIN / "gyre", "user", "create", "carol", "--bootstrap-server", region.bootstrap,
        *region.credentials, stdin="first\n")
    eventually(lambda: can_log_in(region, "carol", "first"))
    with connect(region) as connection, connect(region) as other:
        assert log_in(connection, "carol", "first")["error_code"] == 0
        assert log_in(other)["error_code"] == 0
        run(BIN / "gyre", "user", "rotate", "carol", "--bootstrap-server", region.bootstrap,
            *region.credentials, stdin="second\n")
        start = time.monotonic()
        assert connection.is_closed()
        assert time.monotonic() - start < 1
        assert other.call("Metadata", 1, topics=[])["brokers"]
    with connect(region) as connection:
        assert log_in(connection, "carol", "second")["error_code"] == 0
        run(BIN / "gyre", "user", "delete", "carol", "--bootstrap-server", region.bootstrap,
            *region.credentials)
        start = time.monotonic()
        assert connection.is_closed()
        assert time.monotonic() - start < 1
    assert not can_log_in(region, "carol", "second")


def test_who_removes_himself_gets_that_answer_and_no_more(region):
    region.on("user", "create", "lena", stdin="first\n")
    region.on("acl", "grant", "--principal", "lena", "--operation", "ALL", "--cluster")
    with connect(region) as acting, connect(region) as other:
        for connection in (acting, other):
            assert log_in(connection, "lena", "first")["error_code"] == 0
        asked = acting.send("AlterUserScramCredentials", 0,
                            {"deletions": [{"name": "lena", "mechanism": 1}]})
        acting.send("Metadata", 1, {"topics": []})
        answer = acting.receive("AlterUserScramCredentials", 0, asked)
        assert [one["error_code"] for one in answer["results"]] == [0]
        start = time.monotonic()
        assert acting.is_closed() and other.is_closed()
        assert time.monotonic() - start < 1


class HalfIn:
    """A client that has sent its first message of SCRAM-SHA-256, and sends the last when told."""

    def __init__(self, connection, user, password, more=""):
        self.connection = connection
        self.bare = f"n={user},r={base64.b64encode(os.urandom(18)).decode()}{more}".encode()
        assert connection.call("SaslHandshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        answer = self.step(b"n,," + self.bare)
        assert answer["error_code"] == 0
        self.first = answer["auth_bytes"]
        values = dict(part.split("=", 1) for part in self.first.decode().split(","))
        self.nonce = values["r"].encode()
        self.key = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(values["s"]),
                                       int(values["i"]))

    def step(self, message):
        return self.connection.call("SaslAuthenticate", 1, auth_bytes=message)

    def finish(self):
        without_proof = b"c=biws,r=" + self.nonce
        key = hmac.digest(self.key, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(),
                                b",".join((self.bare, self.first, without_proof)), "sha256")
        proof = bytes(one ^ other for one, other in zip(key, signature))
        return self.step(without_proof + b",p=" + base64.b64encode(proof))


@pytest.mark.parametrize("change", ["none", "delete", "rotate"])
def test_a_user_who_is_half_in_does_not_outlive_his_password(region, change):
    user = f"half-{change}"
    region.on("user", "create", user, stdin="first\n")
    with connect(region) as connection:
        half = HalfIn(connection, user, b"first")
        if change != "none":
            region.on("user", change, user, stdin="second\n")
        answer = half.finish()
        assert answer["error_code"] == (0 if change == "none" else AUTHENTICATION_FAILED)
        if change != "none":
            assert answer["error_message"].endswith(
                "due to invalid credentials with SASL mechanism SCRAM-SHA-256")
            assert connection.is_closed()


@pytest.mark.parametrize("is_expired", [False, True])
def test_a_token_that_is_half_in_does_not_outlive_its_end(region, is_expired):
    with connect(region) as owner, connect(region) as connection:
        assert log_in(owner)["error_code"] == 0
        made = owner.call("CreateDelegationToken", 2, renewers=[], max_lifetime_ms=-1)
        assert made["error_code"] == 0
        half = HalfIn(connection, made["token_id"], base64.b64encode(made["hmac"]),
                      ",tokenauth=true")
        if is_expired:
            ended = owner.call("ExpireDelegationToken", 2, hmac=made["hmac"],
                               expiry_time_period_ms=-1)
            assert ended["error_code"] == 0
        answer = half.finish()
        assert answer["error_code"] == (AUTHENTICATION_FAILED if is_expired else 0)
        assert not is_expired or connection.is_closed()


def can_log_in(region, user, password):
    with connect(region) as connection:
        return log_in(connection, user, password)["error_code"] == 0


def test_no_secret_is_in_the_logs(region, signer):
    text = region.logs(lines=100000)
    for secret in ("pa,ss=word", "admin-secret", "a-secret-of-this-region", signer.token()[:60]):
        assert secret not in text

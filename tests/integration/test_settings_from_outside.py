# SPDX-License-Identifier: Apache-2.0
"""What whoever may change settings still cannot do with them: open files and addresses of his choice,
or read secrets back (CVE-2019-12399, CVE-2023-25194, CVE-2024-31141, CVE-2025-27817, -27818, -27819)."""
import http.server
import json
import threading

import pytest
from kafka_wire import Connection
from region import Region, eventually

TOPIC, BROKER = 2, 4
CANARY = "canary-in-a-file"


@pytest.fixture(scope="module", name="asked")
def make_asked():
    """Where a broker would call that opens what it is told: a server that counts."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # pylint: disable=invalid-name
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked.append(f"http://127.0.0.1:{server.server_port}/keys")
    yield asked
    server.shutdown()


@pytest.fixture(scope="module", name="region")
def make_region(tmp_path_factory):
    audit = tmp_path_factory.mktemp("audit") / "audit"
    with Region(brokers=1, listeners=["PLAINTEXT", "SASL_PLAINTEXT"], users={"admin": "secret"},
                super_users=["ANONYMOUS"], settings=[f"gyre.audit.file={audit}"]) as region:
        region.audit = audit
        yield region


def alter(region, kind, name, key, value):
    with Connection(region.address(0, "PLAINTEXT")) as connection:
        answer = connection.call("IncrementalAlterConfigs", 1, validate_only=False, resources=[
            {"resource_type": kind, "resource_name": name,
             "configs": [{"name": key, "config_operation": 0, "value": value}]}])
    return answer["responses"][0]["error_code"], json.dumps(answer)


def describe(region, kind, name):
    with Connection(region.address(0, "PLAINTEXT")) as connection:
        answer = connection.call("DescribeConfigs", 4, include_synonyms=True,
                                 include_documentation=False, resources=[
                                     {"resource_type": kind, "resource_name": name,
                                      "configuration_keys": None}])
    return {one["name"]: one for one in answer["results"][0]["configs"]}


JAAS = "com.sun.security.auth.module.JndiLoginModule required user.provider.url=\"{url}\";"


@pytest.mark.parametrize("broker", ["0", ""])
@pytest.mark.parametrize("key,value", [
    ("sasl.oauthbearer.jwks.endpoint.url", "{url}"),
    ("sasl.oauthbearer.token.endpoint.url", "{url}"),
    ("sasl.oauthbearer.jwks.endpoint.url", "file:///etc/passwd"),
    ("listener.name.sasl_plaintext.sasl.oauthbearer.jwks.endpoint.url", "{url}"),
    ("gyre.audit.file", "/tmp/written-by-an-attacker"),
    ("super.users", "User:mallory"),
    ("authorizer.class.name", ""),
    ("security.inter.broker.protocol", "PLAINTEXT"),
    ("config.providers", "file"),
])
def test_no_setting_makes_a_broker_open_what_it_names(region, asked, broker, key, value):
    error, _ = alter(region, BROKER, broker, key, value.format(url=asked[0]))
    assert error != 0
    assert len(asked) == 1, asked


@pytest.mark.parametrize("key", ["listener.name.sasl_plaintext.plain.sasl.jaas.config",
                                 "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config"])
def test_login_modules_are_not_loaded(region, asked, key):
    """As text they may be kept, as Kafka keeps them; nothing comes of it, and nobody sees it."""
    alter(region, BROKER, "0", key, JAAS.format(url=asked[0]))
    assert asked[0] not in json.dumps(describe(region, BROKER, "0"))
    assert len(asked) == 1, asked


def test_references_to_files_are_not_followed(region, tmp_path):
    path = tmp_path / "secrets.properties"
    path.write_text(f"key={CANARY}\n")
    region.on("topic", "create", "referring")
    for kind, name, key in ((TOPIC, "referring", "follower.replication.throttled.replicas"),
                            (TOPIC, "referring", "compression.type"),
                            (BROKER, "0", "listener.name.x.ssl.truststore.location"),
                            (BROKER, "0", "listener.name.sasl_plaintext.ssl.key.password")):
        for reference in (f"${{file:{path}:key}}", f"${{directory:{tmp_path}:{path.name}}}",
                          "${env:PATH}"):
            _, answer = alter(region, kind, name, key, reference)
            shown = json.dumps(describe(region, kind, name))
            assert CANARY not in answer and CANARY not in shown and "/usr/bin" not in shown


@pytest.mark.parametrize("key", ["ssl.key.password", "ssl.keystore.password", "ssl.keystore.key",
                                 "ssl.truststore.password",
                                 "scram-sha-512.sasl.jaas.config"])
def test_a_secret_that_is_set_is_in_no_answer_log_or_audit(region, key):
    name = f"listener.name.sasl_plaintext.{key}"
    secret = f"canary-{key}"
    alter(region, BROKER, "0", name, f"-----BEGIN {secret}")
    _, answer = alter(region, BROKER, "0", "log.retention.ms", secret)  # not a number: said again
    assert f"-----BEGIN {secret}" not in answer
    shown = describe(region, BROKER, "0")
    assert f"-----BEGIN {secret}" not in json.dumps(shown)
    if name in shown:
        assert shown[name]["is_sensitive"]
    region.on("topic", "create", f"after-{key}")
    eventually(lambda: f"after-{key}" in region.audit.read_text())
    assert secret not in (region.home(0) / "gyred.log").read_text()
    assert f"-----BEGIN {secret}" not in region.audit.read_text()

# SPDX-License-Identifier: Apache-2.0
"""What listeners are told while they run: certificates and limits, by IncrementalAlterConfigs."""
import os
import pathlib
import shutil
import signal
import socket
import ssl
import time

import pytest
from kafka_wire import Closed, Connection
from region import Region, eventually
from test_tls import Pki, ask, connect, lists, of_listener, said, speaks

BROKER = 4
SET, DELETE = 0, 1
INVALID_REQUEST = 42
OF_LISTENER = "listener.name.ssl."
KEYSTORE = OF_LISTENER + "ssl.keystore.location"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki") / "own")


class Settings:
    """Of a region's only broker, over the listener that the test does not touch."""

    def __init__(self, region, broker="0"):
        self.region = region
        self.broker = broker

    def connection(self):
        return Connection(self.region.broker(0)["listeners"]["PLAINTEXT"])

    def alter(self, operation=SET, validate_only=False, **settings):
        configs = [{"name": name.replace("__", "."), "config_operation": operation, "value": value}
                   for name, value in settings.items()]
        with self.connection() as connection:
            answer = connection.call("IncrementalAlterConfigs", 1, validate_only=validate_only,
                                     resources=[{"resource_type": BROKER, "configs": configs,
                                                 "resource_name": self.broker}])
        response = answer["responses"][0]
        return response["error_code"], response["error_message"] or ""

    def set(self, name, value):
        return self.alter(**{name: value})

    def delete(self, name):
        return self.alter(DELETE, **{name: None})

    def describe(self):
        with self.connection() as connection:
            answer = connection.call("DescribeConfigs", 4, include_synonyms=True,
                                     include_documentation=False,
                                     resources=[{"resource_type": BROKER,
                                                 "resource_name": self.broker,
                                                 "configuration_keys": None}])
        return {entry["name"]: entry for entry in answer["results"][0]["configs"]}


def start_both(own_region, settings):
    return own_region(brokers=1, listeners=["PLAINTEXT", "SSL"], settings=settings,
                      super_users=["ANONYMOUS"])


def serial(region, pki):
    with connect(region, pki) as stream:
        return stream.getpeercert()["serialNumber"]


def file_serial(path):
    return ssl._ssl._test_decode_cert(str(path))["serialNumber"]  # pylint: disable=protected-access


def test_a_listener_takes_another_certificate_while_it_runs(own_region, pki, tmp_path):
    region = start_both(own_region, of_listener(pki))
    settings = Settings(region)
    first = serial(region, pki)
    stream = connect(region, pki)
    assert ask(stream)
    other = pki.broker("other")
    second = file_serial(pki["other.crt"])
    assert settings.alter(validate_only=True, **{KEYSTORE: str(other)}) == (0, "")
    assert serial(region, pki) == first
    assert settings.set(KEYSTORE, str(other)) == (0, "")
    eventually(lambda: serial(region, pki) == second, timeout=2)
    assert ask(stream)
    # what cannot be used is refused, and the other one stays
    pair = tmp_path / "pair.pem"
    texts = [pathlib.Path(pki[f"{name}.pem"]).read_text() for name in ("broker", "other")]
    begins = "-----BEGIN PRIVATE KEY"
    pair.write_text(texts[0][:texts[0].index(begins)] + texts[1][texts[1].index(begins):])
    for wrong, why in (("/nowhere.pem", "cannot be read"), (str(pair), "does not belong"),
                       (str(pki["ca.crt"]), "no key")):
        code, message = settings.set(KEYSTORE, wrong)
        assert code == INVALID_REQUEST and why in message, message
        assert settings.describe()[KEYSTORE]["value"] == str(other)
    assert serial(region, pki) == second
    # its file is looked at, a restart keeps it, and without it the file's own is back
    pki.broker("other")
    third = file_serial(pki["other.crt"])
    eventually(lambda: serial(region, pki) == third)
    pid, = region.pids()
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists())
    region.start(0)
    eventually(lambda: serial(region, pki) == third)
    assert settings.delete(KEYSTORE) == (0, "")
    eventually(lambda: serial(region, pki) == first)


def test_what_is_removed_may_change_while_a_certificate_is_tried(own_region, pki, tmp_path):
    """The older way removes what it does not name. A pipe keeps the broker reading meanwhile."""
    region = start_both(own_region, of_listener(pki))
    settings = Settings(region)
    limit = OF_LISTENER + "max.connections"
    assert settings.set(limit, "50") == (0, "")
    good, copy, pipe = pki.broker("tried"), tmp_path / "copy.pem", tmp_path / "pipe.pem"
    shutil.copy(good, copy)
    os.mkfifo(pipe)
    with settings.connection() as connection:
        connection.send("AlterConfigs", 2, {"validate_only": False, "resources": [
            {"resource_type": BROKER, "resource_name": "0",
             "configs": [{"name": KEYSTORE, "value": str(pipe)}]}]})
        end = eventually(lambda: os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        try:
            assert settings.set(limit, "60") == (0, "")
            assert settings.describe()[limit]["value"] == "60"
            os.replace(copy, pipe)
            os.write(end, good.read_bytes())
        finally:
            os.close(end)
        response, = connection.receive("AlterConfigs", 2)["responses"]
    assert (response["error_code"], response["error_message"]) == (0, None)
    shown = settings.describe()
    assert shown[KEYSTORE]["value"] == str(pipe)
    assert shown.get(limit, {}).get("value") != "60"
    eventually(lambda: serial(region, pki) == file_serial(pki["tried.crt"]))


def test_a_certificate_may_come_as_text_and_is_not_shown(own_region, pki):
    region = start_both(own_region, of_listener(pki))
    settings = Settings(region)
    text = pathlib.Path(pki.broker("text")).read_text()
    key_at = text.index("-----BEGIN PRIVATE KEY")
    names = {OF_LISTENER + "ssl.keystore.certificate.chain": text[:key_at],
             OF_LISTENER + "ssl.keystore.key": text[key_at:],
             OF_LISTENER + "ssl.key.password": "canary-password"}
    assert settings.alter(**names) == (0, "")
    eventually(lambda: serial(region, pki) == file_serial(pki["text.crt"]))
    shown = settings.describe()
    for name in names:
        if not name.endswith("chain"):
            assert shown[name]["is_sensitive"] and shown[name]["value"] is None
            assert all(synonym["value"] is None for synonym in shown[name]["synonyms"])
    log = (region.home(0) / "gyred.log").read_text()
    assert "canary-password" not in log and "PRIVATE KEY" not in log


def test_who_is_asked_for_what_changes_while_a_listener_runs(own_region, pki):
    alice = pki.client("alice")
    region = start_both(own_region, of_listener(pki))
    settings = Settings(region)
    assert not speaks(region, "tls1_2")
    assert settings.set(OF_LISTENER + "ssl.enabled.protocols", "TLSv1.2,TLSv1.3") == (0, "")
    eventually(lambda: speaks(region, "tls1_2"), timeout=5)
    assert settings.set(OF_LISTENER + "ssl.client.auth", "required") == (0, "")
    eventually(lambda: not lists(region, pki["ca.crt"]), timeout=10)
    assert settings.set(OF_LISTENER + "ssl.client.auth", "none") == (0, "")
    eventually(lambda: lists(region, pki["ca.crt"], certificate=alice), timeout=10)
    for name, value in (("ssl.enabled.protocols", "SSLv3"), ("ssl.client.auth", "perhaps"),
                        ("ssl.cipher.suites", "TLS_RSA_WITH_AES_128_CBC_SHA"),
                        ("ssl.truststore.location", "/nowhere")):
        code, message = settings.set(OF_LISTENER + name, value)
        assert code == INVALID_REQUEST and message


@pytest.mark.parametrize("broker,name,why", [
    ("0", "ssl.keystore.location", "only per-listener using the listener prefix"),
    ("", "ssl.keystore.location", "only per-listener using the listener prefix"),
    ("", KEYSTORE, "broker id must be specified"),
    ("0", OF_LISTENER + "log.retention.ms", "Cannot update these configs dynamically"),
    ("0", OF_LISTENER + "max.connections.per.ip", "Cannot update these configs dynamically"),
    ("0", "max.connections.per.ip.overrides=localhost:3", "addresses with numbers"),
    ("0", "max.connections.per.ip.overrides=127.0.0.1", "addresses with numbers"),
    ("0", "max.connections.per.ip.overrides=127.0.0.1:x", "addresses with numbers"),
])
def test_what_kafka_refuses_is_refused(shared, broker, name, why):
    name, _, value = name.partition("=")
    code, message = Settings(shared, broker).set(name, value or "1")
    assert code == INVALID_REQUEST and why in message, message


@pytest.fixture(scope="module", name="shared")
def make_shared(pki):
    with Region(brokers=1, listeners=["PLAINTEXT", "SSL"], settings=of_listener(pki),
                super_users=["ANONYMOUS"]) as region:
        yield region


# limits

def dial(region, source="127.0.0.1", listener="SSL"):
    """Is a connection from there taken? Then it stays open."""
    host, port = region.broker(0)["listeners"][listener].split(":")
    stream = socket.create_connection((host, int(port)), timeout=5, source_address=(source, 0))
    stream.settimeout(0.3)
    try:
        if stream.recv(1) == b"":
            return None
    except TimeoutError:
        return stream
    except ConnectionResetError:
        pass
    return None


def test_an_address_may_have_a_number_of_its_own(own_region, pki):
    region = start_both(own_region, of_listener(pki) + [
        "max.connections.per.ip.overrides=127.0.0.2:2"])
    settings = Settings(region)
    kept = [dial(region, "127.0.0.2") for _ in range(2)]
    assert all(kept)
    assert dial(region, "127.0.0.2") is None
    kept += [dial(region, "127.0.0.3") for _ in range(4)]
    assert all(kept)
    assert settings.set("max.connections.per.ip.overrides", "127.0.0.3:5, ::1:1,127.0.0.4:0") == (
        0, "")
    kept += [eventually(lambda: dial(region, "127.0.0.2")), dial(region, "127.0.0.3")]
    assert all(kept)
    assert dial(region, "127.0.0.3") is None
    assert dial(region, "127.0.0.4") is None
    assert said(region, "limit=max.connections.per.ip")


def test_a_listener_may_have_numbers_of_its_own(own_region, pki):
    region = start_both(own_region, of_listener(pki) + ["listener.name.ssl.max.connections=3"])
    settings = Settings(region)

    def serves(count):
        eventually(lambda: region.metric(0, "gyre_connections") == count)

    def waits(listeners):
        eventually(lambda: region.metric(0, "gyre_listeners_full") == listeners)

    kept = [dial(region) for _ in range(3)]
    serves(3)
    waits(0)
    kept += [dial(region) for _ in range(3)]  # in the queue of the listener
    waits(1)
    others = [dial(region, listener="PLAINTEXT") for _ in range(5)]
    serves(3 + 5)
    assert settings.set(OF_LISTENER + "max.connections", "5") == (0, "")
    serves(5 + 5)
    waits(1)
    kept.pop(0).close()
    waits(0)
    serves(5 + 5)
    everybody = Settings(region, "")
    assert everybody.set(OF_LISTENER + "max.connections", "2") == (0, "")
    assert settings.delete(OF_LISTENER + "max.connections") == (0, "")
    kept.append(dial(region))
    waits(1)
    kept.pop(0).close()
    waits(1)
    assert all(kept + others)


def test_a_listener_may_have_a_rate_of_its_own(own_region, pki):
    """Those beyond it begin later; the other listener does not notice."""
    region = start_both(own_region, of_listener(pki) + [
        "listener.name.ssl.max.connection.creation.rate=1"])
    before = region.metric(0, "gyre_connections_held_total")
    times = []
    for _ in range(14):
        began = time.monotonic()
        try:
            with connect(region, pki) as stream:
                ask(stream)
        except (OSError, Closed):
            pass
        times.append(time.monotonic() - began)
    assert max(times) > 0.5
    assert region.metric(0, "gyre_connections_held_total") > before
    began = time.monotonic()
    for _ in range(14):
        dial_plain = socket.create_connection(address_of(region, "PLAINTEXT"), timeout=5)
        dial_plain.close()
    assert time.monotonic() - began < 0.5


def address_of(region, listener):
    host, port = region.broker(0)["listeners"][listener].split(":")
    return host, int(port)

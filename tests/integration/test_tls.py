# SPDX-License-Identifier: Apache-2.0
"""TLS on every listener, with other people's programs: openssl, kcat, Python's ssl, Java."""
import json
import os
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from region import BIN, CommandFailed, PATIENCE, Region, eventually, run

CACHE = pathlib.Path.home() / ".cache/gyre"
SLOW_CONNECTIONS = int(os.environ.get("GYRE_SLOW_CONNECTIONS", "300"))  # 10000 takes a minute
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 7, -1)  # size, key, version, id, no client id


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority beside the region's, with `gyre pki`."""
    return Pki(tmp_path_factory.mktemp("pki") / "own")


class Pki:
    def __init__(self, path):
        self.path = path
        if not path.is_dir():  # else it is the region's own
            self("init", "--name", "test authority")

    def __call__(self, verb, *words):
        return run(BIN / "gyre", "pki", verb, "--dir", self.path, *words)

    def __getitem__(self, name):
        return self.path / name

    def broker(self, name, days=30):
        self("issue", name, "--broker", "--dns", "localhost", "--ip", "127.0.0.1", "--force",
             "--days", days)
        return self[f"{name}.pem"]

    def client(self, name, *words):
        self("issue", name, "--force", *words)
        return self[f"{name}.crt"], self[f"{name}.key"]


def of_listener(pki, **options):
    """Settings that give the SSL listener the test's certificates."""
    pki.broker("broker")
    given = {"ssl.keystore.location": pki["broker.pem"], "ssl.truststore.location": pki["ca.crt"]}
    given.update({key.replace("_", "."): value for key, value in options.items()})
    return [f"listener.name.ssl.{key}={value}" for key, value in given.items()]


def start(own_region, settings, super_users=("ANONYMOUS",)):
    return own_region(brokers=1, listeners=["SSL"], settings=settings, super_users=super_users)


def address(region):
    host, port = region.broker(0)["listeners"]["SSL"].split(":")
    return host, int(port)


def connect(region, pki, session=None, context=None, host="localhost"):
    context = context or ssl.create_default_context(cafile=pki["ca.crt"])
    plain = socket.create_connection(address(region), timeout=10)
    return context.wrap_socket(plain, server_hostname=host, session=session)


def ask(stream):
    """ApiVersions; the answer's bytes."""
    stream.sendall(API_VERSIONS)
    head = receive(stream, 4)
    return receive(stream, struct.unpack(">i", head)[0])


def receive(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def kcat(region, ca, *words, certificate=None, host="127.0.0.1"):
    options = ["-X", "security.protocol=ssl", "-X", f"ssl.ca.location={ca}"]
    if certificate:
        options += ["-X", f"ssl.certificate.location={certificate[0]}", "-X",
                    f"ssl.key.location={certificate[1]}"]
    return run("kcat", "-b", f"{host}:{address(region)[1]}", *options, "-m", "5", *words,
               timeout=30)


def lists(region, ca, **options):
    try:
        return "1 brokers" in kcat(region, ca, "-L", **options)
    except CommandFailed:
        return False


def speaks(region, version):
    done = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % address(region),
                           f"-{version}"], input=b"", capture_output=True, check=False, timeout=20)
    return done.returncode == 0 and b"New, TLS" in done.stdout


def metric(region, name):
    return region.metric(0, name)


# versions

def test_only_the_newest_version_is_spoken_unless_told(own_region, pki):
    region = start(own_region, of_listener(pki))
    assert speaks(region, "tls1_3")
    assert not speaks(region, "tls1_2")
    region = start(own_region, of_listener(pki, ssl_enabled_protocols="TLSv1.2,TLSv1.3"))
    assert speaks(region, "tls1_3")
    assert speaks(region, "tls1_2")


def test_nobody_renegotiates_or_sends_early(own_region, pki, tmp_path):
    region = start(own_region, of_listener(pki, ssl_enabled_protocols="TLSv1.2,TLSv1.3"))
    command = ["openssl", "s_client", "-connect", "%s:%d" % address(region)]
    again = subprocess.run([*command, "-tls1_2"], input=b"R\n", capture_output=True, check=False,
                           timeout=20)
    assert b"RENEGOTIATING" in again.stderr + again.stdout
    assert b"no renegotiation" in again.stderr
    ticket, early = tmp_path / "ticket", tmp_path / "early"
    early.write_bytes(API_VERSIONS)
    with subprocess.Popen([*command, "-tls1_3", "-sess_out", ticket], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        first.stdin.write(API_VERSIONS)
        first.stdin.flush()
        eventually(ticket.exists)
        first.stdin.close()
        said = first.stdout.read()
    assert b"Max Early Data: 0" in said
    later = subprocess.run([*command, "-tls1_3", "-sess_in", ticket, "-early_data", early],
                           input=b"", capture_output=True, check=False, timeout=20)
    assert b"Reused, TLSv1.3" in later.stdout
    assert b"Early data was not sent" in later.stdout


# who gets in

@pytest.mark.parametrize("wanted", ["none", "requested", "required"])
def test_client_certificates_are_asked_for_as_the_option_says(own_region, pki, wanted):
    alice = pki.client("alice")
    stranger = Pki(pki.path.parent / f"stranger-{wanted}")
    mallory = stranger.client("mallory")
    region = start(own_region, of_listener(pki, ssl_client_auth=wanted),
                   super_users=["ANONYMOUS", "CN=alice"])
    assert lists(region, pki["ca.crt"], certificate=alice)
    assert lists(region, pki["ca.crt"]) == (wanted != "required")
    assert lists(region, pki["ca.crt"], certificate=mallory) == (wanted == "none")
    assert not lists(region, stranger["ca.crt"])
    assert metric(region, "gyre_tls_handshakes_total") > 0


def test_a_certificate_for_another_host_is_refused_by_clients(own_region, pki):
    region = start(own_region, of_listener(pki))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        connect(region, pki, host="elsewhere.test")
    assert ask(connect(region, pki))
    with pytest.raises(CommandFailed, match="certificate") as failure:
        run(BIN / "gyre", "topic", "list", "-b", "%s:%d" % address(region), "--ca",
            region.dir / "pki" / "client.crt", "--timeout", 5)
    assert failure.value.status == 5


def test_expired_and_revoked_certificates_are_refused(own_region, pki):
    bob = pki.client("bob")
    carol = pki.client("carol")
    settings = of_listener(pki, ssl_client_auth="required")
    settings.append(f"listener.name.ssl.gyre.ssl.crl.location={pki['ca.crl']}")
    region = start(own_region, settings, super_users=["CN=bob", "CN=carol"])
    assert lists(region, pki["ca.crt"], certificate=bob)
    assert lists(region, pki["ca.crt"], certificate=carol)
    pki("revoke", "bob")
    eventually(lambda: not lists(region, pki["ca.crt"], certificate=bob))
    assert lists(region, pki["ca.crt"], certificate=carol)
    late = pki.path.parent / "late.pem"
    expire(pki, late)
    assert not lists(region, pki["ca.crt"], certificate=(late, late))
    assert "expired" in eventually(lambda: said(region, "certificate has expired"))


def test_an_ended_list_of_revoked_certificates_replaces_no_good_one(own_region, pki):
    carol = pki.client("carol")
    settings = of_listener(pki, ssl_client_auth="required")
    settings.append(f"listener.name.ssl.gyre.ssl.crl.location={pki['ca.crl']}")
    region = start(own_region, settings, super_users=["CN=carol"])
    good = pki["ca.crl"].read_text()
    pki["ca.crl"].write_text(ended_list(pki))
    eventually(lambda: said(region, "a list of revoked certificates has ended"))
    assert metric(region, "gyre_tls_reloads_refused_total") >= 1
    assert lists(region, pki["ca.crt"], certificate=carol)
    pki["ca.crl"].write_text(good)


def ended_list(pki):
    """A list of revoked certificates that ended years ago."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        (path / "index").write_text("")
        (path / "conf").write_text("[ca]\ndefault_ca=all\n[all]\ndefault_md=sha256\n"
                                   f"database={path}/index\n")
        return run("openssl", "ca", "-config", path / "conf", "-gencrl", "-cert", pki["ca.crt"],
                   "-keyfile", pki["ca.key"], "-crl_lastupdate", "20200101000000Z",
                   "-crl_nextupdate", "20200201000000Z")


def expire(pki, path):
    """A certificate that ended years ago."""
    issue(pki, path, "20200101000000Z", "20200201000000Z")


def issue(pki, path, begins, ends):
    """A client's certificate and key in one file; openssl signs for any time, gyre does not."""
    key, request = path.with_suffix(".key"), path.with_suffix(".csr")
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={path.stem}")
    index = path.with_suffix(".index")
    index.write_text("")
    config = path.with_suffix(".conf")
    config.write_text("[ca]\ndefault_ca=c\n[c]\ndatabase=%s\nserial=%s\nnew_certs_dir=%s\n"
                      "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
                      % (index, path.with_suffix(".serial"), path.parent))
    run("openssl", "ca", "-batch", "-config", config, "-create_serial", "-in", request, "-out",
        path, "-cert", pki["ca.crt"], "-keyfile", pki["ca.key"], "-startdate", begins,
        "-enddate", ends, "-notext")
    path.write_text(path.read_text() + key.read_text())


def test_a_broker_starts_with_a_certificate_that_has_expired_and_says_so(own_region, pki, tmp_path):
    """As Kafka does, for clients; between brokers neither of them does."""
    settings = of_listener(pki)
    own = tmp_path / "own.pem"
    own.write_text(pki["broker.pem"].read_text())
    settings[0] = f"listener.name.ssl.ssl.keystore.location={own}"
    region = start(own_region, settings)
    assert ask(connect(region, pki))
    pid, = region.pids()
    region.kill(0, "TERM")
    eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists())
    expire(pki, own)
    region.start(0)
    assert said(region, f"the certificate in {own} has expired on 2020-02-01T00:00:00Z")
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(region, pki)
    own.write_text(pki["broker.pem"].read_text())
    eventually(lambda: metric(region, "gyre_tls_reloads_total") >= 1)
    assert ask(connect(region, pki))


def said(region, text):
    log = (region.home(0) / "gyred.log").read_text()
    return text if text in log else None


def test_names_in_certificates_become_principals(own_region, pki):
    alice = pki.client("alice", "--organization", "Gyre")
    bob = pki.client("bobby", "--organization", "Gyre")
    other = pki.client("other", "--organization", "Elsewhere")
    rules = "RULE:^CN=([a-z]+),O=Gyre$/team-$1/U"
    settings = of_listener(pki, ssl_client_auth="required")
    settings.append(f"listener.name.ssl.ssl.principal.mapping.rules={rules}")
    region = start(own_region, settings, super_users=["TEAM-ALICE"])
    kcat(region, pki["ca.crt"], "-P", "-t", "mine", "-l", "/etc/hostname", certificate=alice)
    with pytest.raises(CommandFailed, match="authorization failed|Unknown topic"):
        kcat(region, pki["ca.crt"], "-C", "-e", "-t", "mine", certificate=bob)
    assert not lists(region, pki["ca.crt"], certificate=other)
    assert eventually(lambda: said(region, "no rule makes a principal of this certificate"))


# sessions and reloads

def with_certificate(pki, certificate, key=None):
    context = ssl.create_default_context(cafile=pki["ca.crt"])
    context.load_cert_chain(certificate, key)
    return context


def ask_until_closed(streams, seconds=30):
    """Wall-clock time of the last answer on each of them."""
    answered = dict.fromkeys(streams, 0)
    began = time.monotonic()
    while streams and time.monotonic() < began + seconds:
        for stream in list(streams):
            try:
                ask(stream)
                answered[stream] = time.time()
            except OSError:
                streams.remove(stream)
        time.sleep(0.02)
    return list(answered.values())


def test_a_session_ends_with_its_certificate(own_region, pki, tmp_path):
    """By TLS alone and under SASL, for who asks and for who is silent."""
    settings = of_listener(pki, ssl_client_auth="required")
    settings += [setting.replace("name.ssl.", "name.sasl_ssl.") for setting in settings]
    region = own_region(brokers=1, listeners=["SSL", "SASL_SSL"], settings=settings,
                        super_users=["ANONYMOUS", "CN=brief"])
    ends = int(time.time()) + 6
    issue(pki, tmp_path / "brief.pem", "20200101000000Z",
          time.strftime("%Y%m%d%H%M%SZ", time.gmtime(ends)))
    context = with_certificate(pki, tmp_path / "brief.pem")
    streams = []
    for protocol in ("SSL", "SASL_SSL", "SSL"):
        host, port = region.broker(0)["listeners"][protocol].split(":")
        plain = socket.create_connection((host, int(port)), timeout=10)
        streams.append(context.wrap_socket(plain, server_hostname="localhost"))
        assert ask(streams[-1])
    silent = streams.pop()
    for last in ask_until_closed(list(streams)):
        assert ends - 1 < last < ends + PATIENCE
    silent.settimeout(1)
    assert silent.recv(1) == b""
    assert abs(time.time() - ends) < 2
    assert metric(region, "gyre_sessions_expired_total") == 3


def test_a_session_ends_when_its_certificate_is_revoked(own_region, pki):
    contexts = [with_certificate(pki, *pki.client(name)) for name in ("dave", "erin")]
    settings = of_listener(pki, ssl_client_auth="requested")
    settings.append(f"listener.name.ssl.gyre.ssl.crl.location={pki['ca.crl']}")
    region = start(own_region, settings, super_users=["ANONYMOUS", "CN=dave", "CN=erin"])
    dave, erin = ([connect(region, pki, context=context) for _ in range(40)]
                  for context in contexts)
    nobody = connect(region, pki)
    assert all(ask(stream) for stream in (*dave, *erin, nobody))
    pki("revoke", "dave")
    revoked = time.time()
    for last in ask_until_closed(dave, 5):
        assert last < revoked + PATIENCE
    assert dave == []
    assert all(ask(stream) for stream in (*erin, nobody))
    assert metric(region, "gyre_sessions_revoked_total") == 40

def test_sessions_are_resumed_until_trust_changes(own_region, pki):
    settings = of_listener(pki)
    settings.append(f"listener.name.ssl.gyre.ssl.crl.location={pki['ca.crl']}")
    region = start(own_region, settings)
    context = ssl.create_default_context(cafile=pki["ca.crt"])
    first = connect(region, pki, context=context)
    ask(first)
    second = connect(region, pki, session=first.session, context=context)
    assert ask(second) and second.session_reused
    assert metric(region, "gyre_tls_handshakes_resumed_total") == 1
    before = metric(region, "gyre_tls_reloads_total")
    pki("revoke", "broker")  # any change of the list will do
    eventually(lambda: metric(region, "gyre_tls_reloads_total") > before)
    third = connect(region, pki, session=second.session, context=context)
    assert ask(third) and not third.session_reused
    assert ask(first) and ask(second)
    pki.broker("broker")


def test_a_hundred_reloads_drop_no_connection(own_region, pki):
    region = start(own_region, of_listener(pki))
    pid, = region.pids()
    is_over = threading.Event()
    failures = []
    asked = [0]

    def keep_asking():
        try:
            stream = connect(region, pki)
            while not is_over.is_set():
                ask(stream)
                asked[0] += 1
        except OSError as error:
            failures.append(error)

    def keep_connecting():
        try:
            while not is_over.is_set():
                with connect(region, pki) as stream:
                    ask(stream)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=keep_asking) for _ in range(8)]
    threads.append(threading.Thread(target=keep_connecting))
    for thread in threads:
        thread.start()
    before = metric(region, "gyre_tls_reloads_total")
    for number in range(100):
        if number % 10 == 0:
            pki("renew", "broker")
        os.kill(pid, signal.SIGHUP)
        eventually(lambda: metric(region, "gyre_tls_reloads_total") > before + number, every=0.01)
    is_over.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert asked[0] > 1000
    assert metric(region, "gyre_tls_reloads_refused_total") == 0


def test_a_bad_pair_is_refused_and_the_old_one_stays(own_region, pki):
    region = start(own_region, of_listener(pki))
    good = pki["broker.pem"].read_text()
    pki["broker.pem"].write_text(good[:len(good) // 2])
    eventually(lambda: metric(region, "gyre_tls_reloads_refused_total") >= 1)
    assert ask(connect(region, pki))
    pki["broker.pem"].write_text(good)
    before = metric(region, "gyre_tls_reloads_total")
    eventually(lambda: metric(region, "gyre_tls_reloads_total") > before)
    assert ask(connect(region, pki))


# those who do not mean well

def test_slow_handshakes_end_and_harm_nobody(own_region, pki):
    region = start(own_region, of_listener(pki))
    slow = []
    for number in range(SLOW_CONNECTIONS):
        slow.append(socket.create_connection(address(region)))
        slow[-1].sendall(b"\x16\x03\x01\x02\x00\x01"[:number % 7])
    times = []
    began = time.monotonic()
    while time.monotonic() < began + 3:
        at = time.monotonic()
        with connect(region, pki) as stream:
            ask(stream)
        times.append(time.monotonic() - at)
    assert sorted(times)[len(times) * 99 // 100] < 0.5
    assert ask(connect(region, pki))

    def all_closed():
        for one in slow:
            one.settimeout(0.01)
            try:
                if one.recv(100):
                    return False
            except TimeoutError:
                return False
            except OSError:
                pass
        return True

    eventually(all_closed, timeout=20)
    assert metric(region, "gyre_tls_handshakes_failed_total") >= SLOW_CONNECTIONS


def test_noise_is_refused(own_region, pki):
    region = start(own_region, of_listener(pki))
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x0a\x00\x12\x00\x00", b"\xff" * 5000):
        with socket.create_connection(address(region), timeout=5) as stream:
            stream.sendall(noise)
            try:
                while stream.recv(1000):
                    pass
            except ConnectionResetError:
                pass
    assert ask(connect(region, pki))


def test_a_flood_of_new_keys_ends_the_connection(own_region, pki):
    region = start(own_region, of_listener(pki))
    process = subprocess.Popen(["openssl", "s_client", "-connect", "%s:%d" % address(region)],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        sent = 0
        while process.poll() is None and sent < 1000:
            process.stdin.write(b"K\n")  # s_client asks for new keys, one for each read
            process.stdin.flush()
            sent += 1
            time.sleep(0.005)
        assert 64 <= sent < 1000
    except BrokenPipeError:
        assert sent >= 64
    finally:
        process.kill()
        process.wait()
    assert eventually(lambda: said(region, "too many changes of keys"))
    assert ask(connect(region, pki))


# other listeners, other clients

def test_links_between_brokers_let_no_stranger_in(own_region, pki):
    region = own_region(brokers=3, listeners=["SSL"], super_users=["CN=client"])
    text = (region.home(0) / "broker.conf").read_text()
    assert "security.inter.broker.protocol=SSL" in text
    port = region.broker(0)["rpc_port"]
    alice = pki.client("alice")
    run(BIN / "gyre", "pki", "issue", "user", "--dir", region.dir / "pki" / "links")
    user = [region.dir / "pki" / "links" / f"user.{kind}" for kind in ("crt", "key")]
    for certificate in (None, alice, user):
        context = ssl.create_default_context(cafile=region.dir / "pki" / "links" / "ca.crt")
        if certificate:
            context.load_cert_chain(*certificate)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
                try:
                    assert stream.recv(1) == b""
                except (ssl.SSLError, ConnectionResetError):
                    pass
    assert eventually(lambda: said(region, "a peer was not let in"))
    assert eventually(lambda: said(region, "the certificate is not a broker's"))
    region.kcat("-P", "-t", "all", "-X", "acks=all", stdin="one\n")


def test_a_broker_is_cut_off_when_its_certificate_is_revoked():
    """Its links are open already; within a second the others hear no more of it, and go on."""
    region = Region(brokers=3, listeners=["SSL"], super_users=["CN=client"])
    path = region.dir / "pki" / "links"
    region.settings = [f"listener.name.rpc.gyre.ssl.crl.location={path / 'ca.crl'}"]
    with region:
        first, outcast, last = region.node_ids  # dialled by the first, and dials the last
        others = [first, last]
        survivor = region.address(others[0])
        region.kcat("-P", "-t", "all", "-X", "acks=all", stdin="one\n")
        Pki(path)("revoke", f"local-broker-{outcast}")
        began = time.monotonic()
        for node_id in others:
            log = region.home(node_id) / "gyred.log"
            eventually(lambda log=log: "a peer's certificate is not trusted any more"
                       in log.read_text(), every=0.02)
        assert time.monotonic() - began < PATIENCE
        eventually(lambda: f"broker {outcast} at" not in region.kcat("-b", survivor, "-L"))
        assert region.kcat("-b", survivor, "-C", "-t", "all", "-e", "-q") == "one\n"


def test_the_admin_port_speaks_https(own_region, pki):
    region = own_region(brokers=1, settings=[
        f"listener.name.admin.ssl.keystore.location={pki.broker('admin')}"])
    region.down()
    path = region.home(0) / "broker.conf"
    process = subprocess.Popen([BIN / "gyred", "-o", "gyre.admin.ssl=true", path],
                               stderr=subprocess.DEVNULL)
    try:
        url = f"https://127.0.0.1:{region.broker(0)['admin_port']}/livez"
        assert eventually(lambda: run("curl", "-s", "--cacert", pki["ca.crt"], url)) == "ok\n"
    finally:
        process.terminate()
        process.wait()


def test_gyre_and_java_properties(own_region, pki, tmp_path):
    pki.client("alice")
    region = start(own_region, of_listener(pki, ssl_client_auth="required"),
                   super_users=["CN=alice"])
    properties = tmp_path / "client.properties"
    properties.write_text(f"security.protocol=SSL\nssl.truststore.type=PEM\n"
                          f"ssl.truststore.location={pki['ca.crt']}\nssl.keystore.type=PEM\n"
                          f"ssl.keystore.location={pki['alice.pem']}\n")
    server = ["-b", "%s:%d" % address(region), "--command-config", properties]
    values = "".join(f"{number}\n" for number in range(50000))
    run(BIN / "gyre", "produce", "numbers", *server, stdin=values)
    read = run(BIN / "gyre", "consume", "numbers", *server, "--from-beginning", "-e")
    assert sorted(read.split()) == sorted(values.split())
    listed = json.loads(run(BIN / "gyre", "topic", "list", *server, "-o", "json"))
    assert "numbers" in json.dumps(listed)


def test_java_over_tls(own_region, pki, tmp_path):
    sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
    tools = pytest.importorskip("kafka_tools")
    if not (CACHE / "kafka-4.3.1").is_dir():
        pytest.skip("Apache Kafka's tools are not here")
    pki.client("alice")
    region = start(own_region, of_listener(pki, ssl_client_auth="required"),
                   super_users=["CN=alice"])
    properties = tmp_path / "client.properties"
    properties.write_text(f"security.protocol=SSL\nssl.truststore.type=PEM\n"
                          f"ssl.truststore.location={pki['ca.crt']}\nssl.keystore.type=PEM\n"
                          f"ssl.keystore.location={pki['alice.pem']}\n")
    server = ["--bootstrap-server", "%s:%d" % address(region), "--command-config", str(properties)]
    values = "".join(f"value-{number}\n" for number in range(5000))
    tools.run("kafka-topics", *server, "--create", "--topic", "java", "--partitions", "2")
    status, _, error = tools.run("kafka-console-producer", *server, "--topic", "java",
                                 stdin=values)
    assert status == 0, error
    status, read, error = tools.run("kafka-console-consumer", *server, "--topic", "java",
                                    "--from-beginning", "--max-messages", "5000", "--timeout-ms",
                                    "60000")
    assert status == 0, error
    assert sorted(read.split()) == sorted(values.split())


PYTHON_CLIENTS = {
    "confluent-kafka-python": """
import sys
import tempfile
from confluent_kafka import Consumer, Producer
server, ca, certificate, key = sys.argv[1:]
tls = {"bootstrap.servers": server, "security.protocol": "ssl", "ssl.ca.location": ca,
       "ssl.certificate.location": certificate, "ssl.key.location": key}
producer = Producer(tls)
for number in range(1000):
    producer.produce("python", str(number))
assert producer.flush(30) == 0
consumer = Consumer({**tls, "group.id": "g", "auto.offset.reset": "earliest"})
consumer.subscribe(["python"])
got = []
while len(got) < 1000:
    message = consumer.poll(30)
    assert message is not None and message.error() is None
    got.append(int(message.value()))
assert sorted(got) == list(range(1000))
""",
    "kafka-python": """
import sys
import tempfile
from kafka import KafkaConsumer, KafkaProducer
server, ca, certificate, key = sys.argv[1:]
tls = {"bootstrap_servers": server, "security_protocol": "SSL", "ssl_cafile": ca,
       "ssl_certfile": certificate, "ssl_keyfile": key}
producer = KafkaProducer(**tls)
for number in range(1000):
    producer.send("python", str(number).encode())
producer.flush(30)
consumer = KafkaConsumer("python", auto_offset_reset="earliest", consumer_timeout_ms=30000, **tls)
got = []
for message in consumer:
    got.append(int(message.value))
    if len(got) == 1000:
        break
assert sorted(got) == list(range(1000))
""",
}


@pytest.mark.parametrize("client", sorted(PYTHON_CLIENTS))
def test_python_clients_over_tls(own_region, pki, client):
    python = CACHE / "clients" / client / "venv/bin/python"
    if not python.exists():
        pytest.skip(f"{client} is not here")
    certificate, key = pki.client("alice")
    region = start(own_region, of_listener(pki, ssl_client_auth="required"),
                   super_users=["CN=alice"])
    run(python, "-c", PYTHON_CLIENTS[client], "%s:%d" % address(region), pki["ca.crt"],
        certificate, key, timeout=120)

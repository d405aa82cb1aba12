# SPDX-License-Identifier: Apache-2.0
"""The keys of those who sign tokens, from a web server with TLS that may be slow, wrong or false."""
import http.server
import json
import ssl
import threading
import time

import pytest

from kafka_wire import Closed, Connection
from region import Region, eventually, run
from token_signer import ISSUER, Signer, bearer

KEY_BYTES_MAX = 1024 * 1024
DOWNLOAD_LIMIT_S = 5


class KeyServer:
    """https on loopback; `answer` is what it does with a request: a function of the handler."""

    def __init__(self, home, names="IP:127.0.0.1"):
        home.mkdir()
        self.certificate, key = home / "server.crt", home / "server.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", self.certificate, "-days", "2", "-subj", "/CN=keys",
            "-addext", f"subjectAltName={names}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.answer = None
        self.asked = 0
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name  # as the library calls it
                owner.asked += 1
                owner.answer(self)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        class Server(http.server.ThreadingHTTPServer):
            def finish_request(self, request, client_address):
                """TLS in the request's own thread: who does not finish it holds nobody up."""
                super().finish_request(context.wrap_socket(request, server_side=True),
                                       client_address)

            def handle_error(self, *_):
                """Clients hang up; that is what is tested."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def send(handler, body, status=200, **headers):
    handler.send_response(status)
    for name, value in {"Content-Length": len(body), **headers}.items():
        handler.send_header(name, str(value))
    handler.end_headers()
    handler.wfile.write(body)


def keys_of(*signers, padding=0):
    text = json.dumps({"keys": [one.public for one in signers], "padding": "x" * padding})
    return lambda handler: send(handler, text.encode())


@pytest.fixture(scope="module", name="signers")
def make_signers(tmp_path_factory):
    home = tmp_path_factory.mktemp("signers")
    return [Signer(home, kid) for kid in ("one", "two")]


@pytest.fixture(scope="module", name="server")
def make_server(tmp_path_factory, signers):
    server = KeyServer(tmp_path_factory.mktemp("keys") / "server")
    server.answer = keys_of(signers[0])
    yield server
    server.close()


def start(server, authority):
    return Region(brokers=1, listeners=["SASL_PLAINTEXT"], users={"root": "secret"},
                  super_users=["root", "alice"], settings=[
                      "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER",
                      f"sasl.oauthbearer.jwks.endpoint.url={server.url}",
                      f"gyre.sasl.oauthbearer.jwks.ca.location={authority}",
                      "sasl.oauthbearer.jwks.endpoint.refresh.ms=200",
                      "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms=200",
                      f"sasl.oauthbearer.expected.issuer={ISSUER}"])


@pytest.fixture(scope="module", name="region")
def make_region(server):
    with start(server, server.certificate) as region:
        yield region


@pytest.fixture(autouse=True)
def make_whole(server, signers):
    """Each test begins and ends with the keys of the first signer."""
    yield
    server.answer = keys_of(signers[0])


def opens(region, token):
    """Is the token enough?"""
    with Connection(region.address(region.node_ids[0])) as connection:
        try:
            connection.call("SaslHandshake", 1, mechanism="OAUTHBEARER")
            answer = connection.call("SaslAuthenticate", 1, auth_bytes=bearer(token))
        except Closed:
            return False
        return answer["error_code"] == 0 and not answer["auth_bytes"]


def complaints(region):
    """Why keys could not be loaded, as the broker's log has it."""
    return [line for line in region.logs(lines=100000).splitlines()
            if "keys of token signers cannot be loaded" in line]


def test_tokens_are_checked_with_keys_from_the_web(region, signers):
    assert opens(region, signers[0].token())
    assert not opens(region, signers[1].token())


def test_signers_come_and_go_with_their_keys(region, server, signers):
    server.answer = keys_of(*signers)
    eventually(lambda: opens(region, signers[1].token()))
    assert opens(region, signers[0].token())
    server.answer = keys_of(signers[1])
    eventually(lambda: not opens(region, signers[0].token()))
    assert opens(region, signers[1].token())
    server.answer = keys_of(signers[0])
    eventually(lambda: opens(region, signers[0].token()))


def say_nothing(_handler, is_over):
    is_over.wait(60)


def say_it_slowly(handler, is_over):
    handler.send_response(200)
    handler.end_headers()
    while not is_over.wait(0.1):
        handler.wfile.write(b" ")
        handler.wfile.flush()


@pytest.mark.parametrize("manner", [say_nothing, say_it_slowly])
def test_a_slow_server_holds_up_nobody_and_is_given_up(region, server, signers, manner):
    is_over, begins = threading.Event(), threading.Event()
    before = len(complaints(region))

    def answer(handler):
        begins.set()
        manner(handler, is_over)

    server.answer = answer
    assert begins.wait(10)
    start_s = time.monotonic()
    try:
        slowest = 0
        while time.monotonic() - start_s < 1:
            asked = time.monotonic()
            with Connection(region.address(region.node_ids[0])) as connection:
                connection.log_in("root", "secret")
            assert opens(region, signers[0].token())
            slowest = max(slowest, time.monotonic() - asked)
        assert slowest < 1
        eventually(lambda: len(complaints(region)) > before, timeout=4 * DOWNLOAD_LIMIT_S)
        assert time.monotonic() - start_s < 2 * DOWNLOAD_LIMIT_S
        assert "imeout" in complaints(region)[before]
    finally:
        is_over.set()


@pytest.mark.parametrize("what", ["too large", "no JSON", "no keys", "an error", "elsewhere"])
def test_what_is_not_a_set_of_keys_changes_nothing(region, server, signers, what):
    """Also where it has the keys in it."""
    both = keys_of(*signers)
    before = len(complaints(region))

    def answer(handler):
        if handler.path == "/elsewhere":
            both(handler)
        elif what == "too large":
            keys_of(*signers, padding=KEY_BYTES_MAX)(handler)
        elif what == "elsewhere":
            send(handler, b"", 302, Location="/elsewhere")
        else:
            send(handler, {"no JSON": b"{", "no keys": b'{"keys": 1}',
                           "an error": b'{"keys": []}'}[what],
                 status=500 if what == "an error" else 200)

    server.answer = answer
    eventually(lambda: len(complaints(region)) >= before + 2)
    assert opens(region, signers[0].token())
    assert not opens(region, signers[1].token())


@pytest.mark.parametrize("flaw", ["authority", "name"])
def test_a_false_server_is_not_even_asked(tmp_path, signers, flaw):
    server = KeyServer(tmp_path / "false", names="DNS:keys" if flaw == "name" else "IP:127.0.0.1")
    server.answer = keys_of(signers[0])
    other = KeyServer(tmp_path / "other")
    try:
        with start(server, other.certificate if flaw == "authority" else
                   server.certificate) as region:
            eventually(lambda: complaints(region))
            assert not opens(region, signers[0].token())
            assert server.asked == 0
            assert "certificate" in complaints(region)[0]
    finally:
        server.close()
        other.close()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients x mechanisms x listeners, and what must be refused.

    matrix.py [--short] [--bin DIR] [--client X ...] [--case C ...] [--json FILE]

Starts a region of three brokers with the listeners SASL_SSL, SASL_PLAINTEXT and SSL, and a second one that
takes SCRAM-SHA-512 alone. In each cell a client writes five records and reads them back in a
group; where it must be refused, it must say why (refusals.py). --short holds one conversation a
client and mechanism. Exits 1 if anything failed; ends with `N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support"), str(HERE.parent)]
import clients  # noqa: E402 (found through the line above)
import credentials  # noqa: E402
import drivers  # noqa: E402
import kerberos  # noqa: E402
import refusals  # noqa: E402

PASSWORDS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
MECHANISMS = (*PASSWORDS, "OAUTHBEARER", "GSSAPI")
SASL_LISTENERS = ("SASL_SSL", "SASL_PLAINTEXT")
LISTENERS = {"SASL_SSL": 0, "SASL_PLAINTEXT": 50, "SSL": 60}  # and how much above the port
CELL_TIMEOUT_S = 60
AT_ONCE = 3


def cells():
    """(case, mechanism, listener, is it to succeed); `names` may go either way."""
    for listener in SASL_LISTENERS:
        for mechanism in MECHANISMS:
            yield "good", mechanism, listener, True
        for mechanism in PASSWORDS:
            yield "wrong-password", mechanism, listener, False
            yield "unknown-user", mechanism, listener, False
        yield "expired-token", "OAUTHBEARER", listener, False
    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        yield "wrong-mechanism", mechanism, "SASL_SSL", False
    yield "good", None, "SSL", True
    for case in ("no-certificate", "expired-certificate", "revoked-certificate",
                 "foreign-certificate"):
        yield case, None, "SSL", False
    yield "foreign-broker", None, "SSL", False
    yield "legal-name", "SCRAM-SHA-512", "SASL_SSL", True
    yield "path-name", "SCRAM-SHA-512", "SASL_SSL", None


def is_short(cell):
    case, mechanism, listener, _ = cell
    return ((case == "good" and listener != "SASL_PLAINTEXT")
            or (case == "wrong-password" and mechanism == "SCRAM-SHA-512" and
                listener == "SASL_SSL"))


class Target:
    """The regions, the users and their credentials."""

    USER, PASSWORD = "alice", "wonder-land"

    def __init__(self, binaries, scratch):
        os.environ["GYRE_BIN"] = str(binaries)
        from region import Region  # it reads GYRE_BIN when it is imported
        self.scratch = pathlib.Path(scratch)
        self.issuer = credentials.TokenIssuer(self.scratch / "tokens")
        self.kerberos = kerberos.start(self.scratch / "kerberos")
        wide = dict(brokers=3, parent=scratch, listeners=list(LISTENERS),
                    users={self.USER: self.PASSWORD}, super_users=[self.USER, "CN=good"])
        self.region = Region(**wide)
        self.make_certificates()
        self.region.settings = self.settings()
        if self.kerberos:
            os.environ |= self.kerberos.server_environment()
        self.region.up()
        # Only now: a region that does not run yet holds no port that others would notice.
        self.narrow = Region(brokers=1, parent=scratch, listeners=["SASL_SSL"],
                             users={self.USER: self.PASSWORD}, super_users=[self.USER],
                             settings=["sasl.enabled.mechanisms=SCRAM-SHA-512"])
        self.narrow.up()

    def make_certificates(self):
        """Before the region starts: it takes an authority that lies there already."""
        pki = self.region.dir / "pki"
        credentials.make_authority(pki)
        own = credentials.Certificates(pki, self.scratch / "certificates")
        credentials.make_authority(self.scratch / "foreign", "Somebody else")
        foreign = credentials.Certificates(self.scratch / "foreign", self.scratch / "foreign/own")
        self.pairs = {"good": own.issue("good"), "expired-certificate": own.expired("expired"),
                      "revoked-certificate": own.revoked("revoked"),
                      "foreign-certificate": foreign.issue("good")}
        self.revocations = own.write_revocations()

    def settings(self):
        mechanisms = [one for one in MECHANISMS if one != "GSSAPI" or self.kerberos]
        # Kerberos is about names of hosts, and Java's is the name that an address leads back to.
        advertised = [f"{broker}:advertised.listeners=" + ",".join(
            f"{protocol}://localhost:{self.region.port + broker + more}"
            for protocol, more in LISTENERS.items()) for broker in range(self.region.count)]
        lines = ["group.initial.rebalance.delay.ms=0", *advertised,
                 f"sasl.enabled.mechanisms={','.join(mechanisms)}",
                 "listener.name.ssl.ssl.client.auth=required",
                 f"listener.name.ssl.gyre.ssl.crl.location={self.revocations}",
                 f"sasl.oauthbearer.jwks.endpoint.url=file://{self.issuer.jwks}",
                 f"sasl.oauthbearer.expected.audience={self.issuer.AUDIENCE}",
                 f"sasl.oauthbearer.expected.issuer={self.issuer.ISSUER}"]
        return lines + (self.kerberos.settings() if self.kerberos else [])

    def make_stream(self):
        """For names within streams; whoever administers may do everything there."""
        self.region.on("stream", "create", "/matrix/names", "--autocreate", "true",
                       "--if-not-exists")

    def argument(self, case, mechanism, listener):
        region = self.narrow if case == "wrong-mechanism" else self.region
        tag = secrets.token_hex(4)
        topic = {"path-name": f"/matrix/names:{tag}",
                 "legal-name": f"matrix.names..{tag}"}.get(case, f"matrix-{tag}")
        bootstrap = region.addresses(listener).replace("127.0.0.1", "localhost")
        given = {"bootstrap": bootstrap, "topic": topic,
                 "group": f"matrix.names.{tag}", "protocol": listener}
        if listener.endswith("SSL"):
            given["ca"] = str((self.scratch / "foreign" if case == "foreign-broker"
                               else region.dir / "pki") / "ca.crt")
        if listener == "SSL":
            pair = self.pairs.get("good" if case == "foreign-broker" else case)
            if pair:
                given["certificate"], given["key"] = pair
            return given
        given["mechanism"] = mechanism
        if mechanism == "OAUTHBEARER":
            given["token"], given["expires_s"] = self.issuer.token(
                self.USER, -300 if case == "expired-token" else 3600)
            if case == "expired-token":
                given["expires_s"] += 3600  # the client believes it; the broker must not
        elif mechanism != "GSSAPI":
            given["username"] = "nobody-here" if case == "unknown-user" else self.USER
            given["password"] = "not-it" if case == "wrong-password" else self.PASSWORD
        return given

    def environment(self):
        return self.kerberos.client_environment() if self.kerberos else {}

    def end(self):
        for region in (self.region, self.narrow):
            region.destroy()
        if self.kerberos:
            self.kerberos.stop()


def judge(answer, wanted, refusal):
    """A result and why; `refusal` is what a client is to say that must be refused."""
    why = " ".join(answer.get("error", "").split())
    if "absent" in answer:
        return "absent", answer["absent"]
    if wanted is None:
        return ("passed", "") if answer["ok"] else ("refused", why)
    if wanted:
        return "passed" if answer["ok"] else "failed", why
    if answer["ok"]:
        return "failed", "it was let in"
    if not refusal.search(why):
        return "failed", f"does not say {refusal.pattern!r}: {why}"
    return "passed", why


class Matrix:
    def __init__(self, target):
        self.target = target
        self.rows = []

    def note(self, driver, cell, result, why="", version=""):
        case, mechanism, listener, _ = cell
        self.rows.append({"client": driver.name, "version": version, "case": case,
                          "mechanism": mechanism or "certificate", "listener": listener,
                          "result": result, "why": why})
        print(f"{result:7} {driver.name} {case} {mechanism or 'certificate'} {listener}"
              f"{': ' + why[:600 if result == 'failed' else 200] if why else ''}", flush=True)

    def hold(self, driver, cell):
        case, mechanism, listener, wanted = cell
        if mechanism == "GSSAPI" and not self.target.kerberos:
            self.note(driver, cell, "skipped", "no krb5-kdc on this machine")
            return
        argument = json.dumps(self.target.argument(case, mechanism, listener))
        try:
            line, problem = drivers.run(driver, argument, self.target.environment(),
                                        CELL_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.note(driver, cell, "failed", f"no answer within {CELL_TIMEOUT_S} s")
            return
        if line is None:
            self.note(driver, cell, "failed", f"the driver ended: {problem}")
            return
        answer = json.loads(line)
        result, why = judge(answer, wanted, refusals.find(driver.name, case, mechanism))
        self.note(driver, cell, result, why, answer["version"])

    def count(self, *results):
        return sum(row["result"] in results for row in self.rows)


def prepared(names, matrix):
    """The drivers that can run here."""
    unknown = set(names) - {driver.name for driver in drivers.DRIVERS}
    if unknown:
        raise SystemExit(f"unknown client {unknown.pop()}")
    for driver in drivers.DRIVERS:
        if names and driver.name not in names:
            continue
        try:
            driver.prepare()
            yield driver
        except clients.Unavailable as problem:
            result = "failed" if os.environ.get("CI") == "true" else "skipped"
            matrix.note(driver, ("*", "*", "*", None), result, str(problem))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "release" / "bin")
    parser.add_argument("--client", action="append", default=[])
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--mechanism", action="append", default=[])
    parser.add_argument("--json", type=pathlib.Path)
    given = parser.parse_args()
    chosen = [cell for cell in cells()
              if (not given.short or is_short(cell)) and (not given.case or cell[0] in given.case)
              and (not given.mechanism or cell[1] in given.mechanism)]
    with tempfile.TemporaryDirectory(prefix="gyre-matrix-") as scratch:
        target = Target(given.bin.resolve(), scratch)
        matrix = Matrix(target)
        try:
            if any(cell[0].endswith("-name") for cell in chosen):
                target.make_stream()
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                for driver in prepared(given.client, matrix):
                    list(pool.map(lambda cell, driver=driver: matrix.hold(driver, cell), chosen))
        finally:
            target.end()
    if given.json:
        given.json.write_text(json.dumps(matrix.rows, indent=1) + "\n")
    print(f"{matrix.count('passed', 'refused', 'absent')} passed, {matrix.count('failed')} failed, "
          f"{matrix.count('skipped')} skipped")
    sys.exit(1 if matrix.count("failed") else 0)


if __name__ == "__main__":
    main()

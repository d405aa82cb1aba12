#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs kafka-acls, kafka-configs and kafka-delegation-tokens, unmodified, and compares what they
print with what they print on Apache Kafka, line by line.

    security_tools.py                      against a region that it starts itself (gyre dev)
    security_tools.py --oracle --record    anew from Apache Kafka, into oracle/security-tools.json

Tokens, times and addresses are masked, lines are sorted where Kafka has no order. The last line is
`N passed, N failed, N skipped`; exits 1 if anything differs.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import kafka_oracle
import kafka_tools

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
RECORD = HERE / "oracle" / "security-tools.json"
PASSWORD = "admin-secret"
SECRET = "a-secret-of-tests"

USER = ["--entity-type", "users", "--entity-name"]
ACLS = "kafka-acls"
CONFIGS = "kafka-configs"
TOKENS = "kafka-delegation-tokens"

# Tool and arguments; ADMIN, ALICE and CAROL are client settings, HMAC is that of the newest token.
STEPS = [
    (ACLS, "--add --allow-principal User:alice --operation Read --topic clicks"),
    (ACLS, "--add --deny-principal User:bob --deny-host 10.0.0.1 --operation Write --topic ads."
           " --resource-pattern-type prefixed"),
    (ACLS, "--add --allow-principal User:* --consumer --topic clicks --group readers"),
    (ACLS, "--add --allow-principal User:alice --operation Alter --cluster"),
    (ACLS, "--add --allow-principal User:alice --operation CreateTokens --user-principal User:bob"),
    (ACLS, "--list"),
    (ACLS, "--list --topic ads.x --resource-pattern-type match"),
    (ACLS, "--list --principal User:alice"),
    (ACLS, "--add --allow-principal alice --operation Read --topic clicks"),
    (ACLS, "--remove --force --allow-principal User:alice --operation Read --topic clicks"),
    (ACLS, "--remove --force --topic ads. --resource-pattern-type prefixed"),
    (ACLS, "--list"),
    (CONFIGS, "--alter --entity-type users --entity-name alice"
              " --add-config SCRAM-SHA-256=[iterations=8192,password=alice-secret]"),
    (CONFIGS, "--alter --entity-type users --entity-name alice"
              " --add-config SCRAM-SHA-512=[password=alice-secret]"),
    (CONFIGS, "--alter --entity-type users --entity-name bob --add-config"
              " SCRAM-SHA-256=[password=b],SCRAM-SHA-512=[password=b]"),
    (CONFIGS, "--alter --entity-type users --entity-name bob --add-config"
              " SCRAM-SHA-256=[iterations=1024,password=b]"),
    (CONFIGS, "--alter --entity-type users --entity-name bob --add-config"
              " SCRAM-SHA-256=[iterations=99999,password=b]"),
    (CONFIGS, "--alter --entity-type users --entity-name bob --delete-config SCRAM-SHA-256"),
    (CONFIGS, "--describe --entity-type users --entity-name alice"),
    (CONFIGS, "--describe --entity-type users --entity-name nobody"),
    (CONFIGS, "--alter --entity-type users --entity-name alice"
              " --add-config producer_byte_rate=1024,request_percentage=12.5"),
    (CONFIGS, "--alter --entity-type users --entity-name alice --entity-type clients"
              " --entity-default --add-config consumer_byte_rate=2048"),
    (CONFIGS, "--alter --entity-type users --entity-default"
              " --add-config controller_mutation_rate=5"),
    (CONFIGS, "--alter --entity-type clients --entity-name app --add-config"
              " producer_byte_rate=1024.5"),
    (CONFIGS, "--alter --entity-type clients --entity-name app --add-config producer_byte_rate=-1"),
    (CONFIGS, "--alter --entity-type ips --entity-name 127.0.0.9 --add-config"
              " connection_creation_rate=10"),
    (CONFIGS, "--describe --entity-type users"),
    (CONFIGS, "--describe --entity-type users --entity-type clients"),
    (CONFIGS, "--describe --entity-type ips"),
    (CONFIGS, "--alter --entity-type users --entity-name alice"
              " --delete-config producer_byte_rate,request_percentage"),
    (CONFIGS, "--alter --entity-type ips --entity-name 127.0.0.9"
              " --delete-config connection_creation_rate"),
    (CONFIGS, "--describe --entity-type users --entity-name alice"),
    (CONFIGS, "--describe --entity-type ips"),
    (TOKENS, "--create --max-life-time-period -1 --command-config EMPTY"),
    (TOKENS, "--create --max-life-time-period -1 --renewer-principal User:bob"
             " --command-config ALICE"),
    (TOKENS, "--create --max-life-time-period -1 --owner-principal User:carol"
             " --command-config ALICE"),
    (TOKENS, "--create --max-life-time-period -1 --renewer-principal Group:bob"
             " --command-config ALICE"),
    (TOKENS, "--describe --command-config ALICE"),
    (TOKENS, "--describe --owner-principal User:nobody --command-config ALICE"),
    (TOKENS, "--describe --owner-principal User:alice --command-config ADMIN"),
    (TOKENS, "--renew --renew-time-period -1 --hmac HMAC --command-config ALICE"),
    (TOKENS, "--renew --renew-time-period -1 --hmac HMAC --command-config ADMIN"),
    (TOKENS, "--renew --renew-time-period -1 --hmac bm90aGluZw== --command-config ALICE"),
    (TOKENS, "--expire --expiry-time-period -1 --hmac HMAC --command-config ADMIN"),
    (TOKENS, "--expire --expiry-time-period -1 --hmac HMAC --command-config ALICE"),
    (TOKENS, "--describe --command-config ALICE"),
    (CONFIGS, "--alter --entity-type users --entity-name carol"
              " --add-config SCRAM-SHA-256=[password=carol-secret]"),
    (ACLS, "--list --command-config CAROL"),
    (ACLS, "--add --allow-principal User:carol --operation Read --topic x --command-config CAROL"),
    (ACLS, "--remove --force --topic clicks --command-config CAROL"),
    (CONFIGS, "--describe --entity-type users --command-config CAROL"),
    (CONFIGS, "--alter --entity-type users --entity-name carol --add-config producer_byte_rate=1"
              " --command-config CAROL"),
    (CONFIGS, "--alter --entity-type users --entity-name carol"
              " --add-config SCRAM-SHA-256=[password=x] --command-config CAROL"),
    (TOKENS, "--create --max-life-time-period -1 --owner-principal User:alice"
             " --command-config CAROL"),
    (TOKENS, "--create --max-life-time-period 60000 --command-config CAROL"),
    (TOKENS, "--describe --owner-principal User:carol --command-config ALICE"),
    (CONFIGS, "--alter --entity-type users --entity-name alice --delete-config"
              " SCRAM-SHA-256,SCRAM-SHA-512"),
    (CONFIGS, "--alter --entity-type users --entity-name alice --delete-config SCRAM-SHA-256"),
    (CONFIGS, "--describe --entity-type users --entity-name alice"),
]

MASKS = [
    (r"127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*", "ADDRESS"),
    (r"[A-Za-z0-9+/]{86}==", "HMAC"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d", "TIME"),
    (r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [A-Z]+ \d{4}", "TIME"),
    (r"(^|(?<=\s))[A-Za-z0-9_-]{22}(?=\s|$)", "TOKEN"),
    (r"/tmp/\S+", "FILE"),
    (r"[ \t]+", " "),
    # Kafka prints the whole request there.
    (r"(ClusterAuthorizationException): .*", r"\1"),
]
# What a stack trace holds differs with every release, log lines are no answer, and `gyre dev` makes
# an administrator of its own.
NOISE = re.compile(r"^\s+at |^\s*\.\.\. \d+ more|^\[\d{4}-|^\s*$|.*user-principal 'admin'")


def mask(text):
    lines = []
    for line in text.splitlines():
        if NOISE.match(line):
            continue
        for pattern, word in MASKS:
            line = re.sub(pattern, word, line)
        said, are, values = line.strip().rpartition(" are ")
        lines.append(said + are + ", ".join(sorted(values.split(", "))))
    return sorted(lines)


class Session:
    """The steps against one address; SCRAM users come in at the other."""

    def __init__(self, plaintext, sasl):
        self.plaintext = plaintext
        self.sasl = sasl
        self.hmac = "AA=="
        self.scratch = tempfile.TemporaryDirectory(prefix="gyre-security-")
        self.files = {"EMPTY": self.settings(""), "ADMIN": self.login("admin", PASSWORD),
                      "ALICE": self.login("alice", "alice-secret"),
                      "CAROL": self.login("carol", "carol-secret")}

    def settings(self, text):
        path = pathlib.Path(self.scratch.name) / f"client-{len(os.listdir(self.scratch.name))}"
        path.write_text(text)
        return str(path)

    def login(self, user, password):
        return self.settings("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n"
                             "sasl.jaas.config=org.apache.kafka.common.security.scram."
                             f'ScramLoginModule required username="{user}" '
                             f'password="{password}";\n')

    def step(self, tool, arguments):
        words = [self.hmac if word == "HMAC" else self.files.get(word, word)
                 for word in arguments.split()]
        is_sasl = bool({"ADMIN", "ALICE", "CAROL"} & set(arguments.split()))
        status, out, err = kafka_tools.run(
            tool, "--bootstrap-server", self.sasl if is_sasl else self.plaintext, *words)
        found = re.search(r"[A-Za-z0-9+/]{86}==", out)
        if "--create" in arguments and found:
            self.hmac = found.group(0)
        return {"status": status, "lines": mask(out + "\n" + err)}


def oracle():
    """Apache Kafka with an authorizer, SCRAM and tokens: its region and its two addresses."""
    port, = kafka_oracle.free_ports(1)
    sasl = f"127.0.0.1:{port}"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    region = kafka_oracle.start(tempfile.mkdtemp(prefix="gyre-kafka-"), 1, settings=[
        "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},"
        f"SASL_PLAINTEXT://{sasl}",
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SASL_PLAINTEXT://{sasl}",
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512",
        f"listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={scram}",
        f"listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={scram}",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS;User:admin",
        f"delegation.token.secret.key={SECRET}",
    ])
    return region, region.describe()["bootstrap"], sasl


def gyre():
    """A region of our own, the same way."""
    from region import Region  # pylint: disable=import-outside-toplevel
    region = Region(listeners=["PLAINTEXT", "SASL_PLAINTEXT"], super_users=["ANONYMOUS", "admin"],
                    settings=[f"delegation.token.secret.key={SECRET}"])
    region.up()
    return region, region.addresses("PLAINTEXT"), region.addresses("SASL_PLAINTEXT")


def make_admin(plaintext):
    status, out, err = kafka_tools.run(
        CONFIGS, "--bootstrap-server", plaintext, "--alter", *USER, "admin", "--add-config",
        f"SCRAM-SHA-256=[password={PASSWORD}]")
    if status != 0:
        raise SystemExit(f"security_tools: no administrator: {out}{err}")


def compare(session, expected):
    """Prints the steps that differ; (passed, failed)."""
    failed = 0
    for number, (tool, arguments) in enumerate(STEPS):
        answer = session.step(tool, arguments)
        theirs = expected[f"{number} {tool} {arguments}"]
        if answer != theirs:
            failed += 1
            print(f"failed  {tool} {arguments}\n    kafka {theirs}\n    gyre  {answer}", flush=True)
    return len(STEPS) - failed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--oracle", action="store_true")
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    try:
        kafka_oracle.fetch()
        kafka_oracle.make_class_archive()
    except (OSError, subprocess.CalledProcessError) as problem:
        is_bad = os.environ.get("CI") == "true"
        print(f"{'failed' if is_bad else 'skipped'} security-tools: {problem}")
        print(f"0 passed, {int(is_bad)} failed, {int(not is_bad)} skipped")
        sys.exit(int(is_bad))
    region, plaintext, sasl = oracle() if given.oracle else gyre()
    try:
        make_admin(plaintext)
        session = Session(plaintext, sasl)
        if given.record:
            answers = {f"{number} {tool} {arguments}": session.step(tool, arguments)
                       for number, (tool, arguments) in enumerate(STEPS)}
            RECORD.write_text(json.dumps(answers, indent=1) + "\n")
            passed, failed = len(answers), 0
        else:
            passed, failed = compare(session, json.loads(RECORD.read_text()))
    finally:
        region.end() if given.oracle else region.destroy()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

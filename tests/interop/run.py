#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the twelve conversations with every client and compares the answers with Apache Kafka's.

    run.py --bootstrap H:P,H:P,H:P [--fault CMD] [--client X ...] [--conversation C ...]
    run.py --oracle [--record] ...       against Apache Kafka, which it starts and stops itself

--fault names the command that kills and restarts a broker; {action} becomes `kill` or `start` and
{broker} the node id: --fault 'gyre dev {action} --dir D --broker {broker}'. Without it the
conversation `failover` is skipped. --record writes the answers to tests/interop/oracle. --json
writes all results. A client that cannot be run here is skipped, with CI=true it fails.
Exits 1 if anything failed; the last line is `N passed, N failed, N skipped`.
"""
import argparse
import fnmatch
import json
import os
import pathlib
import queue
import secrets
import shlex
import subprocess
import sys
import tempfile
import threading

import clients
import kafka_oracle

HERE = pathlib.Path(__file__).resolve().parent
CONVERSATIONS = ("metadata", "codecs", "idempotent", "acks", "group", "rebalance", "seek", "large",
                 "topics", "partitions", "groups", "failover")
# Between two lines of a driver. The longest conversation takes a tenth of it on two busy cores.
SILENCE_MAX_S = 240


def flatten(value, path=""):
    """{path: leaf}: the fields that are compared. Lists are leaves, less Gyre's own settings."""
    if isinstance(value, dict) and value:
        leaves = {}
        for key, inner in value.items():
            leaves.update(flatten(inner, f"{path}/{key}" if path else str(key)))
        return leaves
    if isinstance(value, list):
        value = [item for item in value if not str(item).startswith("gyre.")]
    return {path: value}


def differences(expected, got):
    """[(path, expected, got)]; a field that one side lacks is None there."""
    expected, got = flatten(expected), flatten(got)
    return [(path, expected.get(path), got.get(path)) for path in sorted({*expected, *got})
            if expected.get(path) != got.get(path)]


def tell(difference):
    """One difference in words; of two lists, what only one of them has."""
    kafka, here = difference["kafka"], difference["here"]
    if isinstance(kafka, list) and isinstance(here, list) and len(kafka) + len(here) > 12:
        lacks = [item for item in kafka if item not in here]
        more = [item for item in here if item not in kafka]
        return f"{difference['field']}: here it lacks {lacks} and has more {more}"
    return f"{difference['field']}: Kafka says {kafka}, here {here}"


class Allowed:
    """allowed_differences.txt: client, conversation, field (patterns) and a reason, tab-separated."""

    def __init__(self, path):
        self.rules = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                parts = [part for part in line.split("\t") if part]
                if len(parts) != 4:
                    raise SystemExit(f"{path}:{number}: client, conversation, field, reason")
                self.rules.append(parts)

    def reason(self, client, conversation, field):
        for rule in self.rules:
            if (fnmatch.fnmatch(client, rule[0]) and fnmatch.fnmatch(conversation, rule[1])
                    and fnmatch.fnmatch(field, rule[2])):
                return rule[3]
        return None


class Driver:
    """A running driver: reads its lines, serves its wishes for faults, ends it when it is silent."""

    def __init__(self, client, bootstrap, conversations, fault, log):
        self.fault = fault
        self.process = subprocess.Popen(
            [*client.command(), bootstrap, "i" + secrets.token_hex(3), *conversations],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env=client.environment())
        self.lines = queue.Queue()
        self.down = set()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def cause(self, wish, broker):
        action = {"kill": "kill", "restart": self.fault["start_word"]}[wish]
        (self.down.add if wish == "kill" else self.down.discard)(broker)
        command = self.fault["command"].format(action=action, broker=broker)
        done = subprocess.run(shlex.split(command), stdout=subprocess.DEVNULL, timeout=150,
                              check=False)
        return done.returncode == 0

    def serve(self, answer):
        done = self.cause(answer["ask"], answer["broker"])
        self.process.stdin.write("done\n" if done else "failed\n")
        self.process.stdin.flush()

    def results(self):
        try:
            while True:
                line = self.lines.get(timeout=SILENCE_MAX_S)
                if line is None:
                    return
                if not line.startswith("{"):
                    continue
                answer = json.loads(line)
                if "ask" in answer:
                    self.serve(answer)
                else:
                    yield answer
        except queue.Empty:
            yield {"silent": True}
        finally:
            self.process.kill()
            self.process.wait()
            for broker in list(self.down):
                self.cause("restart", broker)


class Run:
    def __init__(self, given, fault):
        self.given = given
        self.fault = fault
        self.allowed = Allowed(HERE / "allowed_differences.txt")
        self.rows = []

    def note(self, client, conversation, result, **more):
        self.rows.append({"client": client, "conversation": conversation, "result": result, **more})
        text = f"{result:7} {client} {conversation}"
        if more.get("why"):
            text += f": {more['why']}"
        print(text, flush=True)

    def judge(self, client, answer, expected):
        conversation = answer["conversation"]
        version = answer.get("version", "")
        if "absent" in answer:
            self.note(client, conversation, "absent", version=version, why=answer["absent"])
            return
        if not answer.get("ok"):
            self.note(client, conversation, "failed", version=version,
                      why=answer.get("problem", "not ok"))
            return
        if self.given.record:
            self.note(client, conversation, "passed", version=version)
            return
        if expected is None:
            self.note(client, conversation, "failed", version=version, why="no oracle recorded")
            return
        found, excused = [], []
        for path, want, got in differences(expected, answer["observations"]):
            reason = self.allowed.reason(client, conversation, path)
            (excused if reason else found).append({"field": path, "kafka": want, "here": got,
                                                   "reason": reason})
        if found:
            why = "; ".join(tell(difference) for difference in found)
            self.note(client, conversation, "failed", version=version, why=why, differences=found)
        else:
            self.note(client, conversation, "passed", version=version, excused=excused)

    def hold(self, client, bootstrap):
        try:
            client.prepare()
        except clients.Unavailable as problem:
            result = "failed" if os.environ.get("CI") == "true" else "skipped"
            self.note(client.name, "*", result, why=str(problem))
            return
        wanted = [c for c in CONVERSATIONS
                  if not self.given.conversation or c in self.given.conversation]
        if not self.fault and "failover" in wanted:
            wanted.remove("failover")
            self.note(client.name, "failover", "skipped", why="no --fault command")
        recording = HERE / "oracle" / f"{client.name}.json"
        expected = json.loads(recording.read_text()) if recording.exists() else {}
        answers = {}
        with tempfile.TemporaryFile("w+") as log:
            for answer in Driver(client, bootstrap, wanted, self.fault, log).results():
                if answer.get("silent"):
                    break
                self.judge(client.name, answer, expected.get(answer["conversation"]))
                answers[answer["conversation"]] = answer
            for conversation in wanted:
                if conversation not in answers:
                    self.note(client.name, conversation, "failed", why="the driver did not answer")
            log.seek(0)
            if self.given.verbose or any(r["result"] == "failed" and r["client"] == client.name
                                         for r in self.rows):
                sys.stderr.write(log.read()[-6000:])
        if self.given.record:
            expected.update({name: answer["observations"] for name, answer in answers.items()
                             if answer.get("ok")})
            recording.parent.mkdir(exist_ok=True)
            recording.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")

    def count(self, result):
        return sum(row["result"] == result for row in self.rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap")
    parser.add_argument("--fault")
    parser.add_argument("--oracle", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--client", action="append", default=[])
    parser.add_argument("--conversation", action="append", choices=CONVERSATIONS)
    parser.add_argument("--json")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    if bool(given.bootstrap) == given.oracle:
        parser.error("either --bootstrap or --oracle")
    if given.record and not given.oracle:
        parser.error("--record goes with --oracle")

    region = None
    fault = {"command": given.fault, "start_word": "start"} if given.fault else None
    if given.oracle:
        region = kafka_oracle.start(tempfile.mkdtemp(prefix="gyre-kafka-"), 3)
        fault = {"command": f"{sys.executable} {HERE / 'kafka_oracle.py'} {{action}} --dir "
                            f"{region.directory} --broker {{broker}}", "start_word": "restart"}
    run = Run(given, fault)
    try:
        for client in clients.find(given.client):
            run.hold(client, given.bootstrap or region.describe()["bootstrap"])
    finally:
        if region:
            kafka_oracle.Region.load(region.directory).end()
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(run.rows, indent=1) + "\n")
    print(f"{run.count('passed')} passed, {run.count('failed')} failed, "
          f"{run.count('skipped')} skipped")
    sys.exit(1 if run.count("failed") else 0)


if __name__ == "__main__":
    main()

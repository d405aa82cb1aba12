# SPDX-License-Identifier: Apache-2.0
"""What the Python drivers share: holding conversations, reporting them, asking for a fault.

A driver is called as `driver BOOTSTRAP PREFIX [CONVERSATION ...]` and prints one JSON object a line
(README.md, "What a driver prints").
"""
import json
import sys
import time
import traceback

DEADLINE_S = 60
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
BASE_MS = 1_700_000_000_000


class Absent(Exception):
    """The client offers no way to hold this conversation."""


def say(**fields):
    print(json.dumps(fields, sort_keys=True), flush=True)


def ask(action, broker):
    """Asks the harness to kill or restart a broker; returns when that has been done."""
    say(ask=action, broker=broker)
    if sys.stdin.readline().strip() != "done":
        raise RuntimeError(f"the harness could not {action} broker {broker}")


def until(what, attempt, deadline_s=DEADLINE_S):
    """Calls attempt until it answers something true; raises after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        answer = attempt()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {deadline_s} s")
        time.sleep(0.05)


def hold(client, version, conversations):
    """Runs those of {name: function(prefix)} that the command line names, or all."""
    bootstrap, prefix, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    failed = 0
    for name, function in conversations.items():
        if wanted and name not in wanted:
            continue
        line = {"client": client, "version": version, "conversation": name}
        try:
            line["observations"] = function(bootstrap, f"{prefix}-{name}")
            line["ok"] = True
        except Absent as absent:
            line["absent"] = str(absent)
        except Exception as problem:  # whatever ends a conversation is its result
            traceback.print_exc()
            line.update(ok=False, observations={}, problem=f"{type(problem).__name__}: {problem}")
            failed = 1
        say(**line)
    sys.exit(failed)


def sample_records():
    """(key, value, headers, timestamp) of the twenty records of the conversation `codecs`."""
    records = []
    for i in range(20):
        key = None if i % 4 == 0 else f"key-{i}".encode()
        value = None if i % 5 == 1 else b"" if i % 5 == 2 else f"value-{i} ".encode() * 20
        headers = [("h", b"one"), ("h", b"two"), ("empty", b"")] if i % 2 else []
        records.append((key, value, headers, BASE_MS + i))
    return records

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What guessing passwords does to those who have one: S5 of the security targets.

    tests/bench/guessing.py [--rate 1000] [--seconds 20]

One broker. A producer sends a thousand records a second, and a probe asks something small every few
milliseconds: alone, then while PLAIN passwords are guessed, then SCRAM proofs, at --rate a second
each. The probe's answers take as long as the broker's loop lets them wait, so their 99th percentile
bounds the lag of the loop from above. Prints one JSON object; exit status 1: under guesses the
probe's p99 is 5 ms or more.

The binaries are those in build/release/bin, or in GYRE_BIN.
"""
import argparse
import asyncio
import base64
import json
import multiprocessing
import pathlib
import socket
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

from region import BIN, Region  # noqa: E402  pylint: disable=wrong-import-position

P99_MS_MAX = 5
PROBE_PAUSE_S = 0.003
WARMUP_S = 2


def frame(key, version, body):
    head = struct.pack(">hhih", key, version, 1, -1)
    return struct.pack(">i", len(head) + len(body)) + head + body


def text(value):
    return struct.pack(">h", len(value)) + value


def data(value):
    return struct.pack(">i", len(value)) + value


def percentile(values, part):
    return round(sorted(values)[min(len(values) - 1, int(len(values) * part))], 3)


# the probe, in a process of its own

def probe(address, seconds, answers):
    host, port = address.rsplit(":", 1)
    times = []
    question = frame(18, 0, b"")
    with socket.create_connection((host, int(port))) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            stream.sendall(question)
            left = 4 + struct.unpack(">i", stream.recv(4, socket.MSG_WAITALL))[0] - 4
            while left > 0:
                left -= len(stream.recv(left))
            times.append((time.monotonic() - began) * 1000)
            time.sleep(PROBE_PAUSE_S)
    answers.put(times)


# the guesses, in a process of their own

class Guesser:
    def __init__(self, address, mechanism):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.mechanism = mechanism
        self.refused = self.failed = 0

    async def ask(self, reader, writer, key, version, body):
        writer.write(frame(key, version, body))
        size = struct.unpack(">i", await reader.readexactly(4))[0]
        return (await reader.readexactly(size))[4:]

    async def guess(self, number):
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                await self.ask(reader, writer, 17, 1, text(self.mechanism.encode()))
                if self.mechanism == "PLAIN":
                    answer = await self.ask(reader, writer, 36, 1,
                                            data(b"\0victim\0guess-%d" % number))
                else:
                    answer = await self.ask(reader, writer, 36, 1,
                                            data(b"n,,n=victim,r=n%d" % number))
                    nonce = answer[answer.index(b"r=") + 2:answer.index(b",s=")]
                    proof = base64.b64encode(b"%032d" % number)
                    answer = await self.ask(reader, writer, 36, 1,
                                            data(b"c=biws,r=" + nonce + b",p=" + proof))
                self.refused += struct.unpack(">h", answer[:2])[0] == 58
            finally:
                writer.close()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.failed += 1

    async def run(self, rate, seconds):
        began = time.monotonic()
        running = set()
        number = 0
        while time.monotonic() < began + seconds:
            while number < (time.monotonic() - began) * rate:
                running.add(asyncio.create_task(self.guess(number)))
                number += 1
            running = {task for task in running if not task.done()}
            await asyncio.sleep(0.005)
        await asyncio.gather(*running)
        return {"sent": number, "refused": self.refused, "failed": self.failed}


def guess(address, mechanism, rate, seconds, answers):
    answers.put(asyncio.run(Guesser(address, mechanism).run(rate, seconds)))


# one round

def measure(region, mechanism, rate, seconds):
    plain = region.broker(0)["listeners"]["PLAINTEXT"]
    sasl = region.broker(0)["listeners"]["SASL_PLAINTEXT"]
    times, guesses = multiprocessing.Queue(), multiprocessing.Queue()
    processes = [multiprocessing.Process(target=probe, args=(plain, seconds, times))]
    if mechanism:
        processes.append(multiprocessing.Process(
            target=guess, args=(sasl, mechanism, rate, seconds, guesses)))
    for process in processes:
        process.start()
    done = subprocess.run([BIN / "blast", "rate", "-b", plain, "-t", "records", "--create", "4",
                           "--rate", "1000", "--record-bytes", "100", "--warmup", str(WARMUP_S),
                           "--duration", str(seconds - WARMUP_S - 1), "--json"],
                          capture_output=True, text=True, check=True)
    answered = times.get()
    row = {"probe_ms": {"p50": percentile(answered, 0.5), "p99": percentile(answered, 0.99),
                        "max": round(max(answered), 3), "asked": len(answered)},
           "producer": json.loads(done.stdout)}
    if mechanism:
        row["guesses"] = guesses.get()
    for process in processes:
        process.join()
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    rows = {"rate": arguments.rate, "seconds": arguments.seconds}
    with Region(brokers=1, listeners=["PLAINTEXT", "SASL_PLAINTEXT"],
                users={"victim": "a-password"}, super_users=["ANONYMOUS"]) as region:
        for name, mechanism in (("alone", None), ("plain", "PLAIN"),
                                ("scram", "SCRAM-SHA-256")):
            rows[name] = measure(region, mechanism, arguments.rate, arguments.seconds)
    rows["is_met"] = all(rows[name]["probe_ms"]["p99"] < P99_MS_MAX for name in ("plain", "scram"))
    print(json.dumps(rows))
    return 0 if rows["is_met"] else 1


if __name__ == "__main__":
    sys.exit(main())

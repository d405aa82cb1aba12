# SPDX-License-Identifier: Apache-2.0
"""Result files, and the table made of the newest of each workload."""
import json
import pathlib

RESULTS = pathlib.Path(__file__).resolve().parents[1] / "results"
UNPAIRED = ("foreign_cores", "load_average")
PAIRS_LEAST = 5
SECONDS_LEAST = 30
FOREIGN_CORES_MOST = 0.3
HEAD = """
| workload | pairing | figure | {0} | {1} | ratio (least-most) | floor | pairs | other load | date |
|---|---|---|---|---|---|---|---|---|---|
"""
OVER_TLS = """
## The price of TLS

Gyre over TLS 1.3, to clients and between brokers, against itself in plaintext, in the same way.
"""
AGAINST_KAFKA = (["kafka", "gyre"], ["kafka-tls", "gyre-tls"])
INTRODUCTION = """\
# Gyre against Apache Kafka 4.3.1

Written by `tests/bench/run`; do not edit. Each row is the median of the named number of pairs, run
Kafka, Gyre, Kafka, Gyre on the same machine with empty directories; the ratio is Gyre / Kafka, with
the least and the most of the pairs. D0: Gyre syncs before it acknowledges, Kafka with its defaults
does not. D1: both sync each append. D2: neither does. W9 runs both over TLS 1.3 with AES-256-GCM.
"Other load" is how many cores other processes, or other guests of the machine, kept busy meanwhile;
a pair beside more than 0.3 cores is set aside and run again. A floor is judged only from five quiet
pairs or more of 30 s or more, unless it says that something must not happen at all; anything else is
"no verdict": a JVM that is short of warm-up and of cores is slower and burns more CPU for each byte
than Kafka does on a quiet machine. W17, W19 and W20 have a length of their own. Floors are those this
project set itself.
"""


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def judged(result, row):
    if "floor" not in row:
        return ""
    # A run of W17, W19 or W20 has a length of its own.
    is_quiet = (result["pairs"] >= PAIRS_LEAST and result["seconds"] >= SECONDS_LEAST
                and result["foreign_cores"][1] <= FOREIGN_CORES_MOST)
    is_firm = is_quiet or row["floor"].startswith("==")
    return f"{row['floor']} " + (("met" if row["met"] else "MISSED") if is_firm else "no verdict")


def sides_of(result):
    return result.get("sides", AGAINST_KAFKA[0])


def rows(result):
    first, second = sides_of(result)
    low, high = result["foreign_cores"]
    for name, row in result["figures"].items():
        if "ratio" in row:
            ratio = f"{number(row['ratio'])} ({number(row['least'])}-{number(row['most'])})"
        else:
            ratio = ""
        floor = judged(result, row)
        yield (f"| {result['workload']}: {result['what']} | {result['durability']} | {name} "
               f"| {number(row[first])} | {number(row[second])} | {ratio} | {floor} "
               f"| {result['pairs']} x {result['seconds']:g} s | {low}-{high} "
               f"| {result['date'][:10]} |")


def write(result):
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{result['date'][:10]}-{result['workload']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    write_table()


def write_table():
    newest = {}
    for file in sorted(RESULTS.glob("*.json")):
        one = json.loads(file.read_text())
        newest[one["workload"]] = one
    order = sorted(newest, key=lambda name: (int(name[1:].split("-")[0]), name))
    against_kafka = [row for name in order if sides_of(newest[name]) in AGAINST_KAFKA
                     for row in rows(newest[name])]
    over_tls = [row for name in order if sides_of(newest[name]) not in AGAINST_KAFKA
                for row in rows(newest[name])]
    text = INTRODUCTION + HEAD.format("Kafka", "Gyre") + "\n".join(against_kafka) + "\n"
    if over_tls:
        text += OVER_TLS + HEAD.format("plaintext", "TLS") + "\n".join(over_tls) + "\n"
    machines = sorted({one["machine"] for one in newest.values()})
    (RESULTS / "README.md").write_text(text + "\nMachine: " + "; ".join(machines) + ".\n")

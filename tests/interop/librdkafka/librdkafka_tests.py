#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""librdkafka's own test program against any brokers, one test at a time.

    librdkafka_tests.py build [--version V]
    librdkafka_tests.py list [--version V]            the tests that need a broker
    librdkafka_tests.py run --bootstrap H:P,... [--version V] [--tests 0012,0017 | --all] [--json F]

The sources come whole inside npm packages: 2.12.0 in node-rdkafka, 2.15.1 in
@confluentinc/kafka-javascript. Without --tests, `run` takes those of passing.txt. A test fails when
it fails, runs out of time or skips itself, unless oracle.json says that it skips itself on Apache
Kafka too. The brokers must create topics on first use, with 4 partitions and replication factor 3,
and wait for members of a new group as Kafka does (group.initial.rebalance.delay.ms=3000).
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import kafka_oracle  # noqa: E402 (found through the line above)

PACKAGES = {"2.12.0": "node-rdkafka@3.6.1", "2.15.1": "@confluentinc/kafka-javascript@1.10.1"}
PREFIX = "package/deps/librdkafka/"
TEST_TIMEOUT_S = 300
LONG_TESTS_S = {"0113": 1500}  # its many cases wait for rebalances one after the other
TIMEOUT_MULTIPLIER = 3


def source_dir(version):
    return kafka_oracle.cache_dir() / "librdkafka" / version


def unpack(version):
    target = source_dir(version)
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        subprocess.run(["npm", "pack", PACKAGES[version], "--silent"], cwd=scratch, check=True,
                       stdout=sys.stderr)
        with tarfile.open(next(pathlib.Path(scratch).glob("*.tgz"))) as archive:
            members = [m for m in archive.getmembers() if m.name.startswith(PREFIX)]
            archive.extractall(scratch, members=members, filter="data")
        (pathlib.Path(scratch) / PREFIX).rename(target)


def build(version):
    """The directory of the built sources."""
    directory = source_dir(version)
    runner = directory / "tests" / "test-runner"
    if runner.exists() and (directory / "src" / "librdkafka.so").exists():
        return directory
    unpack(version)
    (directory / "configure").chmod(0o755)
    # The package carries no modes; the build runs these two.
    for script in (directory / "lds-gen.py", *directory.glob("mklove/modules/*")):
        script.chmod(0o755)
    # The file must not be called configure.log: mklove would take it for a module of that name.
    with open(directory / "build.out", "w", encoding="utf-8") as log:
        for step in (["./configure", "--disable-gssapi", "--disable-curl"], ["make", "-j2", "libs"],
                     ["make", "-j2", "-C", "tests", "test-runner"]):
            subprocess.run(step, cwd=directory, check=True, stdout=log, stderr=log)
    return directory


def registered(version):
    """{name: is_local} of the tests in test.c."""
    unpack(version)
    text = (source_dir(version) / "tests" / "test.c").read_text(encoding="utf-8")
    found = {}
    for name, rest in re.findall(r"^    _TEST\((\w+),\s*([^;]*?)(?=^    _TEST|^    \{)", text,
                                 re.M | re.S):
        found[name] = "TEST_F_LOCAL" in rest
    return found


def number_of(name):
    return name.split("_", 1)[0]


def broker_tests(version):
    """The numbers under which at least one test needs a broker."""
    return sorted({number_of(name) for name, local in registered(version).items() if not local})


def read_numbers(path, version=None):
    """The first words; with a version not of lines that name other versions behind it."""
    lines = path.read_text().splitlines() if path.exists() else []
    words = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return [number for number, *only in words
            if version is None or not only or version in only]


def parse_summary(output):
    """{test: (verdict, seconds)} from the table that ends the output."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    rows = re.findall(r"^\| +(\d{4}\w+) +\| +([A-Z]+) +\| +([\d.]+)s", plain, re.M)
    return {name: (verdict, float(seconds)) for name, verdict, seconds in rows}


def run_one(directory, number, configuration, kafka_version):
    environment = dict(os.environ, TESTS=number, RDKAFKA_TEST_CONF=configuration,
                       TEST_KAFKA_VERSION=kafka_version,
                       LD_LIBRARY_PATH=f"{directory / 'src'}:{directory / 'src-cpp'}")
    begun = time.monotonic()
    process = subprocess.Popen(["./test-runner", "-p1", "-L"], cwd=directory / "tests",
                               env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        output = process.communicate(timeout=LONG_TESTS_S.get(number, TEST_TIMEOUT_S))[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0].decode(errors="replace")
        return "TIMEOUT", time.monotonic() - begun, output
    verdicts = {verdict for verdict, _ in parse_summary(output).values()}
    seconds = time.monotonic() - begun
    if process.returncode != 0 or not verdicts or verdicts - {"PASSED", "SKIPPED"}:
        return "FAILED", seconds, output
    return ("PASSED" if "PASSED" in verdicts else "SKIPPED"), seconds, output


def run(given):
    try:
        directory = build(given.version)
    except (OSError, subprocess.CalledProcessError) as problem:
        is_bad = os.environ.get("CI") == "true"
        print(f"{'failed' if is_bad else 'skipped'} librdkafka {given.version}: {problem}")
        print(f"0 passed, {int(is_bad)} failed, {int(not is_bad)} skipped")
        return int(is_bad)
    oracle_path = HERE / "oracle.json"
    oracle = json.loads(oracle_path.read_text()) if oracle_path.exists() else {}
    skips_itself = {number for number, answer in oracle.get(given.version, {}).items()
                    if answer["result"] == "SKIPPED"}
    if given.tests:
        numbers = given.tests.split(",")
    elif given.all:
        excluded = set(read_numbers(HERE / "excluded.txt"))
        numbers = [n for n in broker_tests(given.version) if n not in excluded]
    else:
        there = set(broker_tests(given.version))
        numbers = [n for n in read_numbers(HERE / "passing.txt", given.version)
                   if n in there]
    results, failed, skipped = {}, 0, 0
    logs = pathlib.Path(given.logs or tempfile.mkdtemp(prefix="gyre-librdkafka-"))
    logs.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as configuration:
        configuration.write(f"bootstrap.servers={given.bootstrap}\n"
                            f"test.timeout.multiplier={TIMEOUT_MULTIPLIER}\n")
        configuration.flush()
        for number in numbers:
            verdict, seconds, output = run_one(directory, number, configuration.name,
                                               given.kafka_version)
            results[number] = {"result": verdict, "seconds": round(seconds, 1)}
            print(f"{verdict:8} {number} {seconds:6.1f} s", flush=True)
            if verdict == "SKIPPED" and number in skips_itself:
                skipped += 1
            elif verdict != "PASSED":
                failed += 1
                (logs / f"{given.version}-{number}.log").write_text(output)
            if given.json:
                pathlib.Path(given.json).write_text(json.dumps(results, indent=1) + "\n")
    if failed:
        print(f"output of the failed tests: {logs}")
    elif not given.logs:
        shutil.rmtree(logs, ignore_errors=True)
    print(f"{len(numbers) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["build", "list", "run"])
    parser.add_argument("--version", default="2.12.0", choices=sorted(PACKAGES))
    parser.add_argument("--bootstrap")
    parser.add_argument("--tests")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--logs")
    parser.add_argument("--kafka-version", default="4.3.0")
    given = parser.parse_args()
    if given.command == "build":
        print(build(given.version))
    elif given.command == "list":
        print("\n".join(broker_tests(given.version)))
    else:
        if not given.bootstrap:
            parser.error("--bootstrap is needed")
        sys.exit(run(given))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Style as a test: include direction, sizes, banned calls, a README in each directory.

Prints one line a finding, `path:line: what is wrong`, and exits 1 if there is any. With --gaps it
prints instead which of Kafka's semantics no test proves.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINE_LENGTH_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
SOURCE_ROOTS = ("server", "replication", "auth", "include", "ops", "tests")
BANNED = {
    "strcpy": "use memcpy with a checked length",
    "strcat": "use a bounded writer",
    "sprintf": "use snprintf",
    "vsprintf": "use vsnprintf",
    "gets": "use fgets",
    "strtok": "use strcspn, or a parser",
    "atoi": "use strtol and check it",
    "rand": "use struct random",
    "time": "use struct clock",
    "usleep": "use a timer",
    "sleep": "use a timer",
    "alloca": "use an arena",
    "assert": "use CHECK",
}
# Command-line programs and test drivers live outside the loop: they may sleep.
SLEEP_ALLOWED = ("ops/gyre/", "tests/")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")


def layers():
    ranks = {}
    for rank, line in enumerate((ROOT / "tests/tidy/LAYERS").read_text().splitlines()):
        if line and not line.startswith("#"):
            for module in line.split():
                ranks[module] = rank
    return ranks


def module_of(path):
    parts = path.parts
    if parts[0] == "include" and parts[1] == "gyre":
        return parts[2]
    if parts[0] in ("server", "replication", "auth") and len(parts) > 2:
        return parts[1]
    if parts[0] == "server":
        return "main"
    return None


def module_of_include(target):
    parts = target.split("/")
    if parts[0] == "gyre":
        return parts[1]
    return parts[0] if len(parts) > 1 else None


def check_includes(path, lines, ranks, report):
    module = module_of(path)
    if module is None or module not in ranks:
        if module is not None:
            report(path, 1, f"module {module} is not in tests/tidy/LAYERS")
        return
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if re.match(r"\s*#\s*include\s+<raft\.h>", line) and module != "raft":
            report(path, number, "only replication/raft may include raft.h")
        if not found:
            continue
        other = module_of_include(found.group(1))
        if other is None or other == module or other not in ranks:
            continue
        if ranks[other] >= ranks[module]:
            report(path, number, f"{module} may not include {other} (see tests/tidy/LAYERS)")
        if path.parts[0] in ("auth", "replication") and not found.group(1).startswith("gyre/"):
            report(path, number, f"{path.parts[0]}/ may include only gyre/... and its own files")


def strip_comments_and_strings(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def check_shape(path, lines, report):
    if len(lines) > FILE_LINES_MAX:
        report(path, FILE_LINES_MAX, f"{len(lines)} lines; a file has at most {FILE_LINES_MAX}")
    start = None
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_LENGTH_MAX:
            report(path, number, f"{len(line)} columns; a line has at most {LINE_LENGTH_MAX}")
        if TODO.search(line):
            report(path, number, "an open mark needs an issue number")
        if line == "{":
            start = number
        if line == "}" and start is not None:
            if number - start - 1 > FUNCTION_LINES_MAX:
                report(path, start, f"function of {number - start - 1} lines; "
                                    f"at most {FUNCTION_LINES_MAX}")
            start = None


def check_calls(path, text, report):
    for number, line in enumerate(strip_comments_and_strings(text).splitlines(), 1):
        for found in CALL.finditer(line):
            name = found.group(1)
            if name in ("sleep", "usleep", "time") and str(path).startswith(SLEEP_ALLOWED):
                continue
            report(path, number, f"{name}() is banned: {BANNED[name]}")


README_HEADINGS = ("## Files", "## Promises", "## Threads", "## Limits", "## Change it")


def check_readmes(files, report):
    modules = set()
    for path in files:
        if path.suffix == ".c" and path.parts[0] in ("server", "replication") and len(path.parts) > 2:
            modules.add(pathlib.Path(*path.parts[:2]))
    for module in sorted(modules):
        readme = ROOT / module / "README.md"
        if not readme.exists():
            report(module / "README.md", 1, "every module has a README of one page")
            continue
        text = readme.read_text()
        for heading in README_HEADINGS:
            if heading not in text:
                report(module / "README.md", 1, f"the heading '{heading}' is missing")


def check_mentioned(files, report):
    for path in files:
        if path.suffix != ".c" or path.parts[0] not in ("server", "replication", "auth"):
            continue
        cmake = (ROOT / path.parent / "CMakeLists.txt")
        if not cmake.exists() or path.name not in cmake.read_text():
            report(path, 1, f"not mentioned in {path.parent}/CMakeLists.txt")


MUTATIONS = pathlib.Path("tests/simulation/MUTATIONS.tsv")
RESULTS = pathlib.Path("tests/tidy/RESULTS")
SEMANTICS = pathlib.Path("tests/interop/semantics.tsv")
SECURITY = pathlib.Path("tests/security.tsv")


def statements(table):
    """Number of the line, id, statement, and tests or `gap: reason`."""
    lines = (ROOT / table).read_text().splitlines()
    for number, line in enumerate(lines[1:], 2):
        yield number, line.split("\t")


def has_test(path, function):
    if not path.is_file():
        return False
    pattern = rf"^def {re.escape(function)}\(" if path.suffix == ".py" \
        else rf"\bcmocka_unit_test\w*\(\s*{re.escape(function)}\b"
    return re.search(pattern, path.read_text(), re.M) is not None


def check_statements(table, report):
    seen = set()
    for number, columns in statements(table):
        if len(columns) != 3 or not all(columns):
            report(table, number, "a line has three columns: id, statement, test")
            continue
        key, _, tests = columns
        if key in seen:
            report(table, number, f"the id {key} is taken")
        seen.add(key)
        if tests.startswith("gap:"):
            if not tests[4:].strip():
                report(table, number, "a gap has its reason")
            continue
        for test in tests.split(" "):
            path, _, function = test.partition("::")
            if not has_test(ROOT / path, function):
                report(table, number, f"there is no test {test}")


def check_mutations(files, report):
    """Each planted bug of the code has a line in the table, and each line its bug."""
    rows = {int(line.split("\t")[0]): number for number, line in
            enumerate((ROOT / MUTATIONS).read_text().splitlines()[1:], 2)}
    planted = set()
    for path in files:
        if path.suffix in (".c", ".h") and path.parts[0] in ("server", "replication"):
            planted |= {int(found) for found in
                        re.findall(r"\bMUTATION\((\d+)\)", (ROOT / path).read_text())}
    for number in sorted(planted - rows.keys()):
        report(MUTATIONS, 1, f"the planted bug {number} has no line")
    for number in sorted(rows.keys() - planted):
        report(MUTATIONS, rows[number], f"there is no planted bug {number}")


def check_results(report):
    """The long suites whose results are committed: each file is there and says what it is of."""
    for number, name in enumerate((ROOT / RESULTS).read_text().split(), 1):
        path = ROOT / "tests" / "results" / f"{name}.json"
        if not path.is_file():
            report(RESULTS, number, f"tests/results/{name}.json is missing: ops/test --long {name}")
            continue
        result = json.loads(path.read_text())
        if result.get("suite") != name or not result.get("commit") or not result.get("date"):
            report(RESULTS, number, f"tests/results/{name}.json lacks suite, commit or date")


def print_gaps():
    lines = [*statements(SEMANTICS), *statements(SECURITY)]
    gaps = [columns for _, columns in lines if columns[2].startswith("gap:")]
    for key, statement, reason in gaps:
        print(f"{key}: {statement} ({reason})")
    print(f"{len(gaps)} of {len(lines)} statements have no test")


def tracked_files():
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    return [pathlib.Path(name) for name in listing.splitlines()
            if name.split("/")[0] in SOURCE_ROOTS and (ROOT / name).exists()]


def main(arguments):
    if arguments == ["--gaps"]:
        print_gaps()
        return 0
    findings = []
    ranks = layers()
    files = tracked_files()

    def report(path, line, text):
        findings.append(f"{path}:{line}: {text}")

    for path in files:
        if path.suffix not in (".c", ".h"):
            continue
        text = (ROOT / path).read_text()
        lines = text.splitlines()
        check_includes(path, lines, ranks, report)
        check_shape(path, lines, report)
        check_calls(path, text, report)
        if not text.startswith("/* SPDX-License-Identifier: Apache-2.0 */"):
            report(path, 1, "the first line is the SPDX identifier")
    check_readmes(files, report)
    check_mentioned(files, report)
    for table in (SEMANTICS, SECURITY):
        check_statements(table, report)
    check_mutations(files, report)
    check_results(report)
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

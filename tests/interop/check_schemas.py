#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares every schema in server/wire/schema with the message definitions inside Kafka's jars.

Names, order, types, versions, nullability, tags, defaults, flexible versions, keys, ignorability and
the advertised ranges must be those of Kafka 4.3.1; what a schema accepts below Kafka 4's minimum
must be what kafka-clients 3.9.1 says. A difference that is meant stands in EXPECTED with its reason.
Exit status 1 when there is another difference, or an expected one that no longer exists.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path += [str(HERE), str(ROOT / "server" / "wire")]

import generate  # noqa: E402
import kafka_jars  # noqa: E402

SCHEMAS = ROOT / "server" / "wire" / "schema"
FOREVER = generate.FOREVER
EXPECTED = {
    "Produce: advertised 0-13, Kafka has 3-13":
        "Kafka itself answers 0 as the minimum of Produce (KAFKA-18659)",
}
RENAMED = {"ListConfigResources": "ListClientMetricsResources"}


def parse_range(text, within):
    if text in (None, "none"):
        return None
    found = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
    first = int(found[1])
    last = first if not found[2] else FOREVER if found[2] == "+" else int(found[3])
    first, last = max(first, within[0]), min(last, within[1])
    return (first, last) if first <= last else None


def default_of(field, kind):
    """Both sides spelled alike: None, "null", a number or true."""
    value = field.get("default")
    if kind == "records" or value in (None, "", "false", "False", False):
        return None
    if value == "null" or isinstance(value, bool) or value == "true":
        return str(value).lower()
    number = int(str(value), 0)
    return None if number == 0 else str(number)


class Facts:
    """One field as (version, ...) facts that both sides can be reduced to."""

    def __init__(self, name, kind, children):
        self.name, self.kind, self.children = name, kind, children
        self.versions = self.nullable = self.tag = self.default = None
        self.ignorable = False

    def at(self, version):
        nullable = self.nullable is not None and self.nullable[0] <= version <= self.nullable[1]
        return (self.name, self.kind, "null" if nullable else "", self.default, self.tag,
                "ignorable" if self.ignorable else "")

    def present(self, version):
        return self.versions[0] <= version <= self.versions[1]


def facts_of_kafka(fields, commons, within):
    result = []
    for field in fields:
        versions = parse_range(field["versions"], within)
        if versions is None:
            continue
        array = field["type"].startswith("[]")
        base = field["type"].removeprefix("[]")
        children = None
        if base[0].isupper():
            inner = field.get("fields") or commons[base]
            children = facts_of_kafka(inner, commons, versions)
            base = "{}"
        facts = Facts(generate.snake(field["name"]), ("[]" if array else "") + base, children)
        facts.versions = versions
        facts.nullable = parse_range(field.get("nullableVersions"), versions)
        facts.tag = field.get("tag")
        facts.default = default_of(field, base)
        facts.ignorable = field.get("ignorable") in (True, "true")
        result.append(facts)
    return result


def facts_of_schema(struct, within):
    result = []
    for field in struct.fields:
        versions = (max(field.versions[0], within[0]), min(field.versions[1], within[1]))
        if versions[0] > versions[1]:
            continue
        kind = {"array": "[]", "struct": "{}", "scalar": ""}[field.kind]
        if field.kind == "array":
            kind += field.element or "{}"
        elif field.kind == "scalar":
            kind = field.element
        children = facts_of_schema(field.struct, versions) if field.struct else None
        facts = Facts(field.name, kind, children)
        facts.versions, facts.nullable, facts.tag = versions, field.nullable, field.tag
        facts.default = default_of({"default": field.default}, kind)
        facts.ignorable = "ignorable" in field.words
        result.append(facts)
    return result


def compare(where, ours, theirs, version, report):
    left = [field for field in ours if field.present(version)]
    right = [field for field in theirs if field.present(version)]
    plain = [[f.name for f in side if f.tag is None] for side in (left, right)]
    if plain[0] != plain[1]:
        report(f"{where} v{version}: fields {plain[0]}, Kafka has {plain[1]}")
        return
    by_name = {field.name: field for field in left}
    for field in right:
        mine = by_name.pop(field.name, None)
        if mine is None:
            report(f"{where}.{field.name} v{version}: missing")
        elif mine.at(version) != field.at(version):
            report(f"{where}.{field.name} v{version}: {mine.at(version)}, "
                   f"Kafka has {field.at(version)}")
        elif field.children is not None:
            compare(f"{where}.{field.name}", mine.children, field.children, version, report)
    for name in by_name:
        report(f"{where}.{name} v{version}: Kafka has no such field")


def flexible_of(definition):
    flexible = parse_range(definition["flexibleVersions"], (0, FOREVER))
    return flexible[0] if flexible else FOREVER


def forget_ignorable(fields):
    """The newest definition says what may be left out; older ones knew fewer versions to lack it."""
    for field in fields:
        field.ignorable = False
        forget_ignorable(field.children or [])


def compare_message(message, definition, versions, report, is_old=False):
    commons = {c["name"]: c["fields"] for c in definition.get("commonStructs", []) if "fields" in c}
    theirs = facts_of_kafka(definition["fields"], commons, versions)
    ours = facts_of_schema(message.root, versions)
    if is_old:
        forget_ignorable(theirs)
        forget_ignorable(ours)
    flexible = flexible_of(definition)
    for version in range(versions[0], versions[1] + 1):
        if (version >= flexible) != (version >= message.flexible):
            report(f"{message.name} v{version}: flexible from {message.flexible}, "
                   f"Kafka from {flexible}")
        compare(message.name, ours, theirs, version, report)


def text_of(versions):
    return f"{versions[0]}-{versions[1]}"


def check_api(schema, new, old, report):
    key, name, advertised, accepted, _ = schema.api
    stable = None
    for message in schema.messages:
        full = name + message.kind.capitalize()
        if full not in new:
            report(f"{full}: not in Kafka")
            continue
        valid = parse_range(new[full]["validVersions"], (0, FOREVER))
        unstable = new[full.replace("Response", "Request")].get("latestVersionUnstable")
        stable = (valid[0], valid[1] - 1) if unstable else valid
        if new[full]["apiKey"] != key:
            report(f"{full}: key {key}, Kafka has {new[full]['apiKey']}")
        compare_message(message, new[full], stable, report)
        if accepted[0] < stable[0]:
            before = RENAMED.get(name, name) + message.kind.capitalize()
            compare_message(message, old[before], (accepted[0], stable[0] - 1), report, is_old=True)
    if stable and advertised != stable:
        report(f"{name}: advertised {text_of(advertised)}, Kafka has {text_of(stable)}")
    if stable and accepted[1] != stable[1]:
        report(f"{name}: accepted {text_of(accepted)}, Kafka has {text_of(stable)}")


def check_data(message, new, report):
    definition = next((d for n, d in new.items() if generate.snake(n) == message.name), None)
    if definition is None:
        report(f"{message.name}: not in Kafka")
        return
    valid = parse_range(definition["validVersions"], (0, FOREVER))
    if message.versions != valid:
        report(f"{message.name}: versions {text_of(message.versions)}, Kafka has {text_of(valid)}")
    if definition.get("apiKey") != message.record:
        report(f"{message.name}: record {message.record}, Kafka has {definition.get('apiKey')}")
    compare_message(message, definition, valid, report)


def main():
    new = kafka_jars.definitions(kafka_jars.newest("kafka-clients"))
    new |= kafka_jars.definitions(kafka_jars.newest("kafka-group-coordinator"))
    old = kafka_jars.definitions(kafka_jars.old_clients())
    findings, count = [], 0
    for path in sorted(SCHEMAS.rglob("*.kmsg")):
        schema = generate.Parser(path).parse()
        count += len(schema.messages)
        if schema.api and schema.api[0] >= generate.GYRES_OWN:
            count -= len(schema.messages)
        elif schema.api:
            check_api(schema, new, old, findings.append)
        else:
            for message in (m for m in schema.messages if m.kind != "internal"):
                check_data(message, new, findings.append)
    wrong = [finding for finding in findings if finding not in EXPECTED]
    wrong += [f"expected, but not so: {text}" for text in EXPECTED if text not in findings]
    for text in wrong:
        print(text)
    print(f"{count} messages compared, {len(wrong)} differences, {len(EXPECTED)} explained")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

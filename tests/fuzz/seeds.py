#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seed inputs of fuzz_codec from tests/golden into a directory: seeds.py OUTPUT."""
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIRST_OWN_API = 1000  # keys of Gyre's own, for which Kafka has no words
sys.path.append(str(ROOT / "server" / "wire"))

import generate  # noqa: E402


def messages():
    """(index in message_table, schema, message), in the order of the generator."""
    paths = (ROOT / "server" / "wire" / "schema").rglob("*.kmsg")
    schemas = [generate.Parser(pathlib.Path(path)).parse() for path in sorted(map(str, paths))]
    index = 0
    for schema in schemas:
        for message in schema.messages:
            yield index, schema, message
            index += 1


def choice(index, schema, message, version):
    """The first three bytes, by which fuzz_codec chooses."""
    if schema.api:
        return 1 if message.kind == "request" else 2, schema.api[0], version
    return 3, index, version


def frame(schema, version, body):
    key, _, _, _, flexible = schema.api
    client = b"\x00\x04seed" + (b"\x00" if version >= flexible else b"")
    return b"\x00" + struct.pack(">hhi", key, version, 1) + client + body


def main():
    output = pathlib.Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    for index, schema, message in messages():
        if message.kind == "internal" or (schema.api and schema.api[0] >= FIRST_OWN_API):
            continue  # Kafka wrote no golden bytes of it
        folder = schema.stem if schema.api else message.name
        for version in range(message.versions[0], message.versions[1] + 1):
            text = (ROOT / "tests" / "golden" / folder / f"{version}.hex").read_text()
            for line in text.splitlines():
                kind, sample, *digits = line.split()
                if kind != message.kind:
                    continue
                body = bytes.fromhex("".join(digits))
                name = f"{message.name}_{version}_{sample}"
                (output / name).write_bytes(bytes(choice(index, schema, message, version)) + body)
                if kind == "request":
                    (output / f"frame_{name}").write_bytes(frame(schema, version, body))


if __name__ == "__main__":
    main()

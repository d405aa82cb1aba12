#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes seeds for fuzz_record_batch from the golden batches: batch_seeds.py DIRECTORY.

Each batch once as produced, as stored and as a message set, and its payload as compressed bytes.
"""
import pathlib
import sys

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "record_batch"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
BATCH_HEADER_BYTES = 61
SEAL, NEED_KEYS, LIMIT_AGE, APPEND_TIME = 0x80, 0x40, 0x20, 0x10


def seeds(magic, codec, batch):
    if magic < 2:
        yield from (bytes([choice]) + batch for choice in (2, 2 | SEAL, 2 | NEED_KEYS))
        return
    for choice in (0, SEAL, SEAL | NEED_KEYS, SEAL | LIMIT_AGE, SEAL | APPEND_TIME, 1, 1 | SEAL):
        yield bytes([choice]) + batch
    yield bytes([3 + CODECS.index(codec)]) + batch[BATCH_HEADER_BYTES:]


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for path in sorted(GOLDEN.glob("*.hex")):
        for number, line in enumerate(path.read_text().splitlines()):
            magic, codec, text = line.split()
            for index, seed in enumerate(seeds(int(magic), codec.lower(), bytes.fromhex(text))):
                (directory / f"{path.stem}-{number}-{index}").write_bytes(seed)


if __name__ == "__main__":
    main()

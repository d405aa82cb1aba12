# SPDX-License-Identifier: Apache-2.0
"""What clients saw, and the judge of it. Knows no broker: histories only.

A record's value says which producer sent it, to which partition, and its number there. So every
claim can be checked from values and offsets alone.
"""
from array import array

VALUE_BYTES = 100
NUMBER_BITS = 40
GAP_WORTH_NOTING_S = 0.05
FINDINGS_MAX = 50
NOT_ACKNOWLEDGED = -1


def value_of(producer, partition, number):
    return f"{producer} {partition} {number} ".encode().ljust(VALUE_BYTES, b".")


def parse(value):
    """(producer, partition, number) of a value; ValueError where it is none of ours."""
    words = value.split(b" ", 3)
    if len(words) != 4 or len(value) != VALUE_BYTES or words[3].strip(b"."):
        raise ValueError(f"not a value of this test: {value[:40]!r}")
    return int(words[0]), int(words[1]), int(words[2])


class Sent:
    """What one producer sent to one partition: the offset that each number was acknowledged at."""

    def __init__(self):
        self.offsets = array("q")
        self.acknowledged = 0
        self.last = None
        self.gaps = []  # (begin, end) of times without an acknowledgement

    def next_number(self):
        self.offsets.append(NOT_ACKNOWLEDGED)
        return len(self.offsets) - 1

    def was_acknowledged(self, number, offset, now):
        self.offsets[number] = offset
        self.acknowledged += 1
        if self.last is not None and now - self.last > GAP_WORTH_NOTING_S:
            self.gaps.append((self.last, now))
        self.last = now

    def longest_gap(self, begin, end):
        return max((until - since for since, until in self.gaps if since < end and until > begin),
                   default=0.0)


class Seen:
    """What one reader read from one partition, by offset."""

    def __init__(self, name, partition, findings):
        self.name = name
        self.partition = partition
        self.findings = findings
        self.records = array("q")

    def add(self, offset, value):
        if offset != len(self.records):
            self.findings.add(f"{self.name}: partition {self.partition} went from offset "
                              f"{len(self.records) - 1} to {offset}")
            return
        try:
            producer, partition, number = parse(value)
        except ValueError as error:
            self.findings.add(f"{self.name}: partition {self.partition} offset {offset}: {error}")
            producer, partition, number = 0x7fff, self.partition, 0
        if partition != self.partition:
            self.findings.add(f"{self.name}: a record of partition {partition} in partition "
                              f"{self.partition} at offset {offset}")
        self.records.append(producer << NUMBER_BITS | number)


class Findings:
    """What is wrong; the first of them in words, all of them counted."""

    def __init__(self):
        self.count = 0
        self.texts = []

    def add(self, text):
        self.count += 1
        if len(self.texts) < FINDINGS_MAX:
            self.texts.append(text)
            print(f"FOUND: {text}", flush=True)


def check_partition(partition, sent, records, findings):
    """sent: producer -> Sent; records: what a reader of the whole partition saw."""
    counts = {"lost": 0, "duplicated": 0, "disordered": 0}
    last = {}
    at = {}
    for offset, record in enumerate(records):
        producer, number = record >> NUMBER_BITS, record & ((1 << NUMBER_BITS) - 1)
        before = last.get(producer, -1)
        if (producer, number) in at:
            counts["duplicated"] += 1
            findings.add(f"partition {partition}: number {number} of producer {producer} lies at "
                         f"{at[producer, number]} and {offset}")
        elif number < before:
            counts["disordered"] += 1
            findings.add(f"partition {partition}: number {number} of producer {producer} at "
                         f"{offset} follows {before}")
        at[producer, number] = offset
        last[producer] = max(before, number)
    for producer, one in sent.items():
        for number, offset in enumerate(one.offsets):
            # Offset -1 of librdkafka: stored by an earlier try whose answer was lost.
            if offset == NOT_ACKNOWLEDGED:
                continue
            found = at.get((producer, number))
            if found is None:
                counts["lost"] += 1
                findings.add(f"partition {partition}: number {number} of producer {producer}, "
                             f"acknowledged at {offset}, is lost")
            elif offset >= 0 and found != offset:
                findings.add(f"partition {partition}: number {number} of producer {producer} was "
                             f"acknowledged at {offset} and lies at {found}")
    return counts


def check_same(one, other, findings):
    """P2: two readers saw the same record at every offset that both read."""
    both = min(len(one.records), len(other.records))
    if one.records[:both] == other.records[:both]:
        return
    offset = next(i for i in range(both) if one.records[i] != other.records[i])
    findings.add(f"partition {one.partition} offset {offset}: {one.name} and {other.name} "
                 "read different records")

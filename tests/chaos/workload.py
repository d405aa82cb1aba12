# SPDX-License-Identifier: Apache-2.0
"""Clients: producers that number what they send, readers that write down what they see.

All are librdkafka through confluent-kafka, one thread a client, with that library's defaults for
retries and time limits. A history belongs to its thread until the client is stopped and joined.
"""
import os
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from history import Seen, Sent, parse, value_of

TICK_S = 0.01
IN_FLIGHT_MAX = 50_000
ACKNOWLEDGED_WITHOUT_OFFSET = -2
FLUSH_S = 120
RECONNECT_MAX_MS = 1000  # as the Java client; with librdkafka's 10 s, gaps are its own naps
READERS, MEMBERS = GROUPS = ("readers-have-none", "chaos")
QUIET = {"log_level": 2}  # lost connections are the point
if os.environ.get("CHAOS_DEBUG"):  # contexts of librdkafka, as "eos,msg"
    QUIET = {"debug": os.environ["CHAOS_DEBUG"]}


class Client(threading.Thread):
    """A thread that works until it is told to end, and keeps what made it fail."""

    def __init__(self, name):
        super().__init__(name=name, daemon=True)
        self.ending = threading.Event()
        self.failure = None

    def run(self):
        try:
            self.work()
        except BaseException as error:  # pylint: disable=broad-except
            self.failure = error

    def work(self):
        raise NotImplementedError

    def finish(self, limit_s=FLUSH_S + 60):
        self.ending.set()
        self.join(limit_s)
        if self.is_alive():
            raise TimeoutError(f"{self.name} did not end within {limit_s} s")
        if self.failure:
            raise self.failure


class NumberingProducer(Client):
    """Idempotent, acks=all; `rate` records a second over all partitions in turn."""

    def __init__(self, number, properties, topic, partitions, rate, findings):
        super().__init__(f"producer {number}")
        self.number = number
        self.topic = topic
        self.rate = rate
        self.findings = findings
        self.sent = [Sent() for _ in range(partitions)]
        self.in_flight = 0
        self.errors = 0
        self.longest_stall_s = 0.0  # of this thread itself: what no broker is to blame for
        self.client = Producer({**properties, "enable.idempotence": True,
                                "acks": "all", "error_cb": self._heard,
                                "reconnect.backoff.max.ms": RECONNECT_MAX_MS, **QUIET})

    def _heard(self, error):
        if error.fatal():
            self.findings.add(f"{self.name}: fatal: {error}")

    def _delivered(self, error, message):
        self.in_flight -= 1
        if error is not None:
            self.errors += 1
            self.findings.add(f"{self.name}: partition {message.partition()}: {error}")
            return
        _, partition, number = parse(message.value())
        offset = message.offset()
        offset = ACKNOWLEDGED_WITHOUT_OFFSET if offset is None or offset < 0 else offset
        self.sent[partition].was_acknowledged(number, offset, time.monotonic())

    def _send(self, partition):
        number = self.sent[partition].next_number()
        value = value_of(self.number, partition, number)
        while True:
            try:
                self.client.produce(self.topic, value, partition=partition,
                                    on_delivery=self._delivered)
                self.in_flight += 1
                return
            except BufferError:
                self.client.poll(TICK_S)
            except KafkaException:
                self.client.poll(1)  # the callback hears why, if it was fatal
                raise

    def work(self):
        due = time.monotonic()
        count = 0
        while not self.ending.is_set():
            before = time.monotonic()
            self.client.poll(max(0.0, min(TICK_S, due - before)))
            now = time.monotonic()
            self.longest_stall_s = max(self.longest_stall_s, now - before)
            if now < due or self.in_flight > IN_FLIGHT_MAX:
                continue
            for _ in range(max(1, int(self.rate * TICK_S))):
                self._send(count % len(self.sent))
                count += 1
            # After a pause the records that were due are not all sent at once.
            due = max(due + TICK_S, now - 1.0)
        left = self.client.flush(FLUSH_S)
        if left:
            self.findings.add(f"{self.name}: {left} records were neither acknowledged nor refused "
                              f"within {FLUSH_S} s")

    @property
    def acknowledged(self):
        return sum(one.acknowledged for one in self.sent)


class Reader(Client):
    """Reads all partitions from their first offset, each from where it is, without a group."""

    def __init__(self, name, properties, topic, partitions, findings, ends=None):
        super().__init__(name)
        self.topic = topic
        self.findings = findings
        self.ends = ends  # stop when every partition has been read so far
        self.seen = [Seen(name, partition, findings) for partition in range(partitions)]
        self.client = Consumer({**properties, "group.id": READERS,
                                "enable.auto.commit": False, "auto.offset.reset": "error",
                                **QUIET})

    def is_done(self):
        return self.ends is not None and all(
            len(seen.records) >= end for seen, end in zip(self.seen, self.ends))

    def work(self):
        self.client.assign([TopicPartition(self.topic, seen.partition, 0) for seen in self.seen])
        while not self.ending.is_set() and not self.is_done():
            for message in self.client.consume(1000, 0.2):
                error = message.error()
                if error is None:
                    self.seen[message.partition()].add(message.offset(), message.value())
                elif error.code() in (KafkaError._AUTO_OFFSET_RESET,
                                      KafkaError.OFFSET_OUT_OF_RANGE):
                    self.findings.add(f"{self.name}: {error}")
        self.client.close()

    def read_all(self, limit_s):
        self.start()
        self.join(limit_s)
        if not self.is_done() and self.failure is None:
            missing = [(seen.partition, len(seen.records), end)
                       for seen, end in zip(self.seen, self.ends) if len(seen.records) < end]
            self.findings.add(f"{self.name}: not all was readable within {limit_s} s: "
                              f"(partition, read to, end) {missing}")
        self.finish()


class Member(Client):
    """A member of a group that commits behind what it processed: each record at least once."""

    def __init__(self, number, properties, topic, partitions, findings):
        super().__init__(f"member {number}")
        self.topic = topic
        self.findings = findings
        self.processed = [set() for _ in range(partitions)]  # of ranges: (first, last)
        self.commits_failed = 0
        self.client = Consumer({**properties, "group.id": MEMBERS,
                                "enable.auto.commit": False, "auto.offset.reset": "earliest",
                                "session.timeout.ms": 10_000, **QUIET})

    def _process(self, messages):
        ranges = {}
        for message in messages:
            if message.error() is None:
                partition, offset = message.partition(), message.offset()
                first, last = ranges.get(partition, (offset, offset - 1))
                if offset != last + 1:
                    self.processed[partition].add((first, last))
                    first = offset
                ranges[partition] = (first, offset)
            elif message.error().code() == KafkaError.OFFSET_OUT_OF_RANGE:
                self.findings.add(f"{self.name}: {message.error()}")
        for partition, processed in ranges.items():
            self.processed[partition].add(processed)
        return bool(ranges)

    def work(self):
        self.client.subscribe([self.topic])
        while not self.ending.is_set():
            if self._process(self.client.consume(500, 0.2)):
                try:
                    self.client.commit(asynchronous=False)
                except KafkaException:
                    self.commits_failed += 1  # a rebalance or a fault: what follows reads it again
        self.client.close()


def unprocessed(members, ends):
    """By partition, where any are: the ranges of offsets below its end that no member processed."""
    missing = {}
    for partition, end in enumerate(ends):
        reached, holes = 0, []
        for first, last in sorted(r for member in members for r in member.processed[partition]):
            if first > reached:
                holes.append((reached, first - 1))
            reached = max(reached, last + 1)
        if reached < end:
            holes.append((reached, end - 1))
        if holes:
            missing[partition] = holes
    return missing

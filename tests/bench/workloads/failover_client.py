#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An idempotent librdkafka producer at a steady rate: how long was each partition silent?

    failover_client.py BOOTSTRAP TOPIC PARTITIONS RATE SECONDS

Prints `running` after three seconds, when a broker may be killed; at the end, after reading all
back, one JSON object. The client's settings are librdkafka's defaults.
"""
import json
import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

WARM_UP_S = 3


def create(bootstrap, topic, partitions):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(topic, partitions, 3, config={"min.insync.replicas": "2"})
    admin.create_topics([new])[topic].result(60)


def produce(bootstrap, topic, partitions, rate, seconds):
    """Returns the acknowledged records, the longest silence of each partition, and refusals."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    acknowledged, refused = set(), []
    last = {}
    silence = [0.0] * partitions

    def delivered(error, message):
        if error:
            refused.append(str(error))
            return
        now, place = time.monotonic(), message.partition()
        acknowledged.add(message.value())
        silence[place] = max(silence[place], now - last.get(place, now))
        last[place] = now

    begin = time.monotonic()
    sent, running = 0, False
    while time.monotonic() - begin < seconds:
        producer.produce(topic, str(sent).encode(), partition=sent % partitions,
                         on_delivery=delivered)
        sent += 1
        while time.monotonic() < begin + sent / rate:
            producer.poll(max(0.0, begin + sent / rate - time.monotonic()))
        if not running and time.monotonic() - begin > WARM_UP_S:
            running = True
            silence[:] = [0.0] * partitions
            print("running", flush=True)
    unanswered = producer.flush(60)
    return acknowledged, silence, refused, unanswered


def read_back(bootstrap, topic, partitions):
    """The values of all partitions, as often as they are there."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "failover",
                         "enable.partition.eof": True, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    values, ended = [], set()
    deadline = time.monotonic() + 60
    while len(ended) < partitions and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            continue
        values.append(message.value())
    consumer.close()
    return values


def main():
    bootstrap, topic = sys.argv[1:3]
    partitions, rate, seconds = (int(argument) for argument in sys.argv[3:6])
    create(bootstrap, topic, partitions)
    acknowledged, silence, refused, unanswered = produce(bootstrap, topic, partitions, rate,
                                                         seconds)
    values = read_back(bootstrap, topic, partitions)
    print(json.dumps({
        "acknowledged": len(acknowledged), "refused": len(refused), "unanswered": unanswered,
        "lost": len(acknowledged - set(values)), "duplicated": len(values) - len(set(values)),
        "gap_ms": 1000 * max(silence), "gaps_ms": [round(1000 * s) for s in silence],
        "reasons": sorted(set(refused))[:5]}))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""The first thing that anybody tries: records go in at one end and come out at the other."""
import pytest


def numbered(count, width=8):
    return [f"{i:0{width}}" for i in range(count)]


def test_the_region_lists_its_brokers(region):
    found = {broker["id"]: broker["name"] for broker in region.metadata()["brokers"]}
    assert found == {node_id: region.address(node_id) for node_id in region.node_ids}


def test_every_broker_is_live_and_ready(region):
    for node_id in region.node_ids:
        assert region.http(node_id, "/livez")[0] == 200
        assert region.http(node_id, "/readyz")[0] == 200


def test_what_is_produced_is_consumed_in_order(region, topic):
    region.produce(topic, numbered(1000), partition=0)
    records = region.consume(topic, partition=0)
    assert [record["payload"] for record in records] == numbered(1000)
    assert [record["offset"] for record in records] == list(range(1000))


def test_a_created_topic_is_replicated_to_three_brokers(region, topic):
    region.produce(topic, ["x"])
    for part in region.partitions(topic).values():
        assert sorted(one["id"] for one in part["replicas"]) == region.node_ids


def test_keys_and_headers_survive(region, topic):
    region.kcat("-P", "-t", topic, "-K", "\t", "-H", "trace=17", stdin="key\tvalue\n")
    record, = region.consume(topic)
    assert (record["key"], record["payload"]) == ("key", "value")
    assert record["headers"] == ["trace", "17"]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_batches_of_every_codec_survive(region, topic, codec):
    region.produce(topic, numbered(500), settings=["acks=all", f"compression.codec={codec}"])
    assert region.values(topic) == numbered(500)


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_kind_of_acknowledgement_stores_the_records(region, topic, acks):
    region.produce(topic, ["first"])  # acks=0 tells nothing of a topic that is still being made
    region.produce(topic, numbered(100), settings=[f"acks={acks}"])
    assert len(region.consume(topic, count=101)) == 101


def test_an_idempotent_producer_is_served(region, topic):
    region.produce(topic, numbered(2000), settings=["enable.idempotence=true"])
    assert region.values(topic) == numbered(2000)


def test_a_large_record_survives(region, topic):
    value = "v" * 900_000
    region.produce(topic, [value])
    record, = region.consume(topic)
    assert record["payload"] == value


def test_a_consumer_waits_for_records_that_come_later(region, topic):
    region.produce(topic, ["early"], partition=0)
    with region.start_kcat("-C", "-q", "-t", topic, "-p", "0", "-o", "1", "-c", "1") as consumer:
        region.produce(topic, ["late"], partition=0)
        assert consumer.communicate(timeout=30)[0] == "late\n"


def test_any_broker_can_be_the_first_that_a_client_knows(region, topic):
    region.produce(topic, ["x"])
    for node_id in region.node_ids:
        output = region.kcat("-b", region.address(node_id), "-C", "-q", "-e", "-t", topic)
        assert output == "x\n"

// SPDX-License-Identifier: Apache-2.0

//! The twelve conversations, held by rust-rdkafka.

mod conversation;

use conversation::{ask, hold, until, BASE_MS};
use futures_lite::future::block_on;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage, Timestamp};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use serde_json::{json, Value};
use std::sync::Mutex;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Collects what became of each message, in the order of delivery.
#[derive(Default)]
struct Deliveries(Mutex<Vec<Result<i64, RDKafkaErrorCode>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        let outcome = match result {
            Ok(message) => Ok(message.offset()),
            Err((problem, _)) => Err(problem
                .rdkafka_error_code()
                .unwrap_or(RDKafkaErrorCode::Unknown)),
        };
        self.0.lock().unwrap().push(outcome);
    }
}

type Admin = AdminClient<DefaultClientContext>;

#[derive(Clone)]
struct Sent {
    partition: i32,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(&'static str, &'static str)>,
    timestamp: i64,
}

fn settings(bootstrap: &str, more: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    for (name, value) in more {
        config.set(*name, *value);
    }
    config
}

fn admin_of(bootstrap: &str) -> Admin {
    settings(bootstrap, &[]).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(TIMEOUT))
}

fn code<T>(result: Result<T, (String, RDKafkaErrorCode)>) -> String {
    match result {
        Ok(_) => "none".to_string(),
        Err((_, problem)) => format!("{problem:?}"),
    }
}

fn make(
    admin: &Admin,
    name: &str,
    partitions: i32,
    replicas: i32,
    config: &[(&str, &str)],
) -> String {
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
    for (key, value) in config {
        topic = topic.set(key, value);
    }
    code(
        block_on(admin.create_topics([&topic], &options()))
            .unwrap()
            .remove(0),
    )
}

fn create(bootstrap: &str, topic: &str, partitions: i32, config: &[(&str, &str)]) -> Admin {
    let admin = admin_of(bootstrap);
    // The sample timestamps are old: without this the records would be deleted as expired.
    let mut settings = vec![("retention.ms", "-1")];
    settings.extend_from_slice(config);
    assert_eq!(make(&admin, topic, partitions, 3, &settings), "none");
    until("leaders", || {
        let leaders = leaders(&admin, topic);
        (leaders.len() == partitions as usize && leaders.iter().all(|l| *l >= 0)).then_some(())
    });
    admin
}

fn leaders(admin: &Admin, topic: &str) -> Vec<i32> {
    let Ok(metadata) = admin.inner().fetch_metadata(Some(topic), TIMEOUT) else {
        return vec![];
    };
    metadata.topics()[0]
        .partitions()
        .iter()
        .map(|p| p.leader())
        .collect()
}

fn listed(admin: &Admin, topic: &str) -> bool {
    let metadata = admin.inner().fetch_metadata(None, TIMEOUT).unwrap();
    metadata.topics().iter().any(|t| t.name() == topic)
}

fn numbered(first: i64, count: i64, step_ms: i64) -> Vec<Sent> {
    (first..first + count)
        .map(|i| Sent {
            partition: 0,
            key: None,
            value: Some(i.to_string().into_bytes()),
            headers: vec![],
            timestamp: BASE_MS + step_ms * i,
        })
        .collect()
}

fn producer_of(bootstrap: &str, more: &[(&str, &str)]) -> ThreadedProducer<Deliveries> {
    let mut all = vec![("linger.ms", "5"), ("message.max.bytes", "10000000")];
    all.extend_from_slice(more);
    settings(bootstrap, &all)
        .create_with_context(Deliveries::default())
        .unwrap()
}

fn send(producer: &ThreadedProducer<Deliveries>, topic: &str, records: &[Sent]) {
    for record in records {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: Some(*value),
            });
        }
        let message = BaseRecord::<[u8], [u8]> {
            topic,
            partition: Some(record.partition),
            payload: record.value.as_deref(),
            key: record.key.as_deref(),
            timestamp: Some(record.timestamp),
            headers: Some(headers),
            delivery_opaque: (),
        };
        producer
            .send(message)
            .map_err(|(problem, _)| problem)
            .unwrap();
    }
}

/// Sends the records; gives their offsets, or the first error.
fn produce(
    bootstrap: &str,
    topic: &str,
    records: &[Sent],
    more: &[(&str, &str)],
) -> Result<Vec<i64>, RDKafkaErrorCode> {
    let producer = producer_of(bootstrap, more);
    send(&producer, topic, records);
    producer.flush(TIMEOUT).unwrap();
    let outcomes = producer.context().0.lock().unwrap().clone();
    outcomes.into_iter().collect()
}

fn consumer_of(bootstrap: &str, group: &str, more: &[(&str, &str)]) -> BaseConsumer {
    let mut all = vec![
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
        ("session.timeout.ms", "10000"),
        ("heartbeat.interval.ms", "500"),
    ];
    all.extend_from_slice(more);
    settings(bootstrap, &all).create().unwrap()
}

fn take(consumer: &BaseConsumer, count: usize) -> Vec<OwnedMessage> {
    let mut taken = vec![];
    until(&format!("{count} records"), || {
        while taken.len() < count {
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => taken.push(message.detach()),
                // A broker that has just been killed; the client finds another.
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::BrokerTransportFailure,
                ))) => return None,
                Some(Err(problem)) => panic!("{problem:?}"),
                None => return None,
            }
        }
        Some(())
    });
    taken
}

fn spot(topic: &str, partition: i32, offset: i64) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))
        .unwrap();
    list
}

fn read(
    bootstrap: &str,
    topic: &str,
    partition: i32,
    offset: i64,
    count: usize,
    more: &[(&str, &str)],
) -> Vec<OwnedMessage> {
    let consumer = consumer_of(bootstrap, &format!("{topic}-reader"), more);
    consumer.assign(&spot(topic, partition, offset)).unwrap();
    take(&consumer, count)
}

fn are_numbers(messages: &[OwnedMessage], first: i64, step: i64) -> bool {
    messages.iter().enumerate().all(|(i, message)| {
        message.payload() == Some((first + step * i as i64).to_string().as_bytes())
    })
}

fn metadata(bootstrap: &str, prefix: &str) -> Value {
    let offsets = produce(bootstrap, prefix, &numbered(0, 1, 1), &[]).unwrap();
    let admin = admin_of(bootstrap);
    let metadata = admin.inner().fetch_metadata(Some(prefix), TIMEOUT).unwrap();
    let partitions = metadata.topics()[0].partitions();
    json!({
        "offsets": offsets, "brokers": metadata.brokers().len(), "partitions": partitions.len(),
        "three_replicas": partitions.iter().all(|p| p.replicas().len() == 3),
        "three_in_sync": partitions.iter().all(|p| p.isr().len() == 3),
        "cluster_id_is_set": admin.inner().fetch_cluster_id(TIMEOUT).is_some(),
        "listed": listed(&admin, prefix),
    })
}

fn samples() -> Vec<Sent> {
    (0..20)
        .map(|i| Sent {
            partition: 0,
            key: (i % 4 != 0).then(|| format!("key-{i}").into_bytes()),
            value: match i % 5 {
                1 => None,
                2 => Some(vec![]),
                _ => Some(format!("value-{i} ").repeat(20).into_bytes()),
            },
            headers: if i % 2 == 0 {
                vec![]
            } else {
                vec![("h", "one"), ("h", "two"), ("empty", "")]
            },
            timestamp: BASE_MS + i,
        })
        .collect()
}

fn is_same(sent: &Sent, read: &OwnedMessage) -> bool {
    let headers: Vec<(String, Vec<u8>)> = read.headers().map_or(vec![], |all| {
        all.iter()
            .map(|h| (h.key.to_string(), h.value.unwrap_or(b"null").to_vec()))
            .collect()
    });
    let expected: Vec<(String, Vec<u8>)> = sent
        .headers
        .iter()
        .map(|(k, v)| (k.to_string(), v.as_bytes().to_vec()))
        .collect();
    read.key() == sent.key.as_deref()
        && read.payload() == sent.value.as_deref()
        && read.timestamp() == Timestamp::CreateTime(sent.timestamp)
        && headers == expected
}

fn codecs(bootstrap: &str, prefix: &str) -> Value {
    create(bootstrap, prefix, 1, &[]);
    let mut seen = json!({});
    for (number, codec) in ["none", "gzip", "snappy", "lz4", "zstd"].iter().enumerate() {
        let sent = samples();
        let offsets = produce(bootstrap, prefix, &sent, &[("compression.type", codec)]).unwrap();
        let read = read(bootstrap, prefix, 0, 20 * number as i64, 20, &[]);
        seen[codec] = json!({
            "first": offsets[0], "last": offsets[19],
            "same": sent.iter().zip(&read).all(|(s, r)| is_same(s, r)),
        });
    }
    seen
}

fn idempotent(bootstrap: &str, prefix: &str) -> Value {
    create(bootstrap, prefix, 4, &[]);
    let mut records = numbered(0, 1000, 1);
    for (i, record) in records.iter_mut().enumerate() {
        record.partition = i as i32 % 4;
    }
    let more = [("enable.idempotence", "true"), ("batch.num.messages", "20")];
    let mut offsets = produce(bootstrap, prefix, &records, &more).unwrap();
    offsets.sort();
    let ordered =
        (0..4).all(|p| are_numbers(&read(bootstrap, prefix, p, 0, 250, &[]), i64::from(p), 4));
    let dense = offsets
        .iter()
        .enumerate()
        .all(|(i, offset)| *offset == i as i64 / 4);
    json!({"dense": dense, "ordered": ordered})
}

fn acks(bootstrap: &str, prefix: &str) -> Value {
    let admin = create(bootstrap, prefix, 1, &[]);
    let mut seen = json!({});
    for (number, level) in ["0", "1", "all"].iter().enumerate() {
        let offsets = produce(bootstrap, prefix, &numbered(0, 100, 1), &[("acks", level)]).unwrap();
        if number > 0 {
            seen[level] = json!([offsets[0], offsets[99]]);
        }
        until("the records of this level", || {
            let (_, end) = admin.inner().fetch_watermarks(prefix, 0, TIMEOUT).unwrap();
            (end == 100 * (number as i64 + 1)).then_some(())
        });
    }
    seen["read"] = json!(read(bootstrap, prefix, 0, 0, 300, &[]).len());
    seen
}

fn committed(consumer: &BaseConsumer, topic: &str) -> (Option<i64>, String) {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    let answer = consumer.committed_offsets(list, TIMEOUT).unwrap();
    let one = &answer.elements()[0];
    let offset = match one.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    (offset, one.metadata().to_string())
}

fn group(bootstrap: &str, prefix: &str) -> Value {
    create(bootstrap, prefix, 1, &[]);
    produce(bootstrap, prefix, &numbered(0, 100, 1), &[]).unwrap();
    let first = consumer_of(bootstrap, prefix, &[]);
    first.subscribe(&[prefix]).unwrap();
    let taken = take(&first, 50);
    let (before, _) = committed(&first, prefix);
    let mark = spot(prefix, 0, 50);
    mark.find_partition(prefix, 0)
        .unwrap()
        .set_metadata("noted");
    first.commit(&mark, CommitMode::Sync).unwrap();
    drop(first);
    let second = consumer_of(bootstrap, prefix, &[]);
    second.subscribe(&[prefix]).unwrap();
    let rest = take(&second, 50);
    let (between, note) = committed(&second, prefix);
    second.commit_consumer_state(CommitMode::Sync).unwrap();
    let (last, _) = committed(&second, prefix);
    json!({
        "before": before, "first": taken[0].offset(), "resumed_at": rest[0].offset(),
        "committed": between, "metadata": note, "last": last,
    })
}

fn shares(members: &[&BaseConsumer], wanted: &[usize]) -> Vec<i32> {
    until(&format!("shares of {wanted:?}"), || {
        let mut partitions = vec![];
        let mut sizes = vec![];
        for member in members {
            member.poll(Duration::from_millis(50));
            let assignment = member.assignment().unwrap();
            sizes.push(assignment.count());
            partitions.extend(assignment.elements().iter().map(|e| e.partition()));
        }
        partitions.sort();
        sizes.sort();
        (sizes == wanted).then_some(partitions)
    })
}

fn rebalance(bootstrap: &str, prefix: &str) -> Value {
    create(bootstrap, prefix, 4, &[]);
    let mut seen = json!({});
    for strategy in ["range", "cooperative-sticky"] {
        let id = format!("{prefix}-{strategy}");
        let more = [("partition.assignment.strategy", strategy)];
        let a = consumer_of(bootstrap, &id, &more);
        a.subscribe(&[prefix]).unwrap();
        let alone = shares(&[&a], &[4]);
        let b = consumer_of(bootstrap, &id, &more);
        b.subscribe(&[prefix]).unwrap();
        let together = shares(&[&a, &b], &[2, 2]);
        drop(b);
        seen[strategy] = json!({
            "alone": alone, "together": together, "after": shares(&[&a], &[4]),
        });
    }
    seen
}

fn seek(bootstrap: &str, prefix: &str) -> Value {
    let admin = create(bootstrap, prefix, 1, &[]);
    produce(bootstrap, prefix, &numbered(0, 100, 1000), &[]).unwrap();
    let consumer = consumer_of(bootstrap, prefix, &[]);
    let at = |ms: i64| {
        let answer = consumer
            .offsets_for_times(spot(prefix, 0, BASE_MS + ms), TIMEOUT)
            .unwrap();
        let offset = answer.elements()[0].offset();
        format!("{offset:?}")
    };
    let mut seen = json!({
        "before": at(-5), "exact": at(40_000), "between": at(40_001), "after": at(1_000_000),
        "watermarks": admin.inner().fetch_watermarks(prefix, 0, TIMEOUT).unwrap(),
    });
    consumer.assign(&spot(prefix, 0, 0)).unwrap();
    seen["first"] = json!(take(&consumer, 1)[0].offset());
    consumer
        .seek(prefix, 0, Offset::Offset(40), TIMEOUT)
        .unwrap();
    seen["sought"] = json!(take(&consumer, 1)[0].offset());
    consumer
        .seek(prefix, 0, Offset::Offset(5000), TIMEOUT)
        .unwrap();
    seen["out_of_range_resets_to"] = json!(take(&consumer, 1)[0].offset());
    seen
}

fn large(bootstrap: &str, prefix: &str) -> Value {
    create(bootstrap, prefix, 1, &[("max.message.bytes", "100000")]);
    let by_default = format!("{prefix}-default");
    create(bootstrap, &by_default, 1, &[]);
    let attempt = |topic: &str, size: usize| {
        let mut record = numbered(0, 1, 1);
        record[0].value = Some(vec![b'x'; size]);
        format!("{:?}", produce(bootstrap, topic, &record, &[]))
    };
    let mut seen = json!({
        "near": attempt(prefix, 99_000), "too_large": attempt(prefix, 101_000),
        "default_near": attempt(&by_default, 1_048_000),
        "default_too_large": attempt(&by_default, 1_050_000),
    });
    let limits = [
        ("fetch.max.bytes", "1000"),
        ("message.max.bytes", "1000"),
        ("max.partition.fetch.bytes", "1000"),
    ];
    let small = read(bootstrap, &by_default, 0, 0, 1, &limits);
    seen["read_bytes"] = json!(small[0].payload().map(<[u8]>::len));
    seen
}

fn config(admin: &Admin, topic: &str, name: &str) -> Value {
    let resource = ResourceSpecifier::Topic(topic);
    let answer = block_on(admin.describe_configs([&resource], &options()))
        .unwrap()
        .remove(0);
    let found = answer.unwrap();
    let entry = found.get(name).unwrap();
    json!([
        entry.value,
        format!("{:?}", entry.source),
        entry.is_default,
        entry.is_read_only
    ])
}

fn topics(bootstrap: &str, prefix: &str) -> Value {
    let admin = admin_of(bootstrap);
    let mut seen = json!({"create": make(&admin, prefix, 3, 3, &[("retention.ms", "123456")])});
    until("the topic", || {
        (leaders(&admin, prefix).len() == 3).then_some(())
    });
    seen["again"] = json!(make(&admin, prefix, 3, 3, &[]));
    seen["many_replicas"] = json!(make(&admin, &format!("{prefix}-b"), 1, 100, &[]));
    seen["bad_name"] = json!(make(&admin, &format!("{prefix}/c"), 1, 3, &[]));
    seen["long_name"] = json!(make(&admin, &"x".repeat(250), 1, 3, &[]));
    seen["bad_config"] = json!(make(
        &admin,
        &format!("{prefix}-d"),
        1,
        3,
        &[("retention.ms", "soon")]
    ));
    seen["retention.ms"] = config(&admin, prefix, "retention.ms");
    seen["max.message.bytes"] = config(&admin, prefix, "max.message.bytes");
    // AlterConfigs replaces all settings of the topic.
    let change = AlterConfig::new(ResourceSpecifier::Topic(prefix)).set("segment.ms", "7000000");
    let answer = block_on(admin.alter_configs([&change], &options()))
        .unwrap()
        .remove(0);
    seen["set"] = json!(answer.is_ok());
    until("all settings replaced", || {
        (config(&admin, prefix, "retention.ms")[0] == "604800000").then_some(())
    });
    seen["segment.ms"] = config(&admin, prefix, "segment.ms");
    let delete = || {
        code(
            block_on(admin.delete_topics(&[prefix], &options()))
                .unwrap()
                .remove(0),
        )
    };
    seen["delete"] = json!(delete());
    until("the topic is gone", || {
        (!listed(&admin, prefix)).then_some(())
    });
    seen["delete_again"] = json!(delete());
    seen
}

fn partitions(bootstrap: &str, prefix: &str) -> Value {
    let admin = create(bootstrap, prefix, 2, &[]);
    let grow = |topic: &str, count: usize| {
        let change = NewPartitions::new(topic, count);
        code(
            block_on(admin.create_partitions([&change], &options()))
                .unwrap()
                .remove(0),
        )
    };
    let mut seen = json!({"grow": grow(prefix, 5)});
    until("five partitions", || {
        (leaders(&admin, prefix).len() == 5).then_some(())
    });
    seen["same"] = json!(grow(prefix, 5));
    seen["shrink"] = json!(grow(prefix, 1));
    seen["unknown"] = json!(grow(&format!("{prefix}-unknown"), 5));
    let mut records = numbered(0, 10, 1);
    records.iter_mut().for_each(|r| r.partition = 4);
    produce(bootstrap, prefix, &records, &[]).unwrap();
    let drop_before = |offset: i64| {
        let answer = block_on(admin.delete_records(&spot(prefix, 4, offset), &options())).unwrap();
        let one = &answer.elements()[0];
        match one.error() {
            Ok(()) => format!("{:?}", one.offset()),
            Err(KafkaError::OffsetFetch(code)) => format!("{code:?}"),
            Err(other) => format!("{other:?}"),
        }
    };
    let watermarks = || json!(admin.inner().fetch_watermarks(prefix, 4, TIMEOUT).unwrap());
    seen["offsets"] = watermarks();
    seen["deleted"] = json!(drop_before(4));
    seen["deleted_beyond"] = json!(drop_before(100));
    seen["offsets_after"] = watermarks();
    seen["first_after"] = json!(read(bootstrap, prefix, 4, 0, 1, &[])[0].offset());
    seen
}

fn groups(bootstrap: &str, prefix: &str) -> Value {
    let admin = create(bootstrap, prefix, 1, &[]);
    produce(bootstrap, prefix, &numbered(0, 10, 1), &[]).unwrap();
    let member = consumer_of(bootstrap, prefix, &[("client.id", "talker")]);
    member.subscribe(&[prefix]).unwrap();
    take(&member, 10);
    member.commit_consumer_state(CommitMode::Sync).unwrap();
    let describe = || {
        let list = admin
            .inner()
            .fetch_group_list(Some(prefix), TIMEOUT)
            .unwrap();
        let Some(found) = list.groups().first() else {
            return json!(null);
        };
        let ids: Vec<&str> = found.members().iter().map(|m| m.client_id()).collect();
        json!([found.state(), found.protocol_type(), found.protocol(), ids])
    };
    let delete = || {
        code(
            block_on(admin.delete_groups(&[prefix], &options()))
                .unwrap()
                .remove(0),
        )
    };
    let mut seen = json!({"stable": describe(), "delete_busy": delete()});
    drop(member);
    until("the group is empty", || {
        (describe()[0] == "Empty").then_some(())
    });
    seen["empty"] = describe();
    seen["delete"] = json!(delete());
    seen["delete_again"] = json!(delete());
    seen
}

fn failover(bootstrap: &str, prefix: &str) -> Value {
    let admin = create(bootstrap, prefix, 1, &[("min.insync.replicas", "2")]);
    let leader = || leaders(&admin, prefix).first().copied().unwrap_or(-1);
    let more = [
        ("enable.idempotence", "true"),
        ("batch.num.messages", "20"),
        ("message.timeout.ms", "60000"),
    ];
    let producer = producer_of(bootstrap, &more);
    send(&producer, prefix, &numbered(0, 200, 1));
    producer.flush(TIMEOUT).unwrap();
    let old = leader();
    send(&producer, prefix, &numbered(200, 100, 1));
    ask("kill", old);
    send(&producer, prefix, &numbered(300, 100, 1));
    producer.flush(TIMEOUT * 2).unwrap();
    let moved = until("another leader", || {
        let now = leader();
        (now >= 0 && now != old).then_some(true)
    });
    let right = are_numbers(&read(bootstrap, prefix, 0, 0, 400, &[]), 0, 1);
    let errors = producer
        .context()
        .0
        .lock()
        .unwrap()
        .iter()
        .filter(|o| o.is_err())
        .count();
    ask("restart", old);
    json!({"errors": errors, "moved": moved, "all_in_order": right})
}

fn main() {
    let version = format!(
        "0.39.0 on librdkafka {}",
        rdkafka::util::get_rdkafka_version().1
    );
    std::process::exit(hold(
        "rust-rdkafka",
        &version,
        &[
            ("metadata", metadata),
            ("codecs", codecs),
            ("idempotent", idempotent),
            ("acks", acks),
            ("group", group),
            ("rebalance", rebalance),
            ("seek", seek),
            ("large", large),
            ("topics", topics),
            ("partitions", partitions),
            ("groups", groups),
            ("failover", failover),
        ],
    ));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_broker.h"

#include <string.h>

#include "gyre/base/check.h"

#include "cluster/cluster.h"
#include "handlers/fetch_session.h"

static struct fake_broker *current;

/* ---- catalog and cluster ---- */

const struct catalog_topic *catalog_find_topic(const struct catalog *catalog, struct string name)
{
    (void)catalog;
    if (string_equal(name, current->topic.name)) {
        return &current->topic;
    }
    return string_equal(name, current->internal.name) ? &current->internal : NULL;
}

const struct catalog_topic *catalog_find_topic_by_id(const struct catalog *catalog, struct uuid id)
{
    (void)catalog;
    return uuid_equal(id, current->topic.id) ? &current->topic : NULL;
}

const struct catalog_broker *catalog_find_broker(const struct catalog *catalog, int32_t node_id)
{
    (void)catalog;
    return node_id == 1 || node_id == 2 ? &current->brokers[node_id - 1] : NULL;
}

bool catalog_is_stale(const struct catalog *catalog, uint64_t limit_us)
{
    (void)catalog;
    (void)limit_us;
    return current->is_catalog_stale;
}

struct cluster_leader cluster_leader(const struct cluster *cluster, struct group_id group)
{
    (void)cluster;
    if (group.partition == 1) {
        return (struct cluster_leader){.node_id = 2, .leader_epoch = 9};
    }
    return (struct cluster_leader){.node_id = current->group.group->leader,
                                   .leader_epoch = (int32_t)current->group.group->term};
}

/* ---- the fake ---- */

void fake_broker_init(struct fake_broker *fake)
{
    memset(fake, 0, sizeof *fake);
    current = fake;
    fake_group_init(&fake->group);
    random_seed(&fake->random, 5);
    fake->config.fetch_max_bytes = 1 << 20;
    fake->topic = (struct catalog_topic){
        .name = STRING("clicks"), .id = {.bytes = {1}}, .partition_count = 2};
    fake->internal = (struct catalog_topic){
        .name = STRING("__own"), .id = {.bytes = {2}}, .partition_count = 1, .is_internal = true};
    for (int i = 0; i < 2; i++) {
        fake->brokers[i] = (struct catalog_broker){.node_id = i + 1, .endpoint_count = 1};
        fake->brokers[i].endpoints[0] = (struct catalog_endpoint){
            .name = STRING("PLAINTEXT"), .host = STRING("broker"), .port = (uint16_t)(9092 + i)};
        fake->brokers[i].rack = i == 0 ? STRING("a") : STRING("b");
    }
    fake->broker = (struct broker){
        .node_id = FAKE_GROUP_NODE,
        .loop = &fake->group.loop,
        .random = &fake->random,
        .pool = &fake->group.pool,
        .config = &fake->config,
        .partitions = fake->group.table,
        .fetch_sessions = fetch_sessions_new(&fake->group.loop, &fake->random, 10),
    };
    request_fixture_init(&fake->fixture, &fake->broker);
    fake_group_lead(&fake->group, 1);
}

void fake_broker_release(struct fake_broker *fake)
{
    fake_group_turn(&fake->group);
    request_fixture_release(&fake->fixture);
    fake_group_release(&fake->group);
    fetch_sessions_free(fake->broker.fetch_sessions);
}

void fake_broker_ask(struct fake_broker *fake, int16_t api_key, int16_t version, const void *in,
                     request_handler handle)
{
    request_fixture_ask(&fake->fixture, api_key, version, in, handle);
    fake_group_turn(&fake->group);
}

enum request_end fake_broker_end(const struct fake_broker *fake)
{
    return fake->fixture.request.end;
}

static void on_stored(struct partition_append *append)
{
    CHECK(append->error == KAFKA_ERROR_NONE);
}

void fake_broker_store(struct fake_broker *fake, struct buffer *batch)
{
    struct partition_append append = {
        .batch = buffer_slice(batch, 0, batch->size), .acks = 1, .done = on_stored};

    buffer_unref(batch);
    append.timeout_us = 1000000;
    partition_append(fake->group.partition, &append);
    fake_group_commit(&fake->group);
}

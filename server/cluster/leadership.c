/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every broker answers Metadata, so every broker must know who leads what. A new leader tells all
 * its peers, many partitions in one call; a link that comes up hears of everything this broker
 * leads. Epochs order the news: an older one never replaces a newer.
 */
#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/runtime/links.h"

#include "cluster/cluster_private.h"
#include "wire_messages/cluster_link.h"

enum { PARTITIONS_PER_CALL_MAX = 10000, ARENA_BYTES_MAX = 8 * 1024 * 1024 };
static const uint64_t TELL_TIMEOUT_US = 5 * 1000 * 1000;

/* News, gathered until the end of the turn. */
struct announcement {
    struct list link;
    struct group_id group;
    int32_t leader_epoch;
};

/* ---- telling ---- */

static void on_told(void *context, enum error error, struct buffer_slice answer)
{
    /* A peer that missed it hears everything again when its link is back. */
    (void)context;
    (void)error;
    (void)answer;
}

/* The first entries of `news`, up to the limit of a call, encoded; they are freed. One topic per
 * run of equal ids is enough: partitions of a topic come together. */
static struct buffer_slice encode_some(struct list *news, struct arena *arena)
{
    struct cluster_leadership_topics *topics;
    struct cluster_leadership_topics_partitions *partitions;
    struct cluster_leadership message;
    struct buffer *bytes = NULL;
    int count = 0;

    topics = arena_alloc_array(arena, PARTITIONS_PER_CALL_MAX, sizeof *topics);
    partitions = arena_alloc_array(arena, PARTITIONS_PER_CALL_MAX, sizeof *partitions);
    CHECK(topics != NULL);
    CHECK(partitions != NULL);
    cluster_leadership_init(&message);
    message.topics.items = topics;
    message.topics.count = 0;
    while (!list_is_empty(news) && count < PARTITIONS_PER_CALL_MAX) {
        struct announcement *entry = list_first(news, struct announcement, link);
        struct cluster_leadership_topics *topic = &topics[message.topics.count - 1];

        if (message.topics.count == 0 || !uuid_equal(topic->topic_id, entry->group.topic)) {
            topic = &topics[message.topics.count++];
            topic->topic_id = entry->group.topic;
            topic->partitions.items = &partitions[count];
        }
        topic->partitions.count++;
        partitions[count++] = (struct cluster_leadership_topics_partitions){
            .partition = entry->group.partition, .leader_epoch = entry->leader_epoch};
        list_remove(&entry->link);
        free(entry);
    }
    CHECK(message_encode_record(&cluster_leadership_layout, 0, 0, &message, &bytes) == ERROR_NONE);
    return (struct buffer_slice){bytes, bytes->bytes, bytes->size};
}

static void add_news(struct list *news, struct group_id group, int32_t leader_epoch)
{
    struct announcement *entry = check_alloc(sizeof *entry);

    list_init(&entry->link);
    entry->group = group;
    entry->leader_epoch = leader_epoch;
    list_append(news, &entry->link);
}

struct audience {
    struct cluster *cluster;
    struct buffer_slice bytes; /* borrowed */
};

static void tell_broker(void *context, const struct catalog_broker *broker)
{
    struct audience *audience = context;
    const struct cluster_services *services = &audience->cluster->services;

    if (broker->node_id != services->node_id && links_is_up(services->links, broker->node_id)) {
        rpc_call(services->rpc, broker->node_id, RPC_LEADERSHIP, buffer_slice_ref(audience->bytes),
                 TELL_TIMEOUT_US, on_told, NULL);
    }
}

static void on_announce(struct task *task)
{
    struct cluster *cluster = CONTAINER_OF(task, struct cluster, announce);

    while (!list_is_empty(&cluster->announced)) {
        struct audience audience = {.cluster = cluster};
        struct arena arena;

        arena_init(&arena, ARENA_BYTES_MAX);
        audience.bytes = encode_some(&cluster->announced, &arena);
        arena_release(&arena);
        catalog_for_each_broker(cluster->services.catalog, tell_broker, &audience);
        buffer_slice_unref(&audience.bytes);
    }
}

void leadership_led(struct cluster *cluster, struct partition *partition, int32_t leader_epoch)
{
    add_news(&cluster->announced, partition_group(partition), leader_epoch);
    loop_defer_last(cluster->services.loop, &cluster->announce);
}

static void add_if_led(void *context, struct partition *partition)
{
    struct partition_status status;

    partition_status(partition, &status);
    if (status.leads) {
        add_news(context, partition_group(partition), status.leader_epoch);
    }
}

void leadership_peer_up(struct cluster *cluster, int32_t peer)
{
    struct list news;

    list_init(&news);
    partition_for_each(cluster->services.partitions, add_if_led, &news);
    while (!list_is_empty(&news)) {
        struct arena arena;

        arena_init(&arena, ARENA_BYTES_MAX);
        rpc_call(cluster->services.rpc, peer, RPC_LEADERSHIP, encode_some(&news, &arena),
                 TELL_TIMEOUT_US, on_told, NULL);
        arena_release(&arena);
    }
}

/* ---- hearing ---- */

static void hear(struct cluster *cluster, int32_t peer, const struct cluster_leadership *in)
{
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct cluster_leadership_topics *topic = &in->topics.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct group_id group = {topic->topic_id, topic->partitions.items[j].partition};
            struct cluster_replica *replica = replicas_get(cluster, group);

            if (topic->partitions.items[j].leader_epoch > replica->leader_epoch) {
                replica->leader = peer;
                replica->leader_epoch = topic->partitions.items[j].leader_epoch;
            }
        }
    }
}

static void serve_leadership(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct cluster_leadership in;
    struct arena arena;
    enum error error;

    arena_init(&arena, ARENA_BYTES_MAX);
    error = message_decode_record(&cluster_leadership_layout, 0, body, &arena, &in);
    if (error == ERROR_NONE) {
        hear(context, request.peer, &in);
    }
    arena_release(&arena);
    rpc_answer(request, error, (struct buffer_slice){0});
}

/* ---- knowing ---- */

struct cluster_leader cluster_leader(const struct cluster *cluster, struct group_id group)
{
    struct cluster_replica *replica = replicas_find(cluster, group);
    struct cluster_leader best = {-1, -1};
    struct partition_status status;

    if (replica == NULL) {
        return best;
    }
    best = (struct cluster_leader){replica->leader, replica->leader_epoch};
    if (replica->partition != NULL) {
        partition_status(replica->partition, &status);
        if (status.leader_epoch > best.leader_epoch ||
            (status.leader_epoch == best.leader_epoch && status.leader >= 0)) {
            /* Also "nobody", when who was announced led before the leader that our replica lost. */
            best = (struct cluster_leader){status.leader, status.leader_epoch};
        }
    }
    if (best.node_id >= 0 && !cluster_broker_is_live(cluster, best.node_id)) {
        best.node_id = -1;
    }
    return best;
}

void leadership_start(struct cluster *cluster)
{
    list_init(&cluster->announced);
    task_init(&cluster->announce, on_announce);
    rpc_serve(cluster->services.rpc, RPC_LEADERSHIP, serve_leadership, cluster);
}

void leadership_stop(struct cluster *cluster)
{
    task_cancel(&cluster->announce);
    while (!list_is_empty(&cluster->announced)) {
        struct announcement *entry = list_first(&cluster->announced, struct announcement, link);

        list_remove(&entry->link);
        free(entry);
    }
}

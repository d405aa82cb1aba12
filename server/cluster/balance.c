/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leadership goes back to the preferred replica (the first) once it is there and in sync, a few
 * partitions at a time; a broker that drains gives all of its leaderships away.
 *
 * Not at once: clients that met a dead broker try it again only after a while (librdkafka: up to
 * 10 s), and a partition whose leader they do not try stands still for them. And every move makes
 * clients look for leaders and coordinators: those who have just lived through a failure are spared
 * the second one, as in Kafka, for five minutes.
 */
#include <stdlib.h>

#include "gyre/config/config.h"
#include "gyre/observe/log.h"

#include "cluster/cluster_private.h"
#include "metadata/catalog_commands.h"

enum { TRANSFERS_OPEN_MAX = 64 };
static const uint64_t BALANCE_US = 1000 * 1000;
static const uint64_t DRAIN_US = 20 * 1000;

static void on_transferred(void *context, enum error error)
{
    struct cluster *cluster = context;

    (void)error; /* whatever it was, the next look sees what is */
    cluster->transfers_open--;
}

static bool can_lead(const struct cluster *cluster, const int32_t *in_sync, int count, int32_t node)
{
    const struct catalog_broker *broker = catalog_find_broker(cluster->services.catalog, node);

    if (node == cluster->services.node_id || broker == NULL || broker->is_draining ||
        !cluster_broker_is_live(cluster, node)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (in_sync[i] == node) {
            return true;
        }
    }
    return false;
}

static void hand_over(struct cluster *cluster, struct partition *partition, int32_t node)
{
    cluster->transfers_open++;
    consensus_transfer(partition_consensus(partition), node, on_transferred, cluster);
}

/* ---- the preferred leader ---- */

static bool has_been_live(const struct cluster *cluster, int32_t node)
{
    uint64_t wait_s = (uint64_t)cluster->services.config->leader_imbalance_check_interval_seconds;

    return consensus_peer_live_us(cluster->services.consensus, node) >= wait_s * 1000 * 1000;
}

static void prefer(void *context, struct partition *partition)
{
    struct cluster *cluster = context;
    struct group_id group = partition_group(partition);
    const struct catalog_topic *topic =
        catalog_find_topic_by_id(cluster->services.catalog, group.topic);
    const struct catalog_partition *wanted;
    int32_t in_sync[CONSENSUS_MEMBERS_MAX];

    if (topic == NULL || group.partition >= topic->partition_count ||
        cluster->transfers_open >= TRANSFERS_OPEN_MAX ||
        !consensus_leads(partition_consensus(partition))) {
        return;
    }
    wanted = &topic->partitions[group.partition];
    if (wanted->target_count == 0 && wanted->replicas[0] != cluster->services.node_id &&
        has_been_live(cluster, wanted->replicas[0]) &&
        can_lead(cluster, in_sync, partition_in_sync(partition, in_sync), wanted->replicas[0])) {
        hand_over(cluster, partition, wanted->replicas[0]);
    }
}

/* ---- drain ---- */

struct drain {
    struct cluster *cluster;
    int left;
};

static void give_away(void *context, struct partition *partition)
{
    struct drain *drain = context;
    struct cluster *cluster = drain->cluster;
    int32_t in_sync[CONSENSUS_MEMBERS_MAX];
    int count;

    if (!consensus_leads(partition_consensus(partition))) {
        return;
    }
    count = partition_in_sync(partition, in_sync);
    for (int i = 0; i < count; i++) {
        if (can_lead(cluster, in_sync, count, in_sync[i])) {
            drain->left++;
            if (cluster->transfers_open < TRANSFERS_OPEN_MAX) {
                hand_over(cluster, partition, in_sync[i]);
            }
            return;
        }
    }
}

static void drain_some(struct cluster *cluster)
{
    struct drain drain = {cluster, 0};
    void (*drained)(void *context) = cluster->drained;

    partition_for_each(cluster->services.partitions, give_away, &drain);
    if (drain.left > 0 && loop_now_us(cluster->services.loop) < cluster->drain_deadline_us) {
        timer_start(cluster->services.loop, &cluster->balance_timer, DRAIN_US);
        return;
    }
    log_info(LOG_CLUSTER, "drained", field_i64("leaderships_left", drain.left));
    cluster->drained = NULL;
    drained(cluster->drained_context);
}

static void on_timer(struct timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, balance_timer);

    if (cluster->is_draining) {
        if (cluster->drained != NULL) {
            drain_some(cluster);
        }
        return;
    }
    timer_start(cluster->services.loop, timer, BALANCE_US);
    if (cluster->services.config->auto_leader_rebalance_enable) {
        partition_for_each(cluster->services.partitions, prefer, cluster);
    }
}

static void on_marked(void *context, const struct catalog_outcome *outcome)
{
    (void)context;
    (void)outcome; /* if it failed, peers may hand leaderships back: the deadline ends that */
}

void cluster_drain(struct cluster *cluster, uint64_t limit_us, void (*drained)(void *context),
                   void *context)
{
    struct catalog_set_draining command;
    struct buffer *bytes = NULL;

    CHECK(cluster->drained == NULL);
    cluster->is_draining = true;
    cluster->drained = drained;
    cluster->drained_context = context;
    cluster->drain_deadline_us = clock_monotonic_us(cluster->services.loop->clock) + limit_us;
    timer_start(cluster->services.loop, &cluster->balance_timer, 0);
    catalog_set_draining_init(&command);
    command.node_id = cluster->services.node_id;
    command.incarnation = (int64_t)cluster->services.incarnation;
    command.is_draining = true;
    if (cluster->is_registered &&
        catalog_commands_of(set_draining, SET_DRAINING, &command, &bytes) == ERROR_NONE) {
        catalog_submit(cluster->services.catalog, bytes, on_marked, NULL);
    }
}

void balance_start(struct cluster *cluster)
{
    timer_init(&cluster->balance_timer, on_timer);
    timer_start(cluster->services.loop, &cluster->balance_timer, BALANCE_US);
}

void balance_stop(struct cluster *cluster)
{
    timer_stop(cluster->services.loop, &cluster->balance_timer);
}

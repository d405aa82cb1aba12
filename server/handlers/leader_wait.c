/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/leader_wait.h"

#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "handlers/request.h"

/* The first look is late: an election takes a few milliseconds, and the client's connection to a
 * dying broker often breaks that much earlier than ours. */
static const uint64_t FIRST_LOOK_US = 2 * 1000;
static const uint64_t LOOK_AGAIN_US = 5 * 1000;

enum { CHANGE_WAIT_MS_MAX = 1000 };

static bool has_live_majority(const struct broker *broker,
                              const struct catalog_partition *partition)
{
    int live = 0;

    for (int i = 0; i < partition->replica_count; i++) {
        live += cluster_broker_is_live(broker->cluster, partition->replicas[i]);
    }
    return live > partition->replica_count / 2;
}

bool leader_wait_is_electing_one(const struct broker *broker, const struct catalog_topic *topic,
                                 int32_t partition)
{
    struct group_id group = {topic->id, partition};

    return cluster_leader(broker->cluster, group).node_id < 0 &&
           has_live_majority(broker, &topic->partitions[partition]);
}

bool leader_wait_is_electing(const struct broker *broker, const struct catalog_topic *topic,
                             int32_t first)
{
    for (int32_t i = first; i < topic->partition_count; i++) {
        if (leader_wait_is_electing_one(broker, topic, i)) {
            return true;
        }
    }
    return false;
}

static void on_look(struct timer *timer)
{
    struct leader_wait *wait = CONTAINER_OF(timer, struct leader_wait, look);
    struct loop *loop = wait->request->broker->loop;

    if (!wait->request->is_orphaned && loop_now_us(loop) < wait->until_us &&
        wait->is_electing(wait->context)) {
        timer_start(loop, timer, LOOK_AGAIN_US);
        return;
    }
    wait->done(wait->context);
}

void leader_wait_start(struct leader_wait *wait, uint64_t limit_us)
{
    struct loop *loop = wait->request->broker->loop;

    wait->until_us = loop_now_us(loop) + limit_us;
    timer_init(&wait->look, on_look);
    timer_start(loop, &wait->look, FIRST_LOOK_US);
}

void leader_wait_after_change(struct leader_wait *wait, int32_t timeout_ms)
{
    int32_t limit_ms = timeout_ms < CHANGE_WAIT_MS_MAX ? timeout_ms : CHANGE_WAIT_MS_MAX;

    if (limit_ms > 0 && wait->is_electing(wait->context)) {
        leader_wait_start(wait, (uint64_t)limit_ms * 1000);
    } else {
        wait->done(wait->context);
    }
}

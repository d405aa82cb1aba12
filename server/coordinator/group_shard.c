/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_shard.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/observe/log.h"

#include "coordinator/group.h"
#include "coordinator/group_answer.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_loader.h"
#include "coordinator/group_member.h"
#include "coordinator/group_rebalance.h"
#include "coordinator/group_store.h"

struct group_shard *group_shard_new(struct group_coordinator *coordinator,
                                    struct partition *partition)
{
    struct group_shard *shard = check_alloc_zero(sizeof *shard);

    shard->coordinator = coordinator;
    shard->partition = partition;
    shard->index = partition_group(partition).partition;
    list_init(&shard->groups);
    group_store_init(shard);
    group_loader_start(shard);
    return shard;
}

void group_shard_free(struct group_shard *shard)
{
    shard->is_active = false;
    shard->is_dropped = true;
    group_loader_stop(shard);
    list_for_each(link, &shard->groups) {
        struct group *group = list_entry(link, struct group, of_shard);

        group_rebalance_cancel(group);
        group_answer_all(group, KAFKA_ERROR_NOT_COORDINATOR);
    }
    group_store_release(shard);
    while (!list_is_empty(&shard->groups)) {
        group_free(list_first(&shard->groups, struct group, of_shard));
    }
    free(shard);
}

/* Members had no chance to be heard while nobody led: their sessions begin anew. */
static void wake_group(struct group *group)
{
    const struct broker_config *config = group->coordinator->services.config;

    list_for_each(link, &group->members) {
        group_member_touch(list_entry(link, struct group_member, link));
    }
    if (group->member_count > config->group_max_size && group_can_rebalance(group)) {
        group_rebalance_prepare(group, "it has more members than group.max.size");
    }
}

void group_shard_loaded(struct group_shard *shard)
{
    int64_t count = 0;

    shard->is_active = true;
    list_for_each_safe(link, &shard->groups) {
        wake_group(list_entry(link, struct group, of_shard));
        count++;
    }
    log_info(LOG_COORDINATOR, "groups are loaded", field_i64("partition", shard->index),
             field_i64("groups", count));
}

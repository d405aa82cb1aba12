/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the catalog wants here, made so: a replica is opened when a topic names this broker, gets
 * its topic's configuration, and is closed and removed when the topic names it no longer.
 *
 * Opening many at once (a topic of ten thousand partitions) is cut into turns of the loop.
 */
#include <stdlib.h>

#include "gyre/observe/log.h"
#include "gyre/storage/storage.h"

#include "cluster/cluster_private.h"

enum { RECONCILED_PER_TURN_MAX = 500 };

struct cluster_replica *replicas_find(const struct cluster *cluster, struct group_id group)
{
    map_for_each_match(link, &cluster->replicas, group_id_hash(group)) {
        struct cluster_replica *replica = CONTAINER_OF(link, struct cluster_replica, by_group);

        if (group_id_equal(replica->group, group)) {
            return replica;
        }
    }
    return NULL;
}

struct cluster_replica *replicas_get(struct cluster *cluster, struct group_id group)
{
    struct cluster_replica *replica = replicas_find(cluster, group);

    if (replica == NULL) {
        replica = check_alloc_zero(sizeof *replica);
        replica->group = group;
        replica->leader = -1;
        replica->leader_epoch = -1;
        list_init(&replica->dirty);
        map_insert(&cluster->replicas, &replica->by_group, group_id_hash(group));
    }
    return replica;
}

static void forget(struct cluster *cluster, struct cluster_replica *replica)
{
    list_remove(&replica->dirty);
    map_remove(&cluster->replicas, &replica->by_group);
    replica_moves_forget(replica);
    free(replica);
}

static void mark(struct cluster *cluster, struct cluster_replica *replica)
{
    if (list_is_alone(&replica->dirty)) {
        list_append(&cluster->dirty_replicas, &replica->dirty);
    }
    loop_defer(cluster->services.loop, &cluster->reconcile);
}

/* ---- opening and closing ---- */

static void open_replica(struct cluster *cluster, struct cluster_replica *replica,
                         const struct catalog_topic *topic, const struct catalog_partition *wanted)
{
    struct consensus_member members[CATALOG_REPLICAS_MAX];
    int count = 0;
    enum error error;

    /* Only the first replicas of a group may vote from an empty log: whoever came later waits to
     * be fed, else it could vote in a membership that is long gone. */
    if (!wanted->has_moved &&
        catalog_is_among(wanted->replicas, wanted->replica_count, cluster->services.node_id)) {
        for (; count < wanted->replica_count; count++) {
            members[count] = (struct consensus_member){wanted->replicas[count], MEMBER_VOTER};
        }
    }
    error = partition_open(cluster->services.partitions, replica->group, members, count,
                           &topic->config, &replica->partition);
    if (error != ERROR_NONE) {
        replica->partition = NULL;
        log_error(LOG_CLUSTER, "a replica cannot be opened", field_text("topic", topic->name),
                  field_i64("partition", replica->group.partition), field_error(error));
    }
}

/* Before the catalog is current it may name us for what was moved away long ago: a group that is
 * opened anew would be founded a second time. One that is here needs no founding. */
static bool may_open(const struct cluster *cluster, struct group_id group)
{
    const struct partition_log *log = storage_find_log(cluster->services.storage, group);

    return cluster->is_current || (log != NULL && partition_log_last_index(log) > 0);
}

static void close_replica(struct cluster_replica *replica)
{
    partition_close(replica->partition, true);
    replica->partition = NULL;
    free(replica->move); /* a closed group does not answer */
    replica->move = NULL;
}

static void reconcile_one(struct cluster *cluster, struct cluster_replica *replica)
{
    const struct catalog_topic *topic =
        catalog_find_topic_by_id(cluster->services.catalog, replica->group.topic);
    const struct catalog_partition *wanted;
    int32_t self = cluster->services.node_id;

    if (topic == NULL || replica->group.partition >= topic->partition_count) {
        if (replica->partition != NULL) {
            close_replica(replica);
        }
        forget(cluster, replica);
        return;
    }
    wanted = &topic->partitions[replica->group.partition];
    if (catalog_partition_names(wanted, self)) {
        if (replica->partition != NULL) {
            partition_set_config(replica->partition, &topic->config);
        } else if (may_open(cluster, replica->group)) {
            open_replica(cluster, replica, topic, wanted);
        }
    } else if (replica->partition != NULL && cluster->is_current) {
        close_replica(replica); /* not for what is told again: it may have come back since */
    }
    if (replica->partition != NULL) {
        replica_throttles_apply(cluster, replica, topic);
        replica_moves_look(cluster, replica);
    }
}

static void on_reconcile(struct task *task)
{
    struct cluster *cluster = CONTAINER_OF(task, struct cluster, reconcile);

    for (int i = 0; i < RECONCILED_PER_TURN_MAX && !list_is_empty(&cluster->dirty_replicas); i++) {
        struct cluster_replica *replica =
            list_first(&cluster->dirty_replicas, struct cluster_replica, dirty);

        list_remove(&replica->dirty);
        reconcile_one(cluster, replica);
    }
    if (!list_is_empty(&cluster->dirty_replicas)) {
        timer_start(cluster->services.loop, &cluster->reconcile_timer, 0);
    }
}

static void on_reconcile_timer(struct timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, reconcile_timer);

    loop_defer(cluster->services.loop, &cluster->reconcile);
}

/* ---- hearing of the catalog ---- */

void replicas_topic_changed(struct cluster *cluster, const struct catalog_topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct group_id group = {topic->id, i};
        const struct catalog_partition *wanted = &topic->partitions[i];
        struct cluster_replica *replica = replicas_find(cluster, group);

        if (replica == NULL && catalog_partition_names(wanted, cluster->services.node_id)) {
            replica = replicas_get(cluster, group);
        }
        if (replica != NULL) {
            mark(cluster, replica);
        }
    }
}

void replicas_topic_deleted(struct cluster *cluster, const struct catalog_topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct cluster_replica *replica = replicas_find(cluster, (struct group_id){topic->id, i});

        if (replica != NULL) {
            mark(cluster, replica);
        }
    }
}

/* ---- groups on disk that nothing names any more ---- */

struct leftovers {
    struct cluster *cluster;
    struct partition_log *log;
};

/* Of a topic that is gone, or of a partition that moved away while we were not there. */
static bool is_leftover(const struct cluster *cluster, struct group_id group)
{
    const struct catalog_topic *topic =
        catalog_find_topic_by_id(cluster->services.catalog, group.topic);

    return topic == NULL || group.partition >= topic->partition_count ||
           !catalog_partition_names(&topic->partitions[group.partition], cluster->services.node_id);
}

static void find_leftover(void *context, struct partition_log *log)
{
    struct leftovers *leftovers = context;
    struct group_id group = partition_log_group(log);

    if (!group_id_is_catalog(group) && is_leftover(leftovers->cluster, group) &&
        partition_find(leftovers->cluster->services.partitions, group) == NULL) {
        leftovers->log = log;
    }
}

static void remove_leftovers(struct cluster *cluster)
{
    struct leftovers leftovers = {cluster, NULL};

    do {
        leftovers.log = NULL;
        storage_for_each_log(cluster->services.storage, find_leftover, &leftovers);
        if (leftovers.log != NULL) {
            storage_remove_log(cluster->services.storage, leftovers.log);
        }
    } while (leftovers.log != NULL);
}

void replicas_became_current(struct cluster *cluster)
{
    map_for_each(link, &cluster->replicas) {
        mark(cluster, CONTAINER_OF(link, struct cluster_replica, by_group));
    }
    remove_leftovers(cluster);
}

/* ---- life ---- */

void replicas_start(struct cluster *cluster)
{
    map_init(&cluster->replicas);
    list_init(&cluster->dirty_replicas);
    task_init(&cluster->reconcile, on_reconcile);
    timer_init(&cluster->reconcile_timer, on_reconcile_timer);
}

void replicas_stop(struct cluster *cluster)
{
    task_cancel(&cluster->reconcile);
    timer_stop(cluster->services.loop, &cluster->reconcile_timer);
    map_for_each_safe(link, &cluster->replicas) {
        forget(cluster, CONTAINER_OF(link, struct cluster_replica, by_group));
    }
    map_release(&cluster->replicas);
}

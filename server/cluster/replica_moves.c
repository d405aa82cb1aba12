/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition's leader makes its group's membership what the catalog asks for, one step at a time:
 *
 *     somebody is fed in vain         -> remove it
 *     a wanted broker is missing      -> add it (standby, fed, then voter)
 *     all wanted are voters, we are not wanted -> hand leadership to one that is
 *     somebody is not wanted          -> remove it
 *     membership == targets           -> tell the catalog that the move is done
 *
 * Each step is found anew from what is there, so a leader that dies leaves nothing behind.
 */
#include <stdlib.h>

#include "gyre/observe/log.h"

#include "cluster/cluster_private.h"
#include "metadata/catalog_commands.h"

static const uint64_t LOOK_AGAIN_US = 500 * 1000;

/* A step's answer finds its replica again by name: it may be gone. */
struct move {
    struct cluster *cluster;
    struct group_id group;
    int32_t added; /* -1: nobody */
};

static struct move *move_new(struct cluster *cluster, const struct cluster_replica *replica)
{
    struct move *move = check_alloc(sizeof *move);

    *move = (struct move){cluster, replica->group, -1};
    return move;
}

static struct cluster_replica *end_move(struct move *move)
{
    struct cluster_replica *replica = replicas_find(move->cluster, move->group);

    free(move);
    return replica;
}

static void on_moved(void *context, enum error error)
{
    struct move *move = context;
    struct cluster *cluster = move->cluster;
    struct cluster_replica *replica = end_move(move);

    if (replica != NULL) {
        replica->move = NULL;
        if (error == ERROR_NONE) {
            replica_moves_look(cluster, replica);
        }
    }
}

/* The catalog is being told that targets are reached. It may answer when the replica is gone, and
 * the whole cluster with it. */
struct finish {
    struct cluster_replica *replica; /* NULL: it is gone */
};

static void on_finished(void *context, const struct catalog_outcome *outcome)
{
    struct finish *finish = context;

    if (finish->replica != NULL) {
        finish->replica->finish = NULL;
    }
    free(finish);
    if (outcome->error != ERROR_NONE || outcome->kafka_error != KAFKA_ERROR_NONE) {
        log_warning(LOG_CLUSTER, "the catalog was not told of a finished move",
                    field_error(outcome->error));
    }
}

static void tell_finished(struct cluster *cluster, struct cluster_replica *replica,
                          const struct catalog_partition *wanted)
{
    struct catalog_set_replicas_partitions partition = {.partition = replica->group.partition};
    int32_t replicas[CATALOG_REPLICAS_MAX];
    struct catalog_set_replicas command;
    struct buffer *bytes = NULL;

    if (replica->finish != NULL) {
        return;
    }
    for (int i = 0; i < wanted->target_count; i++) {
        replicas[i] = wanted->targets[i];
    }
    catalog_set_replicas_init(&command);
    command.topic_id = replica->group.topic;
    command.partitions.items = &partition;
    command.partitions.count = 1;
    partition.replicas.items = replicas;
    partition.replicas.count = wanted->target_count;
    if (catalog_commands_of(set_replicas, SET_REPLICAS, &command, &bytes) == ERROR_NONE) {
        replica->finish = check_alloc(sizeof *replica->finish);
        replica->finish->replica = replica;
        catalog_submit(cluster->services.catalog, bytes, on_finished, replica->finish);
    }
}

static const struct member_progress *find_member(const struct member_progress *members, int count,
                                                 int32_t node)
{
    for (int i = 0; i < count; i++) {
        if (members[i].node == node) {
            return &members[i];
        }
    }
    return NULL;
}

static void start_change(struct cluster *cluster, struct cluster_replica *replica, int32_t node,
                         bool is_removal)
{
    struct consensus_group *group = partition_consensus(replica->partition);

    replica->move = move_new(cluster, replica);
    if (is_removal) {
        consensus_remove_member(group, node, on_moved, replica->move);
    } else {
        replica->move->added = node;
        consensus_set_member(group, node, MEMBER_VOTER, on_moved, replica->move);
    }
}

static void hand_over(struct cluster *cluster, struct cluster_replica *replica, int32_t node)
{
    replica->move = move_new(cluster, replica);
    consensus_transfer(partition_consensus(replica->partition), node, on_moved, replica->move);
}

/* Fed for a move that was called off or replaced: it takes from those that are wanted. */
static const struct member_progress *find_idle_standby(const struct member_progress *members,
                                                       int count, const int32_t *wanted,
                                                       int wanted_count)
{
    for (int i = 0; i < count; i++) {
        if (members[i].role == MEMBER_STANDBY &&
            !catalog_is_among(wanted, wanted_count, members[i].node)) {
            return &members[i];
        }
    }
    return NULL;
}

/* True: a step was started, or must be waited for. */
static bool take_step(struct cluster *cluster, struct cluster_replica *replica,
                      const int32_t *wanted, int wanted_count)
{
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int count = consensus_members(partition_consensus(replica->partition), members);
    const struct member_progress *idle = find_idle_standby(members, count, wanted, wanted_count);
    int32_t self = cluster->services.node_id;

    if (idle != NULL) {
        start_change(cluster, replica, idle->node, true);
        return true;
    }
    for (int i = 0; i < wanted_count; i++) {
        const struct member_progress *member = find_member(members, count, wanted[i]);

        if (member == NULL || member->role != MEMBER_VOTER) {
            if (cluster_broker_is_live(cluster, wanted[i])) {
                start_change(cluster, replica, wanted[i], false);
            }
            return true;
        }
    }
    if (!catalog_is_among(wanted, wanted_count, self)) {
        for (int i = 0; i < wanted_count; i++) {
            if (cluster_broker_is_live(cluster, wanted[i])) {
                hand_over(cluster, replica, wanted[i]);
                return true;
            }
        }
        return true; /* we are the group's member still */
    }
    for (int i = 0; i < count; i++) {
        if (members[i].node != self && !catalog_is_among(wanted, wanted_count, members[i].node)) {
            start_change(cluster, replica, members[i].node, true);
            return true;
        }
    }
    return false;
}

/* One that is added may never catch up: it is not waited for when it is wanted no more. */
static void stop_unwanted(struct cluster_replica *replica, const int32_t *wanted, int wanted_count)
{
    int32_t added = replica->move->added;

    if (added >= 0 && !catalog_is_among(wanted, wanted_count, added)) {
        consensus_stop_waiting(partition_consensus(replica->partition), added);
    }
}

void replica_moves_look(struct cluster *cluster, struct cluster_replica *replica)
{
    const struct catalog_topic *topic =
        catalog_find_topic_by_id(cluster->services.catalog, replica->group.topic);
    const struct catalog_partition *wanted;
    const int32_t *nodes;
    int count;

    if (topic == NULL || replica->partition == NULL ||
        replica->group.partition >= topic->partition_count ||
        !consensus_leads(partition_consensus(replica->partition))) {
        return;
    }
    wanted = &topic->partitions[replica->group.partition];
    nodes = wanted->target_count == 0 ? wanted->replicas : wanted->targets;
    count = wanted->target_count == 0 ? wanted->replica_count : wanted->target_count;
    if (replica->move != NULL) {
        stop_unwanted(replica, nodes, count);
    } else if (!take_step(cluster, replica, nodes, count) && wanted->target_count > 0) {
        tell_finished(cluster, replica, wanted);
    }
}

void replica_moves_forget(struct cluster_replica *replica)
{
    free(replica->move); /* a closed group does not answer */
    replica->move = NULL;
    if (replica->finish != NULL) {
        replica->finish->replica = NULL; /* on_finished() frees it */
        replica->finish = NULL;
    }
}

/* Steps that could not be taken (a broker was away) are tried again for topics under way. */
static void look_at_topic(void *context, const struct catalog_topic *topic)
{
    struct cluster *cluster = context;

    for (int32_t i = 0; i < topic->partition_count; i++) {
        if (topic->partitions[i].target_count > 0 || topic->partitions[i].has_moved) {
            struct cluster_replica *replica =
                replicas_find(cluster, (struct group_id){topic->id, i});

            if (replica != NULL) {
                replica_moves_look(cluster, replica);
            }
        }
    }
}

static void on_timer(struct timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, moves_timer);

    timer_start(cluster->services.loop, timer, LOOK_AGAIN_US);
    if (cluster->is_loaded) {
        catalog_for_each_topic(cluster->services.catalog, look_at_topic, cluster);
    }
}

void replica_moves_start(struct cluster *cluster)
{
    timer_init(&cluster->moves_timer, on_timer);
    timer_start(cluster->services.loop, &cluster->moves_timer, LOOK_AGAIN_US);
}

void replica_moves_stop(struct cluster *cluster)
{
    timer_stop(cluster->services.loop, &cluster->moves_timer);
}

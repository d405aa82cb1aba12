/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New partitions go where the fewest replicas are. The replicas of one partition lie on different
 * brokers and, as far as there are racks left, on different racks; the first of them is the broker
 * that leads the fewest. Brokers that are down or about to stop are taken where there are no
 * others, as KRaft does, and only while a majority of a partition's replicas is up: without one it
 * would have no leader.
 */
#include <stdlib.h>

#include "gyre/config/config.h"

#include "cluster/cluster_private.h"

enum { CANDIDATES_MAX = 1024, DEFAULT_REPLICAS = 3 };

struct candidate {
    int32_t node;
    struct string rack;
    int64_t replicas;
    int64_t preferred; /* how often it is the first replica */
    bool is_up;
    bool is_taken;
};

struct field {
    struct cluster *cluster;
    struct candidate *candidates;
    int count;
    int up_count;
};

static void add_candidate(void *context, const struct catalog_broker *broker)
{
    struct field *field = context;
    bool is_up = !broker->is_draining && cluster_broker_is_live(field->cluster, broker->node_id);

    if (field->count < CANDIDATES_MAX) {
        field->candidates[field->count++] =
            (struct candidate){.node = broker->node_id, .rack = broker->rack, .is_up = is_up};
        field->up_count += is_up;
    }
}

static struct candidate *find_candidate(struct field *field, int32_t node)
{
    for (int i = 0; i < field->count; i++) {
        if (field->candidates[i].node == node) {
            return &field->candidates[i];
        }
    }
    return NULL;
}

static void count_load(void *context, const struct catalog_topic *topic)
{
    struct field *field = context;

    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct catalog_partition *partition = &topic->partitions[i];

        for (int j = 0; j < partition->replica_count; j++) {
            struct candidate *candidate = find_candidate(field, partition->replicas[j]);

            if (candidate != NULL) {
                candidate->replicas++;
                candidate->preferred += j == 0;
            }
        }
    }
}

static bool rack_is_used(const struct field *field, const int32_t *nodes, int count,
                         struct string rack)
{
    for (int i = 0; i < count; i++) {
        struct candidate *other = find_candidate((struct field *)(uintptr_t)field, nodes[i]);

        if (rack.bytes != NULL && string_equal(other->rack, rack)) {
            return true;
        }
    }
    return false;
}

/* Fewer replicas first (for the first replica: fewer leaderships), then the smaller node id. */
static bool is_better(const struct candidate *a, const struct candidate *b, bool is_first)
{
    if (is_first && a->preferred != b->preferred) {
        return a->preferred < b->preferred;
    }
    if (a->replicas != b->replicas) {
        return a->replicas < b->replicas;
    }
    return a->node < b->node;
}

static struct candidate *choose(struct field *field, const int32_t *nodes, int count)
{
    struct candidate *best = NULL;
    int best_merit = 0;

    for (int i = 0; i < field->count; i++) {
        struct candidate *candidate = &field->candidates[i];
        bool is_fresh = !rack_is_used(field, nodes, count, candidate->rack);
        int merit = 2 * candidate->is_up + is_fresh;

        if (candidate->is_taken || (best != NULL && merit < best_merit)) {
            continue;
        }
        if (best == NULL || merit > best_merit || is_better(candidate, best, count == 0)) {
            best = candidate;
            best_merit = merit;
        }
    }
    return best;
}

static void place_one(struct field *field, int replication_factor, struct catalog_partition *out)
{
    *out = (struct catalog_partition){.replica_count = replication_factor};
    for (int i = 0; i < replication_factor; i++) {
        struct candidate *chosen = choose(field, out->replicas, i);

        CHECK(chosen != NULL);
        out->replicas[i] = chosen->node;
        chosen->is_taken = true;
        chosen->replicas++;
        chosen->preferred += i == 0;
    }
    for (int i = 0; i < field->count; i++) {
        field->candidates[i].is_taken = false;
    }
}

enum error cluster_place(struct cluster *cluster, int32_t count, int replication_factor,
                         struct catalog_partition *out_partitions)
{
    struct field field = {.cluster = cluster};
    enum error error = ERROR_NONE;

    field.candidates = check_alloc_zero(CANDIDATES_MAX * sizeof *field.candidates);
    catalog_for_each_broker(cluster->services.catalog, add_candidate, &field);
    catalog_for_each_topic(cluster->services.catalog, count_load, &field);
    if (replication_factor < 1 || replication_factor > CATALOG_REPLICAS_MAX) {
        error = ERROR_INVALID;
    } else if (replication_factor > field.count || field.up_count < replication_factor / 2 + 1) {
        error = ERROR_LIMIT;
    }
    for (int32_t i = 0; i < count && error == ERROR_NONE; i++) {
        place_one(&field, replication_factor, &out_partitions[i]);
    }
    free(field.candidates);
    return error;
}

int cluster_default_replication_factor(const struct cluster *cluster)
{
    int configured = cluster->services.config->default_replication_factor;
    int brokers = catalog_broker_count(cluster->services.catalog);

    if (configured > 0) {
        return configured;
    }
    return brokers < DEFAULT_REPLICAS ? brokers : DEFAULT_REPLICAS;
}

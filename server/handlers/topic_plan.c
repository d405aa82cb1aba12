/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/topic_plan.h"

#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"

static bool refuse(struct topic_fault *fault, struct string message)
{
    *fault = (struct topic_fault){KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT, message};
    return false;
}

static bool is_twice(const struct int32_array *replicas, int32_t at)
{
    for (int32_t i = 0; i < at; i++) {
        if (replicas->items[i] == replicas->items[at]) {
            return true;
        }
    }
    return false;
}

bool topic_plan_check_replicas(struct request *request, const struct int32_array *replicas,
                               int32_t replica_count, struct topic_fault *out_fault)
{
    int live = 0;

    if (replicas->count < 1) {
        return refuse(out_fault,
                      STRING("The manual partition assignment includes an empty replica list."));
    }
    if (replicas->count > CATALOG_REPLICAS_MAX) {
        return refuse(out_fault,
                      catalog_changes_text(request, "A partition has at most %d replicas.",
                                           CATALOG_REPLICAS_MAX));
    }
    for (int32_t i = 0; i < replicas->count; i++) {
        int32_t node = replicas->items[i];
        if (is_twice(replicas, i)) {
            return refuse(out_fault, catalog_changes_text(
                                         request,
                                         "The manual partition assignment includes the broker %d "
                                         "more than once.",
                                         node));
        }
        if (catalog_find_broker(request->broker->catalog, node) == NULL) {
            return refuse(out_fault, catalog_changes_text(
                                         request,
                                         "The manual partition assignment includes broker %d, but "
                                         "no such broker is registered.",
                                         node));
        }
        live += cluster_broker_is_live(request->broker->cluster, node);
    }
    if (replica_count > 0 && replicas->count != replica_count) {
        return refuse(out_fault, catalog_changes_text(
                                     request,
                                     "The manual partition assignment includes a partition with %d "
                                     "replica(s), but this is not consistent with previous "
                                     "partitions, which have %d replica(s).",
                                     replicas->count, replica_count));
    }
    if (live == 0) {
        return refuse(out_fault, STRING("All brokers specified in the manual partition assignment "
                                        "are fenced or in controlled shutdown."));
    }
    return true;
}

static struct string too_few(struct request *request, int replication_factor)
{
    int registered = catalog_broker_count(request->broker->catalog);
    bool are_registered = registered >= replication_factor;

    return catalog_changes_text(
        request,
        "Unable to replicate the partition %d time(s): The target replication factor of %d cannot "
        "be reached because only %d broker(s) are %s.",
        replication_factor, replication_factor,
        are_registered ? cluster_live_broker_count(request->broker->cluster) : registered,
        are_registered ? "unfenced" : "registered");
}

bool topic_plan_place(struct request *request, int32_t count, int replication_factor,
                      struct catalog_partition **out_partitions, struct topic_fault *out_fault)
{
    struct broker *broker = request->broker;
    struct catalog_partition *places =
        arena_alloc_array(&request->arena, (size_t)count + 1, sizeof *places);

    if (places == NULL) {
        *out_fault = (struct topic_fault){KAFKA_ERROR_POLICY_VIOLATION, TOPIC_PLAN_EXCESSIVE};
        return false;
    }
    enum error error = cluster_place(broker->cluster, count, replication_factor, places);
    if (error == ERROR_NONE) {
        *out_partitions = places;
        return true;
    }
    *out_fault = (struct topic_fault){KAFKA_ERROR_INVALID_REPLICATION_FACTOR,
                                      too_few(request, replication_factor)};
    return false;
}

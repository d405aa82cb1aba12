/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_region.h"

#include <stdlib.h>

#include "gyre/config/config.h"
#include "gyre/partition/partition.h"

#include "cluster/cluster.h"
#include "handlers/token_index.h"
#include "handlers/topics.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/create_topics.h"

/* ---- a cluster that says what the test wants ---- */

bool cluster_broker_is_live(const struct cluster *cluster, int32_t node_id)
{
    return node_id >= 0 && node_id < REGION_NODES && node_id != cluster->dead;
}

bool cluster_broker_is_remembered(const struct cluster *cluster, int32_t node_id)
{
    return cluster_broker_is_live(cluster, node_id) || cluster->is_dead_remembered;
}

int cluster_live_broker_count(const struct cluster *cluster)
{
    return cluster->dead < 0 ? REGION_NODES : REGION_NODES - 1;
}

struct cluster_leader cluster_leader(const struct cluster *cluster, struct group_id group)
{
    const struct catalog_topic *topic =
        catalog_find_topic_by_id(cluster->region->nodes[0].catalog, group.topic);

    if (cluster->is_leaderless || topic == NULL) {
        return (struct cluster_leader){-1, -1};
    }
    return (struct cluster_leader){topic->partitions[group.partition].replicas[0], 5};
}

int cluster_in_sync(const struct cluster *cluster, const struct catalog_topic *topic,
                    int32_t partition, int32_t out_nodes[CONSENSUS_MEMBERS_MAX])
{
    int count = 0;

    for (int i = 0; i < topic->partitions[partition].replica_count; i++) {
        int32_t node = topic->partitions[partition].replicas[i];
        if (node != cluster->dead) {
            out_nodes[count++] = node;
        }
    }
    return count;
}

enum error cluster_place(struct cluster *cluster, int32_t count, int replication_factor,
                         struct catalog_partition *out_partitions)
{
    if (replication_factor > catalog_broker_count(cluster->region->nodes[0].catalog) ||
        cluster_live_broker_count(cluster) < replication_factor / 2 + 1) {
        return ERROR_LIMIT;
    }
    for (int32_t i = 0; i < count; i++) {
        out_partitions[i] = (struct catalog_partition){.replica_count = replication_factor};
        for (int j = 0; j < replication_factor; j++) {
            out_partitions[i].replicas[j] = (cluster->placed + j) % REGION_NODES;
        }
        cluster->placed++;
    }
    return ERROR_NONE;
}

int cluster_default_replication_factor(const struct cluster *cluster)
{
    return catalog_broker_count(cluster->region->nodes[0].catalog);
}

struct pending_election {
    struct task task;
    cluster_done done;
    void *context;
};

static void run_election(struct task *task)
{
    struct pending_election *election = CONTAINER_OF(task, struct pending_election, task);

    election->done(election->context, KAFKA_ERROR_NONE);
    free(election);
}

void cluster_elect(struct cluster *cluster, struct group_id group, int32_t preferred,
                   bool is_unclean, cluster_done done, void *context)
{
    struct pending_election *election = check_alloc_zero(sizeof *election);

    (void)group;
    (void)preferred;
    (void)is_unclean;
    cluster->elections++;
    election->done = done;
    election->context = context;
    task_init(&election->task, run_election);
    loop_defer(&cluster->region->nodes[0].loop, &election->task);
}

/* ---- no partitions ---- */

struct partition *partition_find(const struct partition_table *table, struct group_id group)
{
    (void)table;
    (void)group;
    return NULL;
}

void partition_for_each(struct partition_table *table,
                        void (*visit)(void *context, struct partition *partition), void *context)
{
    (void)table;
    (void)visit;
    (void)context;
}

struct group_id partition_group(const struct partition *partition)
{
    (void)partition;
    return (struct group_id){0};
}

void partition_status(const struct partition *partition, struct partition_status *out_status)
{
    (void)partition;
    *out_status = (struct partition_status){0};
}

/* ---- the broker ---- */

static void create(struct admin_region *admin, const char *name, int32_t partitions,
                   int16_t replicas)
{
    struct create_topics_request_topics topic;
    struct create_topics_request in;
    struct create_topics_response out;

    create_topics_request_init(&in);
    create_topics_request_topics_init(&topic);
    topic.name = string_from(name);
    topic.num_partitions = partitions;
    topic.replication_factor = replicas;
    in.topics = (struct create_topics_request_topics_array){&topic, 1};
    admin_region_ask(admin, API_CREATE_TOPICS, 7, &in, create_topics_handle, &out);
    assert_int_equal(out.topics.items[0].error_code, KAFKA_ERROR_NONE);
}

struct admin_region *admin_region_new(void)
{
    static const char *const overrides[] = {"node.id=0", "num.partitions=4"};
    struct admin_region *admin = check_alloc_zero(sizeof *admin);
    struct config_report report = {0};

    assert_int_equal(config_load(NULL, overrides, 2, &report, &admin->config), ERROR_NONE);
    config_report_release(&report);
    admin->region = region_new(1, false);
    region_register_all(admin->region);
    admin->cluster = (struct cluster){.region = admin->region, .dead = -1};
    admin->broker = (struct broker){
        .node_id = 0,
        .loop = &admin->region->nodes[0].loop,
        .random = &admin->region->random,
        .config = admin->config,
        .rpc = admin->region->nodes[0].rpc,
        .catalog = admin->region->nodes[0].catalog,
        .cluster = &admin->cluster,
    };
    admin->broker.tokens = token_index_new(admin->broker.catalog, admin->config);
    request_fixture_init(&admin->fixture, &admin->broker);
    create(admin, "clicks", 3, 3);
    create(admin, "views", 1, 1);
    return admin;
}

void admin_region_free(struct admin_region *admin)
{
    request_fixture_release(&admin->fixture);
    token_index_free(admin->broker.tokens);
    region_free(admin->region);
    config_free(admin->config);
    free(admin);
}

void admin_region_ask(struct admin_region *admin, int16_t api_key, int16_t version, const void *in,
                      request_handler handle, void *out)
{
    request_fixture_ask(&admin->fixture, api_key, version, in, handle);
    admin->region->nodes[0].is_woken = true;
    for (int i = 0; i < 2000 && admin->fixture.request.end == REQUEST_OPEN; i++) {
        region_run(admin->region, 10000);
    }
    request_fixture_answer(&admin->fixture, out);
}

const struct catalog_topic *admin_region_topic(const struct admin_region *admin, const char *name)
{
    return catalog_find_topic(admin->broker.catalog, string_from(name));
}

const char *admin_region_setting(const struct admin_region *admin, const char *topic,
                                 const char *name)
{
    const char *found = NULL;

    for (int i = 0; i < REGION_NODES; i++) {
        const struct catalog_topic *known =
            catalog_find_topic(admin->region->nodes[i].catalog, string_from(topic));
        assert_non_null(known);
        struct string value = catalog_find_setting(&known->settings, string_from(name));
        const char *text = value.bytes == NULL ? "" : value.bytes;
        assert_true(found == NULL || strcmp(found, text) == 0);
        found = text;
    }
    return found;
}

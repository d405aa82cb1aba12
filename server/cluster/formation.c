/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A region is formed once. Every new broker asks the seeds who they are. When all of them answer
 * that they are new too, the first seed in the list picks the cluster id and the founders of the
 * catalog, writes both down and tells the others; from then on the decision stands, whatever
 * stops where. A new broker that meets a formed one joins its region, and is a founder only if
 * the decision names its very disk.
 */
#include <stdlib.h>
#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/runtime/links.h"
#include "gyre/storage/storage.h"

#include "cluster/cluster_private.h"
#include "cluster/formation_file.h"
#include "metadata/catalog_commands.h"
#include "metadata/catalog_open.h"
#include "wire_messages/cluster_link.h"

enum { ARENA_BYTES_MAX = 64 * 1024 };
static const uint64_t ASK_AGAIN_US = 200 * 1000;
static const uint64_t ASK_TIMEOUT_US = 2 * 1000 * 1000;
static const uint64_t TELL_US = 10 * 1000 * 1000;

bool formation_names(const struct cluster *cluster, int32_t node_id, struct uuid directory_id)
{
    for (int i = 0; i < cluster->founder_count; i++) {
        if (cluster->founders[i].node_id == node_id &&
            uuid_equal(cluster->founders[i].directory_id, directory_id)) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct cluster *cluster, struct uuid cluster_id)
{
    struct uuid wanted;

    return !config_cluster_id(cluster->services.config, &wanted) || uuid_equal(wanted, cluster_id);
}

static bool is_founder(const struct cluster *cluster)
{
    return formation_names(cluster, cluster->services.node_id,
                           storage_identity(cluster->services.storage)->directory_id);
}

static enum error open_catalog(struct cluster *cluster)
{
    struct consensus_member members[CLUSTER_FOUNDERS_MAX];
    int count = is_founder(cluster) ? cluster->founder_count : 0;

    for (int i = 0; i < count; i++) {
        members[i] = (struct consensus_member){cluster->founders[i].node_id, MEMBER_VOTER};
    }
    return catalog_open(cluster->services.catalog, members, count);
}

static void become_member(struct cluster *cluster)
{
    struct uuid cluster_id = storage_identity(cluster->services.storage)->cluster_id;
    enum error error;

    cluster->phase = FORMATION_MEMBER;
    timer_stop(cluster->services.loop, &cluster->formation_timer);
    cluster->events.cluster_id_known(cluster->events.context, cluster_id);
    error = open_catalog(cluster);
    if (error != ERROR_NONE) {
        cluster->events.refused(cluster->events.context,
                                "the catalog's log cannot be opened; see the lines above");
        return;
    }
    registration_start(cluster);
    catalog_members_start(cluster);
}

void formation_adopt(struct cluster *cluster, struct uuid cluster_id,
                     const struct cluster_founder *founders, int founder_count)
{
    char text[UUID_TEXT_LENGTH + 1];
    enum error error;

    if (cluster->phase != FORMATION_SEEKING || uuid_is_zero(cluster_id)) {
        return;
    }
    if (!is_wanted(cluster, cluster_id)) {
        cluster->events.refused(cluster->events.context,
                                "the region has another cluster id than gyre.cluster.id; correct "
                                "it, or gyre.seed.servers");
        return;
    }
    CHECK(founder_count <= CLUSTER_FOUNDERS_MAX);
    memcpy(cluster->founders, founders, (size_t)founder_count * sizeof *founders);
    cluster->founder_count = founder_count;
    error = formation_file_write(&cluster->services, cluster_id, founders, founder_count);
    if (error == ERROR_NONE) {
        error = storage_set_cluster_id(cluster->services.storage, cluster_id);
    }
    if (error != ERROR_NONE) {
        log_error(LOG_CLUSTER, "cannot write down how the region was formed", field_error(error));
        cluster->events.refused(cluster->events.context,
                                "the data directory cannot be written; check its disk and rights");
        return;
    }
    uuid_format(cluster_id, text);
    log_info(LOG_CLUSTER, "the region is known", field_string("cluster_id", text),
             field_bool("founder", is_founder(cluster)));
    become_member(cluster);
}

/* ---- founding ---- */

static int32_t seed_node(const struct cluster *cluster, int index)
{
    const struct links *links = cluster->services.links;
    const struct config_endpoint *seed = &cluster->services.config->seeds[index];

    return links->operations->seed_node(links, seed->host, seed->port);
}

/* The first seed may be spelt otherwise than we are advertised. Still it can be any of us that
 * reaches itself there, `localhost` or a name of all brokers: we are the one it means only if the
 * other seeds, and there must be some, have shown to be others. */
static bool first_seed_reaches_us_alone(const struct cluster *cluster)
{
    int count = cluster->services.config->seed_count;

    for (int i = 1; i < count; i++) {
        if (seed_node(cluster, i) < 0 || seed_node(cluster, i) == cluster->services.node_id) {
            return false;
        }
    }
    return count > 1 && seed_node(cluster, 0) == cluster->services.node_id;
}

static bool we_are_first_seed(const struct cluster *cluster)
{
    const struct broker_config *config = cluster->services.config;

    return config->seed_count == 0 ||
           (strcmp(config->seeds[0].host, cluster->services.rpc_host) == 0 &&
            config->seeds[0].port == cluster->services.rpc_port) ||
           first_seed_reaches_us_alone(cluster);
}

static int other_seed_count(const struct cluster *cluster)
{
    return cluster->services.config->seed_count == 0 ? 0 : cluster->services.config->seed_count - 1;
}

/* The largest odd number of founders that there are seeds for. */
static int count_new_seeds(const struct cluster *cluster, bool *out_is_formed)
{
    int count = 0;

    *out_is_formed = false;
    list_for_each(link, &cluster->seed_answers) {
        *out_is_formed |= list_entry(link, struct seed_answer, link)->is_formed;
        count++;
    }
    return count;
}

static struct buffer_slice encode_formation(const struct cluster *cluster)
{
    struct cluster_formation_founders founders[CLUSTER_FOUNDERS_MAX];
    struct cluster_formation message;
    struct buffer *bytes = NULL;

    cluster_formation_init(&message);
    message.cluster_id = storage_identity(cluster->services.storage)->cluster_id;
    message.founders.items = founders;
    message.founders.count = cluster->founder_count;
    for (int i = 0; i < cluster->founder_count; i++) {
        founders[i] =
            (struct cluster_formation_founders){.node_id = cluster->founders[i].node_id,
                                                .directory_id = cluster->founders[i].directory_id};
    }
    CHECK(message_encode_record(&cluster_formation_layout, 0, 0, &message, &bytes) == ERROR_NONE);
    return (struct buffer_slice){bytes, bytes->bytes, bytes->size};
}

static void on_told(void *context, enum error error, struct buffer_slice answer)
{
    (void)context;
    (void)answer;
    if (error != ERROR_NONE) {
        /* It asks again by itself and hears of the region in an answer. */
        log_warning(LOG_CLUSTER, "a seed was not told of the region", field_error(error));
    }
}

static void found(struct cluster *cluster)
{
    struct cluster_founder founders[CLUSTER_FOUNDERS_MAX];
    struct uuid cluster_id;
    int count = 1;

    if (!config_cluster_id(cluster->services.config, &cluster_id)) {
        cluster_id = uuid_random(cluster->services.random);
    }
    founders[0] = (struct cluster_founder){
        cluster->services.node_id, storage_identity(cluster->services.storage)->directory_id};
    list_for_each(link, &cluster->seed_answers) {
        const struct seed_answer *answer = list_entry(link, struct seed_answer, link);

        if (count < CLUSTER_FOUNDERS_MAX) {
            founders[count++] = (struct cluster_founder){answer->node_id, answer->directory_id};
        }
    }
    count -= count % 2 == 0; /* an even number survives no more losses than one less */
    formation_adopt(cluster, cluster_id, founders, count);
    for (int i = 1; i < count && cluster->phase == FORMATION_MEMBER; i++) {
        rpc_call(cluster->services.rpc, founders[i].node_id, RPC_FORM, encode_formation(cluster),
                 ASK_TIMEOUT_US, on_told, cluster);
    }
}

/* ---- asking the seeds ---- */

static void keep_answer(struct cluster *cluster, const struct cluster_join_response *in)
{
    struct seed_answer *answer = NULL;

    list_for_each(link, &cluster->seed_answers) {
        struct seed_answer *known = list_entry(link, struct seed_answer, link);

        if (known->node_id == in->node_id) {
            answer = known;
        }
    }
    if (answer == NULL) {
        answer = check_alloc_zero(sizeof *answer);
        list_init(&answer->link);
        list_append(&cluster->seed_answers, &answer->link);
    }
    answer->node_id = in->node_id;
    answer->directory_id = in->directory_id;
    answer->is_formed = !uuid_is_zero(in->cluster_id);
}

static void take_answer(struct cluster *cluster, const struct cluster_join_response *in)
{
    struct cluster_founder founders[CLUSTER_FOUNDERS_MAX];
    int count = in->founders.count;

    keep_answer(cluster, in);
    if (uuid_is_zero(in->cluster_id)) {
        return;
    }
    if (count < 0 || count > CLUSTER_FOUNDERS_MAX) {
        log_warning(LOG_CLUSTER, "a broker named too many founders", field_i64("count", count));
        return;
    }
    for (int i = 0; i < count; i++) {
        founders[i] = (struct cluster_founder){in->founders.items[i].node_id,
                                               in->founders.items[i].directory_id};
    }
    formation_adopt(cluster, in->cluster_id, founders, count);
}

static void on_answer(struct cluster *cluster, enum error error,
                      const struct cluster_join_response *in)
{
    if (error == ERROR_NONE && cluster->phase == FORMATION_SEEKING) {
        take_answer(cluster, in);
    }
}

void formation_peer_up(struct cluster *cluster, int32_t peer)
{
    if (cluster->phase == FORMATION_SEEKING) {
        registration_ask(cluster, peer, false, ASK_TIMEOUT_US, on_answer);
    }
}

/* An operator sees only that the broker does not get ready. */
static void tell_what_is_missing(struct cluster *cluster, int new_seeds)
{
    const struct cluster_services *services = &cluster->services;
    uint64_t now_us = clock_monotonic_us(services->loop->clock);

    if (services->config->seed_count == 0 || now_us - cluster->formation_told_us < TELL_US) {
        return;
    }
    cluster->formation_told_us = now_us;
    log_warning(LOG_CLUSTER, "the region is not formed yet: its first seed has to do it",
                field_i64("seeds_answered", new_seeds),
                field_i64("seeds_asked", other_seed_count(cluster)),
                field_string("first_seed", services->config->seeds[0].host),
                field_i64("first_seed_port", services->config->seeds[0].port),
                field_i64("first_seed_is_node", seed_node(cluster, 0)),
                field_string("we_are_advertised_as", services->rpc_host),
                field_i64("our_port", services->rpc_port),
                field_string("do", "start all seeds; name each once, and the first as its "
                                   "gyre.rpc.advertised.listeners does"));
}

static void on_timer(struct timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, formation_timer);
    bool is_formed;
    int new_seeds = count_new_seeds(cluster, &is_formed);

    if (cluster->phase != FORMATION_SEEKING) {
        return;
    }
    if (we_are_first_seed(cluster) && !is_formed && new_seeds >= other_seed_count(cluster)) {
        found(cluster);
        return;
    }
    tell_what_is_missing(cluster, new_seeds);
    list_for_each(link, &cluster->seed_answers) {
        formation_peer_up(cluster, list_entry(link, struct seed_answer, link)->node_id);
    }
    timer_start(cluster->services.loop, timer, ASK_AGAIN_US);
}

/* ---- being told ---- */

static void serve_form(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct cluster *cluster = context;
    struct cluster_founder founders[CLUSTER_FOUNDERS_MAX];
    struct cluster_formation in;
    struct arena arena;
    enum error error;

    arena_init(&arena, ARENA_BYTES_MAX);
    error = message_decode_record(&cluster_formation_layout, 0, body, &arena, &in);
    if (error == ERROR_NONE &&
        (in.founders.count < 1 || in.founders.count > CLUSTER_FOUNDERS_MAX)) {
        error = ERROR_MALFORMED;
    }
    if (error == ERROR_NONE) {
        for (int i = 0; i < in.founders.count; i++) {
            founders[i] = (struct cluster_founder){in.founders.items[i].node_id,
                                                   in.founders.items[i].directory_id};
        }
        formation_adopt(cluster, in.cluster_id, founders, in.founders.count);
    }
    arena_release(&arena);
    rpc_answer(request, error, (struct buffer_slice){0});
}

/* ---- life ---- */

enum error formation_start(struct cluster *cluster)
{
    const struct storage_identity *identity = storage_identity(cluster->services.storage);
    enum error error;

    list_init(&cluster->seed_answers);
    timer_init(&cluster->formation_timer, on_timer);
    rpc_serve(cluster->services.rpc, RPC_FORM, serve_form, cluster);
    if (uuid_is_zero(identity->cluster_id)) {
        cluster->phase = FORMATION_SEEKING;
        cluster->formation_told_us = clock_monotonic_us(cluster->services.loop->clock);
        timer_start(cluster->services.loop, &cluster->formation_timer,
                    other_seed_count(cluster) == 0 ? 0 : ASK_AGAIN_US);
        return ERROR_NONE;
    }
    error = formation_file_read(&cluster->services, cluster->founders, &cluster->founder_count);
    if (error != ERROR_NONE && error != ERROR_NOT_FOUND) {
        return error;
    }
    become_member(cluster);
    return ERROR_NONE;
}

void formation_stop(struct cluster *cluster)
{
    timer_stop(cluster->services.loop, &cluster->formation_timer);
    while (!list_is_empty(&cluster->seed_answers)) {
        struct seed_answer *answer = list_first(&cluster->seed_answers, struct seed_answer, link);

        list_remove(&answer->link);
        free(answer);
    }
}

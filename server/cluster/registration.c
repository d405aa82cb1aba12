/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker enters the catalog at each of its starts: who it is, where it listens, which process it
 * is. It asks whoever it has a link to, one after the other; only the catalog's leader enters it,
 * others answer who leads, and the next question goes there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/runtime/links.h"
#include "gyre/storage/storage.h"

#include "cluster/cluster_private.h"
#include "metadata/catalog_commands.h"
#include "metadata/catalog_open.h"
#include "wire_messages/cluster_link.h"

enum { ARENA_BYTES_MAX = 64 * 1024, HOST_BYTES_MAX = 256, KNOWN_PEERS_MAX = CATALOG_BROKERS_MAX };
static const uint64_t ASK_AGAIN_US = 200 * 1000;
static const uint64_t ASK_TIMEOUT_US = 5 * 1000 * 1000;

/* One that may be asked: its link came up, and we were not registered yet. */
struct known_peer {
    struct list link; /* in cluster.known_peers */
    int32_t node_id;
};

/* A question whose answer may come when the cluster is gone. */
struct join_question {
    struct list link;        /* in cluster.join_questions */
    struct cluster *cluster; /* NULL: it is gone */
    registration_answered answered;
};

/* ---- asking ---- */

static struct buffer_slice encode_join(const struct cluster *cluster, bool wants_entry)
{
    const struct cluster_services *services = &cluster->services;
    const struct storage_identity *identity = storage_identity(services->storage);
    struct cluster_join_request_endpoints endpoints[CATALOG_LISTENERS_MAX];
    struct cluster_join_request out;
    struct buffer *bytes = NULL;

    cluster_join_request_init(&out);
    out.node_id = services->node_id;
    out.directory_id = identity->directory_id;
    out.cluster_id = identity->cluster_id;
    out.incarnation = (int64_t)services->incarnation;
    out.wants_entry = wants_entry;
    out.rack = services->config->broker_rack;
    out.rpc_host = string_from(services->rpc_host);
    out.rpc_port = services->rpc_port;
    out.endpoints.items = endpoints;
    out.endpoints.count = services->endpoint_count;
    for (int i = 0; i < services->endpoint_count; i++) {
        const struct catalog_endpoint *endpoint = &services->endpoints[i];

        endpoints[i] = (struct cluster_join_request_endpoints){.name = endpoint->name,
                                                               .host = endpoint->host,
                                                               .port = endpoint->port,
                                                               .security_protocol =
                                                                   endpoint->security_protocol};
    }
    CHECK(message_encode_record(&cluster_join_request_layout, 0, 0, &out, &bytes) == ERROR_NONE);
    return (struct buffer_slice){bytes, bytes->bytes, bytes->size};
}

static void on_answer(void *context, enum error error, struct buffer_slice bytes)
{
    struct join_question *question = context;
    struct cluster *cluster = question->cluster;
    registration_answered answered = question->answered;
    struct cluster_join_response in;
    struct arena arena;

    list_remove(&question->link);
    free(question);
    if (cluster == NULL) {
        return;
    }
    arena_init(&arena, ARENA_BYTES_MAX);
    if (error == ERROR_NONE) {
        error = message_decode_record(&cluster_join_response_layout, 0, bytes, &arena, &in);
    }
    answered(cluster, error, error == ERROR_NONE ? &in : NULL);
    arena_release(&arena);
}

void registration_ask(struct cluster *cluster, int32_t peer, bool wants_entry, uint64_t timeout_us,
                      registration_answered answered)
{
    struct join_question *question = check_alloc(sizeof *question);

    *question = (struct join_question){.cluster = cluster, .answered = answered};
    list_append(&cluster->join_questions, &question->link);
    rpc_call(cluster->services.rpc, peer, RPC_JOIN, encode_join(cluster, wants_entry), timeout_us,
             on_answer, question);
}

/* The next question goes to the leader, as soon as there is a link. */
static void learn_leader(struct cluster *cluster, const struct cluster_join_response *in)
{
    struct links *links = cluster->services.links;
    char host[HOST_BYTES_MAX];

    cluster->told_leader = -1;
    if (in->leader_id < 0 || in->leader_id == cluster->services.node_id) {
        return;
    }
    cluster->told_leader = in->leader_id;
    if (in->leader_host.length <= 0 || in->leader_host.length >= HOST_BYTES_MAX ||
        links_is_up(links, in->leader_id)) {
        return;
    }
    (void)snprintf(host, sizeof host, "%.*s", STRING_ARGUMENTS(in->leader_host));
    links->operations->set_peer(links, in->leader_id, host, in->leader_port);
}

static void refuse(struct cluster *cluster, struct string reason)
{
    char sentence[512];

    (void)snprintf(sentence, sizeof sentence, "the region does not take this broker: %.*s",
                   STRING_ARGUMENTS(reason));
    cluster->events.refused(cluster->events.context, sentence);
}

static void forget_peers(struct cluster *cluster)
{
    while (!list_is_empty(&cluster->known_peers)) {
        struct known_peer *known = list_first(&cluster->known_peers, struct known_peer, link);

        list_remove(&known->link);
        free(known);
    }
}

static void take_answer(struct cluster *cluster, const struct cluster_join_response *in)
{
    if (in->is_entered) {
        cluster->is_registered = true;
        cluster->entered_index = (uint64_t)in->catalog_index;
        forget_peers(cluster);
        registration_look(cluster);
        log_info(LOG_CLUSTER, "registered", field_i64("by", in->node_id));
        return;
    }
    if (in->error_code != KAFKA_ERROR_NONE) {
        refuse(cluster, in->error_message);
        return;
    }
    learn_leader(cluster, in);
}

static void on_asked(struct cluster *cluster, enum error error,
                     const struct cluster_join_response *in)
{
    cluster->is_registering = false;
    if (error == ERROR_NONE) {
        take_answer(cluster, in);
    } else if (error != ERROR_AGAIN) {
        cluster->told_leader = -1; /* whoever is asked next may know of another one */
    }
}

void registration_peer_up(struct cluster *cluster, int32_t peer)
{
    struct known_peer *known;
    int count = 0;

    if (cluster->is_registered) {
        return;
    }
    list_for_each(link, &cluster->known_peers) {
        if (list_entry(link, struct known_peer, link)->node_id == peer) {
            return;
        }
        count++;
    }
    if (count == KNOWN_PEERS_MAX) {
        return;
    }
    known = check_alloc(sizeof *known);
    known->node_id = peer;
    list_append(&cluster->known_peers, &known->link);
}

/* The catalog's leader where it is known or was told of, else all that can be heard in turn. */
static int32_t whom_to_ask(struct cluster *cluster)
{
    const struct links *links = cluster->services.links;
    int32_t leader = catalog_leader(cluster->services.catalog);

    if (leader == cluster->services.node_id || (leader >= 0 && links_is_up(links, leader))) {
        return leader;
    }
    if (cluster->told_leader >= 0 && links_is_up(links, cluster->told_leader)) {
        return cluster->told_leader;
    }
    list_for_each(link, &cluster->known_peers) {
        int32_t node_id = list_entry(link, struct known_peer, link)->node_id;

        if (links_is_up(links, node_id)) {
            list_remove(link);
            list_append(&cluster->known_peers, link); /* another one next time */
            return node_id;
        }
    }
    return -1;
}

/* What the store knew at the start may be old or nothing at all, and the catalog then tells again
 * what happened since. Only when it has reached our own entry, which was committed after this
 * start, is what it does not name gone, and what it names to be made. */
static void become_current_once(struct cluster *cluster)
{
    if (cluster->is_registered && !cluster->is_current &&
        catalog_applied_index(cluster->services.catalog) >= cluster->entered_index) {
        cluster->is_current = true;
        replicas_became_current(cluster);
    }
}

static void on_timer(struct timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, registration_timer);
    int32_t node = whom_to_ask(cluster);

    become_current_once(cluster);
    if (cluster->is_current) {
        return; /* for as long as this process lives */
    }
    timer_start(cluster->services.loop, timer, ASK_AGAIN_US);
    if (!cluster->is_registered && !cluster->is_registering && node >= 0) {
        cluster->is_registering = true;
        registration_ask(cluster, node, true, ASK_TIMEOUT_US, on_asked);
    }
}

void registration_look(struct cluster *cluster)
{
    if (!cluster->is_current) {
        timer_start(cluster->services.loop, &cluster->registration_timer, 0);
    }
}

/* ---- answering ---- */

/* A broker that the catalog is being told of. */
struct entry {
    struct list link;        /* in cluster.entries */
    struct cluster *cluster; /* NULL: it is gone */
    struct rpc_request request;
};

/* `entered_index` is 0 unless the broker was entered. */
static void answer_join(struct cluster *cluster, struct rpc_request request, uint64_t entered_index,
                        enum kafka_error error, struct string message)
{
    const struct storage_identity *identity = storage_identity(cluster->services.storage);
    int32_t leader = catalog_leader(cluster->services.catalog);
    const struct catalog_broker *broker =
        leader < 0 ? NULL : catalog_find_broker(cluster->services.catalog, leader);
    struct cluster_join_response_founders founders[CLUSTER_FOUNDERS_MAX];
    struct cluster_join_response out;
    struct buffer *bytes = NULL;

    cluster_join_response_init(&out);
    out.error_code = (int16_t)error;
    out.error_message = message;
    out.node_id = cluster->services.node_id;
    out.directory_id = identity->directory_id;
    out.cluster_id = identity->cluster_id;
    out.rpc_host = string_from(cluster->services.rpc_host);
    out.rpc_port = cluster->services.rpc_port;
    out.leader_id = leader;
    out.leader_host = broker == NULL ? STRING("") : broker->rpc_host;
    out.leader_port = broker == NULL ? 0 : broker->rpc_port;
    out.is_entered = entered_index > 0;
    out.catalog_index = (int64_t)entered_index;
    out.founders.items = founders;
    out.founders.count = cluster->founder_count;
    for (int i = 0; i < cluster->founder_count; i++) {
        founders[i] = (struct cluster_join_response_founders){
            .node_id = cluster->founders[i].node_id,
            .directory_id = cluster->founders[i].directory_id};
    }
    CHECK(message_encode_record(&cluster_join_response_layout, 0, 0, &out, &bytes) == ERROR_NONE);
    rpc_answer(request, ERROR_NONE, (struct buffer_slice){bytes, bytes->bytes, bytes->size});
}

static void on_entered(void *context, const struct catalog_outcome *outcome)
{
    struct entry *entry = context;

    list_remove(&entry->link);
    if (outcome->error != ERROR_NONE || entry->cluster == NULL) {
        rpc_answer(entry->request, outcome->error != ERROR_NONE ? outcome->error : ERROR_CANCELLED,
                   (struct buffer_slice){0});
    } else {
        bool is_entered = outcome->kafka_error == KAFKA_ERROR_NONE;

        answer_join(entry->cluster, entry->request, is_entered ? outcome->index : 0,
                    outcome->kafka_error, outcome->message);
    }
    free(entry);
}

static void enter(struct cluster *cluster, struct rpc_request request,
                  const struct cluster_join_request *in)
{
    struct catalog_register_broker_endpoints endpoints[CATALOG_LISTENERS_MAX];
    struct catalog_register_broker command;
    struct buffer *bytes = NULL;
    struct entry *entry;

    catalog_register_broker_init(&command);
    command.node_id = in->node_id;
    command.directory_id = in->directory_id;
    command.incarnation = in->incarnation;
    command.rack = in->rack;
    command.rpc_host = in->rpc_host;
    command.rpc_port = in->rpc_port;
    command.endpoints.items = endpoints;
    command.endpoints.count = in->endpoints.count;
    for (int i = 0; i < in->endpoints.count; i++) {
        endpoints[i] = (struct catalog_register_broker_endpoints){
            .name = in->endpoints.items[i].name,
            .host = in->endpoints.items[i].host,
            .port = in->endpoints.items[i].port,
            .security_protocol = in->endpoints.items[i].security_protocol};
    }
    if (catalog_commands_of(register_broker, REGISTER_BROKER, &command, &bytes) != ERROR_NONE) {
        rpc_answer(request, ERROR_LIMIT, (struct buffer_slice){0});
        return;
    }
    entry = check_alloc(sizeof *entry);
    *entry = (struct entry){.cluster = cluster, .request = request};
    list_append(&cluster->entries, &entry->link);
    catalog_submit(cluster->services.catalog, bytes, on_entered, entry);
}

static void serve_join(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct cluster *cluster = context;
    struct cluster_join_request in;
    struct arena arena;

    arena_init(&arena, ARENA_BYTES_MAX);
    if (message_decode_record(&cluster_join_request_layout, 0, body, &arena, &in) != ERROR_NONE ||
        in.endpoints.count < 0 || in.endpoints.count > CATALOG_LISTENERS_MAX) {
        rpc_answer(request, ERROR_MALFORMED, (struct buffer_slice){0});
    } else if (in.wants_entry && catalog_leads(cluster->services.catalog)) {
        if (catalog_members_admit(cluster, in.node_id, in.directory_id)) {
            enter(cluster, request, &in);
        } else {
            rpc_answer(request, ERROR_AGAIN, (struct buffer_slice){0}); /* it asks again */
        }
    } else {
        answer_join(cluster, request, 0, KAFKA_ERROR_NONE, STRING_NULL);
    }
    arena_release(&arena);
}

/* ---- life ---- */

void registration_start(struct cluster *cluster)
{
    timer_start(cluster->services.loop, &cluster->registration_timer, 0);
}

void registration_init(struct cluster *cluster)
{
    list_init(&cluster->known_peers);
    list_init(&cluster->join_questions);
    list_init(&cluster->entries);
    cluster->told_leader = -1;
    timer_init(&cluster->registration_timer, on_timer);
    rpc_serve(cluster->services.rpc, RPC_JOIN, serve_join, cluster);
}

void registration_stop(struct cluster *cluster)
{
    timer_stop(cluster->services.loop, &cluster->registration_timer);
    list_for_each_safe(link, &cluster->join_questions) {
        list_remove(link);
        list_entry(link, struct join_question, link)->cluster = NULL; /* on_answer() frees it */
    }
    list_for_each_safe(link, &cluster->entries) {
        list_remove(link);
        list_entry(link, struct entry, link)->cluster = NULL; /* on_entered() frees it */
    }
    forget_peers(cluster);
}

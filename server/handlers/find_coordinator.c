/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FindCoordinator tells which broker leads the partition of __consumer_offsets that keeps a group.
 * The topic is made when somebody asks for the first time.
 *
 *     handle ──(the topic is there)──► answer ──(all have leaders)──► reply
 *        │                               ▲  └──(one is elected)──► a moment ──► reply
 *        └──(it is not)──► topics_ensure_internal()
 *
 * There are no coordinators of transactions and share groups: to ask for one is INVALID_REQUEST,
 * which clients take as final. An error that says "not now" would have them ask for ever.
 */
#include "wire_messages/find_coordinator.h"

#include "gyre/base/check.h"
#include "gyre/metadata/catalog.h"

#include "cluster/cluster.h"
#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/group_handlers.h"
#include "handlers/hosted_partition.h"
#include "handlers/leader_wait.h"
#include "handlers/request.h"
#include "handlers/topics.h"

enum { KEY_TYPE_GROUP = 0, KEY_TYPE_TRANSACTION = 1, KEY_TYPE_SHARE = 2 };
enum { FIND_COORDINATOR_BATCHED = 4 };
static const uint64_t ELECTION_WAIT_US = 500 * 1000;

struct find_coordinator {
    struct request *request; /* we live in its arena */
    struct find_coordinator_request in;
    struct find_coordinator_response out;
    struct leader_wait wait;
};

static const struct catalog_topic *offsets_topic(const struct request *request)
{
    return catalog_find_topic(request->broker->catalog, STRING(GROUP_COORDINATOR_TOPIC));
}

static enum kafka_error find_node(const struct request *request, struct string key,
                                  int32_t *out_node_id, struct broker_endpoint *out_endpoint)
{
    const struct broker *broker = request->broker;
    const struct catalog_topic *topic = offsets_topic(request);
    struct group_id group;
    struct cluster_leader leader;

    if (topic == NULL) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    group = (struct group_id){.topic = topic->id,
                              .partition = group_coordinator_partition(broker->groups, key)};
    leader = cluster_leader(broker->cluster, group);
    if (leader.node_id < 0 || !cluster_broker_is_live(broker->cluster, leader.node_id) ||
        !hosted_partition_endpoint(request, leader.node_id, out_endpoint)) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    *out_node_id = leader.node_id;
    return KAFKA_ERROR_NONE;
}

static enum kafka_error check_access(const struct find_coordinator *self, struct string key)
{
    const struct request *request = self->request;

    switch (self->in.key_type) {
    case KEY_TYPE_GROUP:
        return access_allows(request, ACCESS_DESCRIBE, ACCESS_GROUP, key)
                   ? KAFKA_ERROR_NONE
                   : KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED;
    case KEY_TYPE_TRANSACTION:
        return access_allows(request, ACCESS_DESCRIBE, ACCESS_TRANSACTIONAL_ID, key)
                   ? KAFKA_ERROR_NONE
                   : KAFKA_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    case KEY_TYPE_SHARE:
        return access_allows_cluster(request, ACCESS_CLUSTER_ACTION)
                   ? KAFKA_ERROR_NONE
                   : KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
    default: return KAFKA_ERROR_NONE; /* there is nothing behind it */
    }
}

/* Nobody who may not have a coordinator makes the topic that coordinators need. */
static bool has_allowed_key(const struct find_coordinator *self)
{
    const struct string_array *keys = &self->in.coordinator_keys;

    if (self->request->api_version < FIND_COORDINATOR_BATCHED) {
        return check_access(self, self->in.key) == KAFKA_ERROR_NONE;
    }
    for (int32_t i = 0; i < keys->count; i++) {
        if (check_access(self, keys->items[i]) == KAFKA_ERROR_NONE) {
            return true;
        }
    }
    return false;
}

static void find(const struct find_coordinator *self, struct string key,
                 struct find_coordinator_response_coordinators *out)
{
    struct broker_endpoint endpoint = {.port = -1};
    enum kafka_error error = check_access(self, key);

    find_coordinator_response_coordinators_init(out);
    out->key = key;
    out->node_id = -1;
    out->port = -1;
    if (error == KAFKA_ERROR_NONE && self->in.key_type != KEY_TYPE_GROUP) {
        error = KAFKA_ERROR_INVALID_REQUEST;
        out->error_message = STRING("This broker coordinates consumer groups only.");
    } else if (error == KAFKA_ERROR_NONE) {
        error = find_node(self->request, key, &out->node_id, &endpoint);
    }
    out->error_code = (int16_t)error;
    if (error == KAFKA_ERROR_NONE) {
        out->host = endpoint.host;
        out->port = endpoint.port;
    }
}

/* One coordinator, in the fields of the answer itself. */
static void reply_single(struct find_coordinator *self)
{
    struct find_coordinator_response_coordinators found;

    find(self, self->in.key, &found);
    self->out.error_code = found.error_code;
    self->out.error_message = found.error_message.length > 0
                                  ? found.error_message
                                  : string_from(kafka_error_text(found.error_code));
    if (found.error_code == KAFKA_ERROR_NONE) {
        self->out.error_message = STRING("NONE");
    }
    self->out.node_id = found.node_id;
    self->out.host = found.host;
    self->out.port = found.port;
    request_reply(self->request, &find_coordinator_response_layout, &self->out);
}

static void reply(struct find_coordinator *self)
{
    if (self->request->api_version < FIND_COORDINATOR_BATCHED) {
        reply_single(self);
        return;
    }
    if (find_coordinator_response_coordinators_array_alloc(
            &self->out.coordinators, &self->request->arena, self->in.coordinator_keys.count) !=
        ERROR_NONE) {
        request_close(self->request);
        return;
    }
    for (int32_t i = 0; i < self->in.coordinator_keys.count; i++) {
        find(self, self->in.coordinator_keys.items[i], &self->out.coordinators.items[i]);
    }
    request_reply(self->request, &find_coordinator_response_layout, &self->out);
}

/* ---- elections ---- */

static bool is_key_electing(const struct find_coordinator *self, struct string key)
{
    const struct broker *broker = self->request->broker;
    const struct catalog_topic *topic = offsets_topic(self->request);

    return topic != NULL && check_access(self, key) == KAFKA_ERROR_NONE &&
           leader_wait_is_electing_one(broker, topic,
                                       group_coordinator_partition(broker->groups, key));
}

static bool is_electing(void *context)
{
    const struct find_coordinator *self = context;
    const struct string_array *keys = &self->in.coordinator_keys;

    if (self->in.key_type != KEY_TYPE_GROUP) {
        return false;
    }
    if (self->request->api_version < FIND_COORDINATOR_BATCHED) {
        return is_key_electing(self, self->in.key);
    }
    for (int32_t i = 0; i < keys->count && keys->count <= LEADER_WAIT_PARTITIONS_MAX; i++) {
        if (is_key_electing(self, keys->items[i])) {
            return true;
        }
    }
    return false;
}

static void on_waited(void *context)
{
    reply(context);
}

static void answer(struct find_coordinator *self)
{
    self->wait = (struct leader_wait){
        .request = self->request, .is_electing = is_electing, .done = on_waited, .context = self};
    if (is_electing(self)) {
        leader_wait_start(&self->wait, ELECTION_WAIT_US);
    } else {
        reply(self);
    }
}

static void on_topic(void *context, enum kafka_error error)
{
    (void)error; /* without the topic there is no coordinator, which is what the answer says */
    answer(context);
}

void find_coordinator_handle(struct request *request)
{
    struct find_coordinator *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &find_coordinator_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    find_coordinator_response_init(&self->out);
    if (self->in.key_type != KEY_TYPE_GROUP || offsets_topic(request) != NULL ||
        !has_allowed_key(self)) {
        answer(self);
        return;
    }
    topics_ensure_internal(request->broker, STRING(GROUP_COORDINATOR_TOPIC), on_topic, self);
}

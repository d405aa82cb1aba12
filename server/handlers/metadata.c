/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata (3) tells clients which brokers there are and who leads what. A topic that was named and
 * does not exist is created where client and broker allow it, and the answer waits for that.
 *
 *     CREATE ──(every missing topic was created or refused)──► WAIT ──(leaders known)──► REPLY
 *
 * A client that asks because a leader died asks within milliseconds, and an answer without a leader
 * sends it into a back-off of up to a second. So a topic that was named waits a moment for the
 * election that is under way.
 */
#include "wire_messages/metadata.h"

#include <stdio.h>

#include "gyre/base/map.h"
#include "gyre/config/config.h"

#include "cluster/cluster.h"
#include "handlers/admin_handlers.h"
#include "handlers/auditing.h"
#include "handlers/authorized_operations.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/leader_wait.h"
#include "handlers/quotas.h"
#include "handlers/request.h"
#include "handlers/stream_topics.h"
#include "handlers/topic_view.h"
#include "handlers/topics.h"
#include "metadata/topic_name.h"

enum {
    VERSION_ALL_IS_NULL = 1, /* before, an empty list of topics means all of them */
    VERSION_TOPIC_IDS = 12,  /* topics may be named by id */
    CREATIONS_MAX = 100,     /* topics that one request may bring into being */
};

static const uint64_t LEADER_WAIT_US = 500 * 1000;

/* One topic that the request names, once. */
struct asked_topic {
    struct map_link by_name;
    struct string name; /* null: named by id */
    struct uuid id;
    enum kafka_error error; /* of its creation */
    struct metadata_lookup *lookup;
};

struct metadata_lookup {
    struct request *request; /* we live in its arena */
    struct metadata_request in;
    struct metadata_response out;
    struct asked_topic *asked;
    int32_t asked_count;
    bool is_all;
    int open; /* creations to come, and one until all are asked for */
    struct leader_wait wait;
};

/* ---- filling the answer ---- */

/*
 * One that died is listed for some seconds more. librdkafka from 2.10 on ends its thread for a
 * broker that is not listed before it looks at the leaders in the same answer: partitions that it
 * led are nobody's then, and are only looked at again a second later.
 */
static void add_broker(void *context, const struct broker_view *broker)
{
    struct metadata_response *out = context;

    if (broker->is_remembered) {
        out->brokers.items[out->brokers.count++] = (struct metadata_response_brokers){
            .node_id = broker->node_id,
            .host = broker->endpoint.host,
            .port = broker->endpoint.port,
            .rack = broker->endpoint.rack,
        };
    }
}

static bool fill_partitions(struct metadata_lookup *self, const struct catalog_topic *topic,
                            struct metadata_response_topics *out)
{
    struct request *request = self->request;

    if (metadata_response_topics_partitions_array_alloc(&out->partitions, &request->arena,
                                                        topic->partition_count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct partition_view view;
        if (!topic_view_partition(request, topic, i, &view)) {
            return false;
        }
        out->partitions.items[i] = (struct metadata_response_topics_partitions){
            .error_code = view.error_code,
            .partition_index = i,
            .leader_id = view.leader_id,
            .leader_epoch = view.leader_epoch,
            .replica_nodes = view.replicas,
            .isr_nodes = view.in_sync,
            .offline_replicas = view.offline,
        };
    }
    return true;
}

/* `name` is the client's own spelling, where it gave one. */
static bool fill_topic(struct metadata_lookup *self, const struct catalog_topic *topic,
                       struct string name, struct metadata_response_topics *out)
{
    out->error_code = KAFKA_ERROR_NONE;
    out->name = name;
    out->topic_id = topic->id;
    out->is_internal = topic->is_internal;
    if (self->in.include_topic_authorized_operations) {
        out->topic_authorized_operations =
            authorized_operations_of_topic(self->request, topic->name);
    }
    return fill_partitions(self, topic, out);
}

struct topic_walk {
    struct metadata_lookup *self;
    int32_t count;
    bool is_exhausted;
};

static void add_topic(void *context, const struct catalog_topic *topic)
{
    struct topic_walk *walk = context;
    struct metadata_lookup *self = walk->self;

    if (walk->is_exhausted ||
        !access_sees(self->request, ACCESS_DESCRIBE, ACCESS_TOPIC, topic->name)) {
        return;
    }
    walk->is_exhausted =
        !fill_topic(self, topic, topic->name, &self->out.topics.items[walk->count++]);
}

static bool fill_all(struct metadata_lookup *self)
{
    struct topic_walk walk = {.self = self};
    int32_t count = catalog_topic_count(self->request->broker->catalog);

    if (metadata_response_topics_array_alloc(&self->out.topics, &self->request->arena, count) !=
        ERROR_NONE) {
        return false;
    }
    catalog_for_each_topic(self->request->broker->catalog, add_topic, &walk);
    self->out.topics.count = walk.count;
    return !walk.is_exhausted;
}

static bool fill_asked(struct metadata_lookup *self, const struct asked_topic *asked,
                       struct metadata_response_topics *out)
{
    struct topic_reference reference = {
        .by_id = asked->name.bytes == NULL, .name = asked->name, .id = asked->id};
    const struct catalog_topic *topic = NULL;

    out->name = asked->name;
    out->topic_id = asked->id;
    if (asked->error == KAFKA_ERROR_NONE) {
        enum kafka_error error =
            hosted_partition_find_topic(self->request, &reference, ACCESS_DESCRIBE, &topic);
        if (error == KAFKA_ERROR_NONE) {
            return fill_topic(self, topic, asked->name.bytes == NULL ? topic->name : asked->name,
                              out);
        }
        out->error_code = (int16_t)error;
    } else {
        out->error_code = (int16_t)asked->error;
    }
    if (topic_name_is_internal(out->name) &&
        out->error_code != KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED) {
        out->is_internal = true;
    }
    return true;
}

static bool fill_named(struct metadata_lookup *self)
{
    if (metadata_response_topics_array_alloc(&self->out.topics, &self->request->arena,
                                             self->asked_count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < self->asked_count; i++) {
        if (!fill_asked(self, &self->asked[i], &self->out.topics.items[i])) {
            return false;
        }
    }
    return true;
}

static void reply(void *context)
{
    struct metadata_lookup *self = context;
    struct request *request = self->request;

    metadata_response_init(&self->out);
    self->out.cluster_id = topic_view_cluster_id(request);
    self->out.controller_id = topic_view_controller(request);
    self->out.brokers.items =
        request_alloc(request, ((size_t)catalog_broker_count(request->broker->catalog) + 1) *
                                   sizeof *self->out.brokers.items);
    if (self->out.brokers.items == NULL) {
        return;
    }
    topic_view_brokers(request, add_broker, &self->out);
    if (self->in.include_cluster_authorized_operations) {
        self->out.cluster_authorized_operations = authorized_operations_of_cluster(request);
    }
    if (!(self->is_all ? fill_all(self) : fill_named(self))) {
        request_close(request); /* larger than one request may grow */
        return;
    }
    request_reply(request, &metadata_response_layout, &self->out);
}

/* ---- waiting for leaders ---- */

static bool is_electing(void *context)
{
    const struct metadata_lookup *self = context;
    const struct broker *broker = self->request->broker;
    int64_t partitions = 0;

    for (int32_t i = 0; i < self->asked_count; i++) {
        const struct asked_topic *asked = &self->asked[i];
        const struct catalog_topic *topic =
            asked->name.bytes == NULL ? catalog_find_topic_by_id(broker->catalog, asked->id)
                                      : catalog_find_topic(broker->catalog, asked->name);

        if (asked->error != KAFKA_ERROR_NONE || topic == NULL) {
            continue;
        }
        partitions += topic->partition_count;
        if (partitions > LEADER_WAIT_PARTITIONS_MAX) {
            return false;
        }
        if (leader_wait_is_electing(broker, topic, 0)) {
            return true;
        }
    }
    return false;
}

/* ---- what is asked for ---- */

static void creation_ended(struct metadata_lookup *self)
{
    CHECK(self->open > 0);
    self->open--;
    if (self->open == 0 && self->asked_count > 0) {
        self->wait = (struct leader_wait){
            .request = self->request, .is_electing = is_electing, .done = reply, .context = self};
        leader_wait_start(&self->wait, LEADER_WAIT_US);
    } else if (self->open == 0) {
        reply(self);
    }
}

static void audit_creation(const struct asked_topic *asked, enum kafka_error error)
{
    char detail[CATALOG_REASON_BYTES]; /* for the call: the request's memory may be full */

    (void)snprintf(detail, sizeof detail, "CatalogCreateTopic {\"name\":\"%.*s\"}",
                   STRING_ARGUMENTS(asked->name));
    auditing_changed(asked->lookup->request, string_from(detail), error == KAFKA_ERROR_NONE,
                     error == KAFKA_ERROR_NONE ? STRING_NULL
                                               : string_from(kafka_error_text((int16_t)error)));
}

static void on_created(void *context, enum kafka_error error)
{
    struct asked_topic *asked = context;

    audit_creation(asked, error);
    /* What passes by itself is what clients expect to see of a topic that is being made. */
    asked->error =
        kafka_error_is_retriable((int16_t)error) ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION : error;
    creation_ended(asked->lookup);
}

static bool creates_missing(const struct metadata_lookup *self, const struct asked_topic *asked)
{
    return self->in.allow_auto_topic_creation &&
           stream_topics_come_by_themselves(self->request->broker, asked->name) &&
           stream_topics_fault(self->request, asked->name).bytes == NULL;
}

/* As for CreateTopics: a way around the quota or the audit would be one for everybody. Who is
 * refused asks again, as for a topic that is not there yet. */
static bool may_create_now(struct metadata_lookup *self, const struct asked_topic *asked)
{
    int32_t partitions = stream_topics_partitions(self->request->broker, asked->name);

    return !auditing_forbids_changes(self->request) &&
           quotas_charge_mutations(self->request, partitions, 0);
}

/* What is not to be seen is not looked for: it must not matter whether it is there. */
static void hide_forbidden(struct metadata_lookup *self, struct asked_topic *asked)
{
    if (asked->error == KAFKA_ERROR_NONE && asked->name.bytes != NULL &&
        !access_allows(self->request, ACCESS_DESCRIBE, ACCESS_TOPIC, asked->name)) {
        asked->error = KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
    }
}

static void create_missing(struct metadata_lookup *self)
{
    struct broker *broker = self->request->broker;
    int created = 0;

    for (int32_t i = 0; i < self->asked_count; i++) {
        struct asked_topic *asked = &self->asked[i];
        char reason[512];

        hide_forbidden(self, asked);
        if (asked->name.bytes == NULL || asked->error != KAFKA_ERROR_NONE ||
            catalog_find_topic(broker->catalog, asked->name) != NULL) {
            continue;
        }
        if (!topic_name_is_valid(asked->name, reason, sizeof reason)) {
            asked->error = KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
        } else if (!creates_missing(self, asked)) {
            continue;
        } else if (!access_allows_topic_or_cluster(self->request, ACCESS_CREATE, asked->name)) {
            asked->error = KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
        } else if (created++ < CREATIONS_MAX && may_create_now(self, asked)) {
            self->open++;
            topics_auto_create(broker, asked->name, on_created, asked);
        }
    }
}

static bool is_asked_already(struct map *names, struct asked_topic *asked)
{
    uint64_t hash = asked->name.bytes == NULL ? hash_bytes(asked->id.bytes, sizeof asked->id.bytes)
                                              : string_hash(asked->name);

    map_for_each_match(link, names, hash) {
        const struct asked_topic *other = CONTAINER_OF(link, struct asked_topic, by_name);
        if (string_equal(other->name, asked->name) && uuid_equal(other->id, asked->id)) {
            return true;
        }
    }
    map_insert(names, &asked->by_name, hash);
    return false;
}

/* Each topic once. False: the request is ended. */
static bool collect(struct metadata_lookup *self)
{
    const struct metadata_request_topics_array *topics = &self->in.topics;
    struct map names;

    self->asked = request_alloc(self->request, (size_t)(topics->count + 1) * sizeof *self->asked);
    if (self->asked == NULL) {
        return false;
    }
    map_init(&names);
    for (int32_t i = 0; i < topics->count; i++) {
        struct asked_topic *asked = &self->asked[self->asked_count];
        *asked = (struct asked_topic){
            .name = topics->items[i].name, .id = topics->items[i].topic_id, .lookup = self};
        if (self->request->api_version < VERSION_TOPIC_IDS &&
            (asked->name.bytes == NULL || !uuid_is_zero(asked->id))) {
            asked->error = KAFKA_ERROR_INVALID_REQUEST;
        }
        if (!uuid_is_zero(asked->id)) {
            asked->name = STRING_NULL; /* the id decides */
        }
        if (!is_asked_already(&names, asked)) {
            self->asked_count++;
        }
    }
    map_release(&names);
    return true;
}

void metadata_handle(struct request *request)
{
    struct metadata_lookup *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &metadata_request_layout, &self->in)) {
        return;
    }
    self->is_all = request->api_version < VERSION_ALL_IS_NULL ? self->in.topics.count == 0
                                                              : self->in.topics.count < 0;
    self->open = 1;
    if (!self->is_all) {
        if (!collect(self)) {
            return;
        }
        create_missing(self);
    }
    creation_ended(self);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeleteTopics (20), by name or, from version 6 on, by id. What was named twice, both ways or not
 * at all is refused and the rest deleted; the files go a while later.
 */
#include "wire_messages/delete_topics.h"

#include "gyre/base/map.h"
#include "gyre/config/config.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/hosted_partition.h"
#include "handlers/quotas.h"
#include "handlers/request.h"
#include "metadata/catalog_commands.h"

enum { VERSION_KNOWS_DISABLED = 3, VERSION_STRICT_QUOTA = 5, VERSION_TOPIC_IDS = 6 };

struct doomed_topic {
    struct map_link by_reference;
    struct map_link by_topic;
    struct topic_reference reference;
    struct delete_topics_response_responses *out;
    bool is_twice;
    bool is_confused;                  /* both name and id, or neither */
    const struct catalog_topic *topic; /* borrowed until the end of the turn */
};

struct topic_deletions {
    struct request *request; /* we live in its arena */
    struct delete_topics_request in;
    struct delete_topics_response out;
    struct doomed_topic *topics;
    int32_t count;
    struct catalog_changes changes;
};

static void refuse(struct doomed_topic *topic, enum kafka_error error, struct string message)
{
    topic->out->error_code = (int16_t)error;
    topic->out->error_message = message;
}

/* ---- what is asked for ---- */

static uint64_t reference_hash(const struct topic_reference *reference)
{
    return reference->by_id ? hash_bytes(reference->id.bytes, sizeof reference->id.bytes)
                            : string_hash(reference->name);
}

static struct doomed_topic *find_doomed(const struct map *map,
                                        const struct topic_reference *reference)
{
    map_for_each_match(link, map, reference_hash(reference)) {
        struct doomed_topic *topic = CONTAINER_OF(link, struct doomed_topic, by_reference);
        if (topic->reference.by_id == reference->by_id &&
            (reference->by_id ? uuid_equal(topic->reference.id, reference->id)
                              : string_equal(topic->reference.name, reference->name))) {
            return topic;
        }
    }
    return NULL;
}

static struct topic_reference reference_at(const struct topic_deletions *self, int32_t at)
{
    if (self->request->api_version < VERSION_TOPIC_IDS) {
        return (struct topic_reference){.name = self->in.topic_names.items[at]};
    }
    const struct delete_topics_request_topics *in = &self->in.topics.items[at];
    return (struct topic_reference){
        .by_id = in->name.bytes == NULL, .name = in->name, .id = in->topic_id};
}

static void collect_one(struct topic_deletions *self, struct map *map, int32_t at)
{
    struct topic_reference reference = reference_at(self, at);
    bool has_name = reference.name.bytes != NULL;
    bool is_confused = has_name != uuid_is_zero(reference.id);
    struct doomed_topic *topic = is_confused ? NULL : find_doomed(map, &reference);

    if (topic != NULL) {
        topic->is_twice = true;
        return;
    }
    topic = &self->topics[self->count];
    topic->reference = reference;
    topic->is_confused = is_confused;
    topic->out = &self->out.responses.items[self->count++];
    topic->out->name = reference.name;
    topic->out->topic_id = reference.id;
    if (!is_confused) {
        map_insert(map, &topic->by_reference, reference_hash(&reference));
    }
}

static bool collect(struct topic_deletions *self)
{
    struct request *request = self->request;
    int32_t count = request->api_version < VERSION_TOPIC_IDS ? self->in.topic_names.count
                                                             : self->in.topics.count;
    struct map map;

    self->topics = request_alloc(request, ((size_t)count + 1) * sizeof *self->topics);
    if (self->topics == NULL) {
        return false;
    }
    delete_topics_response_init(&self->out);
    if (delete_topics_response_responses_array_alloc(&self->out.responses, &request->arena,
                                                     count) != ERROR_NONE) {
        request_close(request);
        return false;
    }
    map_init(&map);
    for (int32_t i = 0; i < count; i++) {
        collect_one(self, &map, i);
    }
    map_release(&map);
    self->out.responses.count = self->count;
    return true;
}

/* ---- checking and carrying out ---- */

/* A topic may have been named once and given by id once more. */
static bool is_doomed_before(const struct map *found_topics, const struct catalog_topic *found)
{
    map_for_each_match(link, found_topics, hash_u64((uint64_t)(uintptr_t)found)) {
        if (CONTAINER_OF(link, struct doomed_topic, by_topic)->topic == found) {
            return true;
        }
    }
    return false;
}

/* By id, the name is shown to those who may see the topic. */
static enum kafka_error find_by_id(struct request *request, struct doomed_topic *topic,
                                   const struct catalog_topic **out_found)
{
    const struct catalog_topic *found =
        catalog_find_topic_by_id(request->broker->catalog, topic->reference.id);

    if (found == NULL) {
        return KAFKA_ERROR_UNKNOWN_TOPIC_ID;
    }
    if (!access_allows_topic_or_cluster(request, ACCESS_DELETE, found->name)) {
        if (access_sees(request, ACCESS_DESCRIBE, ACCESS_TOPIC, found->name)) {
            topic->out->name = catalog_changes_text(request, "%.*s", STRING_ARGUMENTS(found->name));
        }
        return KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
    }
    *out_found = found;
    return KAFKA_ERROR_NONE;
}

static enum kafka_error find_by_name(const struct request *request, struct string name,
                                     const struct catalog_topic **out_found)
{
    if (!access_allows_topic_or_cluster(request, ACCESS_DELETE, name)) {
        return KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
    }
    *out_found = catalog_find_topic(request->broker->catalog, name);
    return *out_found == NULL ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_ERROR_NONE;
}

/* The answer may be made when the topic's own memory is gone: the command is applied, or another
 * client's. By name it has the spelling that was asked for since collect_one(). */
static void name_found(struct topic_deletions *self, struct doomed_topic *topic)
{
    if (topic->reference.by_id) {
        topic->out->name =
            catalog_changes_text(self->request, "%.*s", STRING_ARGUMENTS(topic->topic->name));
    }
    topic->out->topic_id = topic->topic->id;
}

static void find(struct topic_deletions *self, struct doomed_topic *topic, struct map *found_topics)
{
    const struct catalog_topic *found = NULL;

    enum kafka_error error = topic->reference.by_id
                                 ? find_by_id(self->request, topic, &found)
                                 : find_by_name(self->request, topic->reference.name, &found);
    if (error == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
        refuse(topic, error, STRING("This server does not host this topic-partition."));
    } else if (error == KAFKA_ERROR_UNKNOWN_TOPIC_ID) {
        refuse(topic, error, STRING("This server does not host this topic ID."));
    } else if (error != KAFKA_ERROR_NONE) {
        refuse(topic, error, STRING("Topic authorization failed."));
    } else if (is_doomed_before(found_topics, found)) {
        refuse(topic, KAFKA_ERROR_INVALID_REQUEST,
               STRING("The provided topic name maps to an ID that was already supplied."));
    } else {
        topic->topic = found;
        name_found(self, topic);
        map_insert(found_topics, &topic->by_topic, hash_u64((uint64_t)(uintptr_t)found));
    }
}

static void check_all(struct topic_deletions *self)
{
    struct map found_topics;

    map_init(&found_topics);
    for (int32_t i = 0; i < self->count; i++) {
        struct doomed_topic *topic = &self->topics[i];
        if (topic->is_confused) {
            refuse(topic, KAFKA_ERROR_INVALID_REQUEST,
                   topic->reference.by_id
                       ? STRING("Neither topic name nor id were specified.")
                       : STRING("You may not specify both topic name and topic id."));
        } else if (topic->is_twice) {
            refuse(topic, KAFKA_ERROR_INVALID_REQUEST,
                   topic->reference.by_id ? STRING("Duplicate topic id.")
                                          : STRING("Duplicate topic name."));
        } else {
            find(self, topic, &found_topics);
        }
    }
    map_release(&found_topics);
}

static void reply(struct catalog_changes *changes)
{
    struct topic_deletions *self = changes->context;

    request_reply(self->request, &delete_topics_response_layout, &self->out);
}

static void submit(struct topic_deletions *self, struct doomed_topic *topic)
{
    struct catalog_delete_topic command = {.topic_id = topic->topic->id};

    catalog_changes_make(&self->changes, &catalog_delete_topic_layout, CATALOG_DELETE_TOPIC_RECORD,
                         &command, &topic->out->error_code, &topic->out->error_message);
}

static void refuse_all(struct topic_deletions *self)
{
    enum kafka_error error = self->request->api_version < VERSION_KNOWS_DISABLED
                                 ? KAFKA_ERROR_INVALID_REQUEST
                                 : KAFKA_ERROR_TOPIC_DELETION_DISABLED;

    for (int32_t i = 0; i < self->count; i++) {
        refuse(&self->topics[i], error, STRING("Topic deletion is disabled."));
    }
    request_reply(self->request, &delete_topics_response_layout, &self->out);
}

/* The last that is asked: what is refused for another reason uses nothing. */
static bool charge(struct topic_deletions *self, struct doomed_topic *topic)
{
    if (quotas_charge_mutations(self->request, topic->topic->partition_count,
                                VERSION_STRICT_QUOTA)) {
        return true;
    }
    refuse(topic, KAFKA_ERROR_THROTTLING_QUOTA_EXCEEDED,
           STRING("The throttling quota has been exceeded."));
    return false;
}

void delete_topics_handle(struct request *request)
{
    struct topic_deletions *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &delete_topics_request_layout, &self->in) || !collect(self)) {
        return;
    }
    if (!request->broker->config->delete_topic_enable) {
        refuse_all(self);
        return;
    }
    check_all(self);
    catalog_changes_init(&self->changes, request, reply, self);
    for (int32_t i = 0; i < self->count; i++) {
        if (self->topics[i].topic != NULL && charge(self, &self->topics[i])) {
            submit(self, &self->topics[i]);
        }
    }
    catalog_changes_all_made(&self->changes);
}

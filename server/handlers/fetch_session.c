/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/fetch_session.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/base/random.h"
#include "gyre/runtime/loop.h"

#include "wire_messages/fetch.h"

enum { EPOCH_INITIAL = 0, EPOCH_FINAL = -1 };

struct session_partition {
    struct map_link by_key;
    struct list order;
    struct fetch_want want; /* its topic name lies behind the struct */
    int64_t high_watermark; /* as last answered; -1: answer again */
    int64_t log_start_offset;
};

struct fetch_session {
    struct map_link by_id;
    struct list by_age; /* longest unused first */
    struct fetch_sessions *sessions;
    struct map by_key;
    struct list order;
    uint64_t used_us;
    uint64_t owner;
    int32_t id;
    int32_t epoch; /* that the next request must have */
    bool uses_topic_ids;
};

struct fetch_sessions {
    struct loop *loop;     /* borrowed */
    struct random *random; /* borrowed */
    struct map by_id;
    struct list by_age;
    int slots_max;
    int32_t partition_count;
};

/* ---- partitions of a session ---- */

static uint64_t key_hash(const struct fetch_want *want, bool by_id)
{
    uint64_t topic = by_id ? hash_bytes(want->topic_id.bytes, sizeof want->topic_id.bytes)
                           : string_hash(want->topic);

    return topic ^ hash_u64((uint64_t)want->partition);
}

static struct session_partition *find_partition(const struct fetch_session *session,
                                                const struct fetch_want *want)
{
    map_for_each_match(link, &session->by_key, key_hash(want, session->uses_topic_ids)) {
        struct session_partition *candidate = CONTAINER_OF(link, struct session_partition, by_key);

        if (candidate->want.partition == want->partition &&
            (session->uses_topic_ids ? uuid_equal(candidate->want.topic_id, want->topic_id)
                                     : string_equal(candidate->want.topic, want->topic))) {
            return candidate;
        }
    }
    return NULL;
}

static void remove_partition(struct fetch_session *session, struct session_partition *partition)
{
    map_remove(&session->by_key, &partition->by_key);
    list_remove(&partition->order);
    session->sessions->partition_count--;
    free(partition);
}

static void put_partition(struct fetch_session *session, const struct fetch_want *want,
                          const struct fetch_naming *naming)
{
    struct session_partition *partition = find_partition(session, want);
    struct string own = want->topic;

    if (partition != NULL) {
        own = partition->want.topic;
        partition->want = *want;
        partition->want.topic = own;
        return;
    }
    if (naming->by_id && naming->find_name != NULL) {
        own = naming->find_name(naming->context, want->topic_id);
    }
    partition = check_alloc_zero(sizeof *partition + (size_t)(own.length > 0 ? own.length : 0));
    partition->want = *want;
    partition->high_watermark = -1;
    partition->log_start_offset = -1;
    if (own.length > 0) {
        memcpy((char *)(partition + 1), own.bytes, (size_t)own.length);
        partition->want.topic =
            (struct string){.bytes = (const char *)(partition + 1), .length = own.length};
    }
    map_insert(&session->by_key, &partition->by_key, key_hash(want, session->uses_topic_ids));
    list_append(&session->order, &partition->order);
    session->sessions->partition_count++;
}

struct string fetch_session_topic_name(const struct fetch_session *session,
                                       const struct fetch_want *want)
{
    const struct session_partition *partition = find_partition(session, want);

    return partition == NULL ? STRING_NULL : partition->want.topic;
}

bool fetch_session_note(struct fetch_session *session, const struct fetch_want *want,
                        const struct fetch_news *news)
{
    struct session_partition *partition = find_partition(session, want);
    bool is_news = news->is_error || news->has_records || news->has_advice;

    if (partition == NULL) {
        return true;
    }
    is_news = is_news || partition->high_watermark != news->high_watermark ||
              partition->log_start_offset != news->log_start_offset;
    partition->high_watermark = news->is_error ? -1 : news->high_watermark;
    partition->log_start_offset = news->log_start_offset;
    if (news->has_records) {
        list_remove(&partition->order);
        list_append(&session->order, &partition->order);
    }
    return is_news;
}

/* ---- sessions ---- */

struct fetch_sessions *fetch_sessions_new(struct loop *loop, struct random *random, int slots_max)
{
    struct fetch_sessions *sessions = check_alloc_zero(sizeof *sessions);

    sessions->loop = loop;
    sessions->random = random;
    sessions->slots_max = slots_max;
    map_init(&sessions->by_id);
    list_init(&sessions->by_age);
    return sessions;
}

static struct fetch_session *find_session(const struct fetch_sessions *sessions, int32_t id)
{
    map_for_each_match(link, &sessions->by_id, hash_u64((uint64_t)id)) {
        struct fetch_session *session = CONTAINER_OF(link, struct fetch_session, by_id);

        if (session->id == id) {
            return session;
        }
    }
    return NULL;
}

/* Numbers can be guessed: to others it is not there. */
static struct fetch_session *find_own_session(const struct fetch_sessions *sessions, int32_t id,
                                              uint64_t owner)
{
    struct fetch_session *session = find_session(sessions, id);

    return session != NULL && session->owner == owner ? session : NULL;
}

static void drop_session(struct fetch_session *session)
{
    list_for_each_safe(link, &session->order) {
        remove_partition(session, list_entry(link, struct session_partition, order));
    }
    map_release(&session->by_key);
    map_remove(&session->sessions->by_id, &session->by_id);
    list_remove(&session->by_age);
    free(session);
}

void fetch_sessions_free(struct fetch_sessions *sessions)
{
    if (sessions == NULL) {
        return;
    }
    list_for_each_safe(link, &sessions->by_age) {
        drop_session(list_entry(link, struct fetch_session, by_age));
    }
    map_release(&sessions->by_id);
    free(sessions);
}

int fetch_sessions_count(const struct fetch_sessions *sessions)
{
    return (int)sessions->by_id.count;
}

static void touch(struct fetch_session *session)
{
    session->used_us = loop_now_us(session->sessions->loop);
    list_remove(&session->by_age);
    list_append(&session->sessions->by_age, &session->by_age);
}

static bool make_room(struct fetch_sessions *sessions, int32_t partitions)
{
    const uint64_t idle_us = (uint64_t)FETCH_SESSION_IDLE_MS * 1000;

    if (sessions->slots_max == 0 || partitions == 0 || partitions > FETCH_SESSION_PARTITIONS_MAX) {
        return false;
    }
    while ((int)sessions->by_id.count >= sessions->slots_max ||
           sessions->partition_count > FETCH_SESSION_PARTITIONS_MAX - partitions) {
        struct fetch_session *oldest = list_first(&sessions->by_age, struct fetch_session, by_age);

        if (loop_now_us(sessions->loop) - oldest->used_us < idle_us) {
            return false;
        }
        drop_session(oldest);
    }
    return true;
}

static struct fetch_session *new_session(struct fetch_sessions *sessions,
                                         const struct fetch_naming *naming)
{
    struct fetch_session *session = check_alloc_zero(sizeof *session);

    do {
        session->id = (int32_t)random_below(sessions->random, INT32_MAX - 1) + 1;
    } while (find_session(sessions, session->id) != NULL);
    session->sessions = sessions;
    session->epoch = 1;
    session->uses_topic_ids = naming->by_id;
    session->owner = naming->owner;
    map_init(&session->by_key);
    list_init(&session->order);
    list_init(&session->by_age);
    map_insert(&sessions->by_id, &session->by_id, hash_u64((uint64_t)session->id));
    touch(session);
    return session;
}

/* ---- plans ---- */

static int32_t count_asked(const struct fetch_request *in)
{
    int64_t count = 0;

    for (int32_t i = 0; i < in->topics.count; i++) {
        count += in->topics.items[i].partitions.count;
    }
    return count > INT32_MAX ? INT32_MAX : (int32_t)count;
}

static struct fetch_want want_of(const struct fetch_request_topics *topic,
                                 const struct fetch_request_topics_partitions *partition)
{
    return (struct fetch_want){
        .topic = topic->topic,
        .topic_id = topic->topic_id,
        .fetch_offset = partition->fetch_offset,
        .partition = partition->partition,
        .current_leader_epoch = partition->current_leader_epoch,
        .last_fetched_epoch = partition->last_fetched_epoch,
        .bytes_max = partition->partition_max_bytes,
    };
}

static enum kafka_error plan_asked(const struct fetch_request *in, struct arena *arena,
                                   struct fetch_plan *plan)
{
    if (count_asked(in) == 0) {
        return KAFKA_ERROR_NONE;
    }
    plan->wants = arena_alloc_array(arena, (size_t)count_asked(in), sizeof *plan->wants);
    if (plan->wants == NULL) {
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct fetch_request_topics *topic = &in->topics.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            plan->wants[plan->count++] = want_of(topic, &topic->partitions.items[j]);
        }
    }
    return KAFKA_ERROR_NONE;
}

static void open_session(struct fetch_sessions *sessions, const struct fetch_naming *naming,
                         struct fetch_plan *plan)
{
    struct fetch_session *session;

    if (!make_room(sessions, plan->count)) {
        return;
    }
    session = new_session(sessions, naming);
    for (int32_t i = 0; i < plan->count; i++) {
        put_partition(session, &plan->wants[i], naming);
    }
    plan->session_id = session->id;
    plan->session_epoch = session->epoch;
}

static void update_session(struct fetch_session *session, const struct fetch_request *in,
                           const struct fetch_naming *naming)
{
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct fetch_request_topics *topic = &in->topics.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct fetch_want want = want_of(topic, &topic->partitions.items[j]);

            put_partition(session, &want, naming);
        }
    }
    for (int32_t i = 0; i < in->forgotten_topics_data.count; i++) {
        const struct fetch_request_forgotten_topics_data *topic =
            &in->forgotten_topics_data.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct fetch_want want = {.topic = topic->topic,
                                            .topic_id = topic->topic_id,
                                            .partition = topic->partitions.items[j]};
            struct session_partition *partition = find_partition(session, &want);

            if (partition != NULL) {
                remove_partition(session, partition);
            }
        }
    }
}

/* Copies, so that the session may go while the request waits. */
static enum kafka_error plan_session(const struct fetch_session *session, struct arena *arena,
                                     struct fetch_plan *plan)
{
    plan->wants = arena_alloc_array(arena, session->by_key.count, sizeof *plan->wants);
    if (plan->wants == NULL) {
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    list_for_each(link, &session->order) {
        struct fetch_want *want = &plan->wants[plan->count++];

        *want = list_entry(link, struct session_partition, order)->want;
        if (session->uses_topic_ids) {
            want->topic = STRING_NULL; /* fetch_session_topic_name() knows it */
        } else if (!arena_copy_string(arena, want->topic, &want->topic)) {
            return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        }
    }
    plan->session_id = session->id;
    plan->session_epoch = session->epoch;
    plan->is_incremental = true;
    return KAFKA_ERROR_NONE;
}

static enum kafka_error plan_incremental(struct fetch_sessions *sessions,
                                         const struct fetch_request *in,
                                         const struct fetch_naming *naming, struct arena *arena,
                                         struct fetch_plan *plan)
{
    struct fetch_session *session =
        sessions == NULL ? NULL : find_own_session(sessions, in->session_id, naming->owner);

    if (session == NULL) {
        return KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND;
    }
    if (session->epoch != in->session_epoch) {
        return KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH;
    }
    if (session->uses_topic_ids != naming->by_id) {
        return KAFKA_ERROR_FETCH_SESSION_TOPIC_ID_ERROR;
    }
    if (sessions->partition_count > FETCH_SESSION_PARTITIONS_MAX - count_asked(in)) {
        drop_session(session); /* the client begins anew, with a full request */
        return KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND;
    }
    update_session(session, in, naming);
    if (session->by_key.count == 0) {
        drop_session(session);
        return KAFKA_ERROR_NONE;
    }
    session->epoch = session->epoch == INT32_MAX ? 1 : session->epoch + 1;
    touch(session);
    return plan_session(session, arena, plan);
}

enum kafka_error fetch_sessions_plan(struct fetch_sessions *sessions,
                                     const struct fetch_request *in,
                                     const struct fetch_naming *naming, struct arena *arena,
                                     struct fetch_plan *out_plan)
{
    enum kafka_error error;

    *out_plan = (struct fetch_plan){0};
    if (in->session_epoch != EPOCH_INITIAL && in->session_epoch != EPOCH_FINAL) {
        return plan_incremental(sessions, in, naming, arena, out_plan);
    }
    if (sessions != NULL && in->session_id != 0) {
        struct fetch_session *session = find_own_session(sessions, in->session_id, naming->owner);

        if (session != NULL) {
            drop_session(session); /* closed, or replaced by a new one */
        }
    }
    error = plan_asked(in, arena, out_plan);
    if (error == KAFKA_ERROR_NONE && sessions != NULL && in->session_epoch == EPOCH_INITIAL) {
        open_session(sessions, naming, out_plan);
    }
    return error;
}

struct fetch_session *fetch_sessions_find(struct fetch_sessions *sessions,
                                          const struct fetch_plan *plan)
{
    struct fetch_session *session;

    if (sessions == NULL || plan->session_id == 0) {
        return NULL;
    }
    session = find_session(sessions, plan->session_id);
    return session != NULL && session->epoch == plan->session_epoch ? session : NULL;
}

void fetch_sessions_drop(struct fetch_sessions *sessions, struct fetch_plan *plan)
{
    struct fetch_session *session = fetch_sessions_find(sessions, plan);

    if (session != NULL) {
        drop_session(session);
    }
    plan->session_id = 0;
}

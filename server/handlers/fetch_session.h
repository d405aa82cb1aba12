/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetch sessions (KIP-227): the broker remembers which partitions a client wants, so that requests
 * name only what changed and answers only what is new. The cache has a fixed number of slots; who
 * finds none gets session id 0 and names everything each time.
 *
 * Nothing points into a session while a request waits: it works on a copy and comes back with id
 * and epoch. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_FETCH_SESSION_H
#define GYRE_HANDLERS_FETCH_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/uuid.h"
#include "gyre/wire/kafka_error.h"

struct arena;
struct fetch_request;
struct fetch_session;
struct fetch_sessions;
struct loop;
struct random;

enum {
    FETCH_SESSION_PARTITIONS_MAX = 500000, /* of all sessions together; about 150 bytes each */
    FETCH_SESSION_IDLE_MS = 120000,        /* before it may lose its slot to a new one */
};

/* What a client wants of one partition. */
struct fetch_want {
    struct string topic; /* up to version 12 */
    struct uuid topic_id;
    int64_t fetch_offset;
    int32_t partition;
    int32_t current_leader_epoch;
    int32_t last_fetched_epoch;
    int32_t bytes_max;
};

/* What a request asks for after its session was looked at; memory of the request's arena. */
struct fetch_plan {
    struct fetch_want *wants;
    int32_t count;
    int32_t session_id;    /* 0: none */
    int32_t session_epoch; /* of the answer, to come back with */
    bool is_incremental;   /* unchanged partitions are left out of the answer */
};

struct fetch_sessions *fetch_sessions_new(struct loop *loop, struct random *random, int slots_max);
void fetch_sessions_free(struct fetch_sessions *sessions);
int fetch_sessions_count(const struct fetch_sessions *sessions);

/* Who asks, and how topics are named in the request. */
struct fetch_naming {
    uint64_t owner; /* a hash of the principal: nobody else's sessions are found */
    bool by_id;
    /* The name that the id has now, or null: borrowed for the call. May be NULL. */
    struct string (*find_name)(void *context, struct uuid topic_id);
    void *context;
};

/*
 * `sessions` may be NULL: nobody gets one. FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH,
 * FETCH_SESSION_TOPIC_ID_ERROR; UNKNOWN_SERVER_ERROR when the arena is exhausted.
 */
enum kafka_error fetch_sessions_plan(struct fetch_sessions *sessions,
                                     const struct fetch_request *in,
                                     const struct fetch_naming *naming, struct arena *arena,
                                     struct fetch_plan *out_plan);

/* The session of a plan, if nobody has replaced it meanwhile. */
struct fetch_session *fetch_sessions_find(struct fetch_sessions *sessions,
                                          const struct fetch_plan *plan);

/* Forget the session that a plan opened: its client is not told of it. The plan has none then. */
void fetch_sessions_drop(struct fetch_sessions *sessions, struct fetch_plan *plan);

/* The name that the topic of a want by id had when the session heard of it; null: it had none. */
struct string fetch_session_topic_name(const struct fetch_session *session,
                                       const struct fetch_want *want);

/* What is about to be answered for one partition. */
struct fetch_news {
    int64_t high_watermark;
    int64_t log_start_offset;
    bool is_error;
    bool has_records;
    bool has_advice; /* a diverging epoch or a preferred replica */
};

/* Is this news to the client? Remembers it; partitions with records go to the end of the order. */
bool fetch_session_note(struct fetch_session *session, const struct fetch_want *want,
                        const struct fetch_news *news);

#endif

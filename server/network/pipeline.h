/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline turns the bytes of one connection into requests and their answers into bytes, in the
 * order of the requests. It knows no sockets: a carrier gives it bytes and takes slices, so that
 * TLS fits between, and tests and fuzzers need no network.
 *
 *     bytes -> frames -> [waiting] -> started -> ended -> slices, in order
 *
 * Requests start in order of arrival. One starts when nothing before it is unanswered, or when all
 * of that is of its own pipelined kind (Produce) and not too large together. Reading pauses while
 * too many requests wait, too much memory is held (pipeline_memory.c) or the client does not take
 * its answers.
 *
 * Thread: the shard's own. Nothing of the carrier is called from within a call of the carrier, but
 * for set_reading().
 */
#ifndef GYRE_NETWORK_PIPELINE_H
#define GYRE_NETWORK_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/runtime/loop.h"

#include "handlers/dispatch.h"
#include "handlers/request.h"

struct metrics;
struct pipeline;

/* Of connections that have not said who they are; together they hold no more than the last. */
enum {
    UNAUTHENTICATED_FRAME_BYTES_MAX = 64 * 1024,
    UNAUTHENTICATED_REQUESTS_MAX = 4,
    UNAUTHENTICATED_MEMORY_BYTES_MAX = 32 * 1024 * 1024,
};

/* A larger frame takes no part of the last quarter of memory. */
enum { USUAL_FRAME_BYTES_MAX = 1024 * 1024 };

/* What all connections of one shard have in common. */
struct pipeline_shared {
    /* ---- set by the owner ---- */
    struct loop *loop;
    struct broker *broker;
    const struct handler_table *table;
    struct metrics *metrics;
    int32_t frame_bytes_max;
    int requests_max;          /* received and not answered, of one connection */
    size_t output_bytes_max;   /* taken by the carrier and not by the client; then no more starts */
    size_t request_memory_max; /* of all connections, when large frames wait; small ones at twice */

    /* ---- private ---- */
    size_t request_memory;
    size_t partial_memory;         /* of it: incomplete frames */
    size_t unauthenticated_memory; /* of that: those of the unauthenticated */
    struct buffer *slab; /* small frames of all connections are read into it, one after the other */
    size_t slab_used;
    struct list starved; /* pipelines that wait for memory */
    struct task memory_freed;
    struct list partials;    /* pipelines with an incomplete frame, oldest first */
    struct pipeline *exempt; /* one of them, whose frame grows whatever the others hold; or NULL */
    struct timer shortage;   /* runs while any starve */
};

void pipeline_shared_init(struct pipeline_shared *shared);
void pipeline_shared_release(struct pipeline_shared *shared);

struct pipeline_carrier {
    /* Answers, in order. Takes the output's slices and leaves it empty. */
    void (*send)(void *context, struct frame_output *output);
    void (*set_reading)(void *context, bool is_reading);
    /* Nothing more will be sent: close when all of it is. May be said again. */
    void (*finished)(void *context);
    /* After pipeline_close(): the last request has ended. */
    void (*drained)(void *context);
};

struct pipeline {
    struct pipeline_shared *shared;
    struct connection_info *connection;
    const struct pipeline_carrier *carrier;
    void *context;

    /* ---- bytes coming in ---- */
    char prefix[FRAME_PREFIX_BYTES];
    size_t prefix_used;
    struct buffer *partial; /* owned; a frame that is not complete */
    char *partial_bytes;    /* where in it the frame begins */
    size_t partial_used;
    size_t partial_room; /* for the frame, and charged */
    size_t partial_size; /* of the whole frame; the room grows up to it */
    struct list partial_link;
    bool is_watched;              /* there is a shortage: is enough coming? */
    size_t watched_used;          /* so much had come at the last look */
    size_t unauthenticated_bytes; /* of `partial` */
    struct buffer_slice rest;     /* received while paused */
    struct buffer *ahead;         /* owned, from reserve() to received(); for a large frame */
    size_t frame_bytes_expected;  /* about what the last frames had; 0: too much to read ahead */
    bool is_reading;
    struct list starved_link;

    /* ---- requests, oldest first ---- */
    struct list requests;
    struct list *next_to_start; /* in `requests`; the list itself: none waits */
    int request_count;
    int running_count;
    size_t running_bytes;
    const struct handler *running; /* the kind that runs */
    struct task flush;
    struct task orphan; /* tells parked requests that nobody waits for them */
    struct timer throttle;

    size_t output_bytes; /* with the carrier */
    bool is_ending;      /* no further requests; answer what there is */
    bool is_broken;      /* a request wants the connection closed: no answers after it */
    bool is_closed;
};

void pipeline_init(struct pipeline *pipeline, struct pipeline_shared *shared,
                   struct connection_info *connection, const struct pipeline_carrier *carrier,
                   void *context);

/* Where to put the next bytes; then say at once how many came. */
void pipeline_reserve(struct pipeline *pipeline, char **out_bytes, size_t *out_size);
void pipeline_received(struct pipeline *pipeline, size_t size);

/* The client took this much. */
void pipeline_sent(struct pipeline *pipeline, size_t bytes);

/* Answer what was received, then finished(). */
void pipeline_end(struct pipeline *pipeline);
/* Answer what has begun and drop what waits, then finished(). */
void pipeline_end_early(struct pipeline *pipeline);

/* Is a request with this flag (enum handler_flag) being served, or its answer with the carrier? */
bool pipeline_is_serving(const struct pipeline *pipeline, unsigned flag);

/*
 * The connection is gone: what waits is dropped, what runs is orphaned. True: nothing runs, the
 * pipeline may be forgotten. False: drained() will say so.
 */
bool pipeline_close(struct pipeline *pipeline);

/* Is there half a frame, or a request without its answer? */
static inline bool pipeline_has_partial_frame(const struct pipeline *pipeline)
{
    return pipeline->partial != NULL || pipeline->prefix_used > 0;
}
static inline bool pipeline_is_quiet(const struct pipeline *pipeline)
{
    return pipeline->request_count == 0 && pipeline->output_bytes == 0;
}

#endif

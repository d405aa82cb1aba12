/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is one question of a client and the memory of its answering. A handler looks like
 *
 *     void find_coordinator_handle(struct request *request)
 *     {
 *         struct find_coordinator_request in;
 *         struct find_coordinator_response out;
 *
 *         if (!request_decode(request, &find_coordinator_request_layout, &in)) {
 *             return;
 *         }
 *         find_coordinator_response_init(&out);
 *         ...
 *         request_reply(request, &find_coordinator_response_layout, &out);
 *     }
 *
 * or keeps a struct of its own in the arena and answers later. Exactly one of request_reply(),
 * request_reply_nothing() and request_close() ends it, at once or later. After that the handler
 * must not use the request from a later callback; its memory stays until the end of the loop's
 * turn.
 *
 * A client that goes away orphans its requests: they run to their end and the answer is dropped.
 * is_orphaned may be looked at to save work (a parked Fetch); it need not be.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_REQUEST_H
#define GYRE_HANDLERS_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/bytes.h"
#include "gyre/base/list.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/reader.h"

#include "handlers/connection_info.h"

struct api_description;
struct broker;
struct handler;
struct handler_table;
struct message_layout;

enum {
    REQUEST_ARENA_BYTES_MAX = 64 * 1024 * 1024,
};

enum request_end {
    REQUEST_OPEN,
    REQUEST_REPLIED,
    REQUEST_SILENT, /* acks=0 */
    REQUEST_CLOSED, /* the connection is to be closed */
};

struct request {
    /* ---- for handlers ---- */
    struct broker *broker;
    struct connection_info *connection;
    struct arena arena;
    const struct api_description *api;
    int16_t api_version;
    int32_t correlation_id;
    struct string client_id; /* points into the frame; may be null */
    uint64_t arrived_us;
    int32_t throttle_ms; /* set by a handler: the connection rests this long after the answer */
    bool is_last;        /* set by a handler: the connection is closed after the answer */
    bool is_orphaned;
    bool is_forwarded; /* by another broker, which answers the client (forward.h) */
    bool has_waited;   /* for its coordinator (coordinator_wait.h): not again */
    /* Set by a handler that parks the request (a join, a long poll): called once when the client is
     * gone or the broker stops, so that it can end the request early. May be NULL. */
    void (*orphaned)(struct request *request);
    void *parked; /* the handler's own, for orphaned() */

    /* ---- the bytes ---- */
    struct buffer_slice frame; /* owned; without the size prefix. Large frames are alone in it */
    struct reader body;        /* behind the header */

    /* ---- private: dispatch and pipeline ---- */
    struct frame_header header;
    const struct handler_table *table;
    const struct handler *handler;
    struct frame_output output;
    enum request_end end;
    void (*ended)(struct request *request); /* within reply or close: only take note in it */
    struct list link;
    void *owner;
    size_t budget_bytes;
    uint64_t running_since_us; /* 0: its time is not measured, or its handler has returned */
    uint64_t used_us;
};

/* The body into `in`. False: it was malformed and the request is ended; just return. */
bool request_decode(struct request *request, const struct message_layout *layout, void *in);
/* The body may be decoded once more, for a handler that begins anew. */
void request_rewind(struct request *request);

/* `out` and all that it points to are copied or referenced before this returns. Its
 * throttle_time_ms, where it has one, is written here. */
void request_reply(struct request *request, const struct message_layout *layout, void *out);
/* The whole answer, size and header included, as another broker made it. Takes the slice. */
void request_relay(struct request *request, struct buffer_slice answer);
void request_reply_nothing(struct request *request);
void request_close(struct request *request);

/* Zeroed memory of the request, or NULL after ending it because its limit is reached: return. */
void *request_alloc(struct request *request, size_t bytes);

/*
 * Bytes of the frame (records of a Produce) that may outlive the request: a reference where the
 * frame is alone in its buffer, else a copy, so that a few bytes do not pin a whole read buffer.
 */
struct buffer_slice request_keep(struct request *request, char *bytes, size_t length);

/* ---- for network and tests ---- */
/* Takes `frame`. */
void request_init(struct request *request, struct broker *broker,
                  struct connection_info *connection, struct buffer_slice frame);
static inline bool request_is_ended(const struct request *request)
{
    return request->end != REQUEST_OPEN;
}
/* A turn's time is that of its begin: what came in the turn itself has arrived later than that. */
static inline uint64_t request_age_us(const struct request *request, uint64_t now_us)
{
    return now_us > request->arrived_us ? now_us - request->arrived_us : 0;
}
void request_release(struct request *request); /* frees all but the struct itself */

#endif

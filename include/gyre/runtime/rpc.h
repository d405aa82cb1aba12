/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers between brokers over LINK_RPC: forwarded administration, producer-id
 * blocks, pulls of segment ranges, questions about leaders. At most once: a call whose link goes
 * down or whose time runs out fails, and the caller decides whether to repeat it.
 *
 * A call to the own node id is served locally through the loop, so that callers need not tell.
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_RUNTIME_RPC_H
#define GYRE_RUNTIME_RPC_H

#include <stdint.h>

#include "gyre/base/buffer.h"
#include "gyre/base/error.h"

struct loop;
struct links;
struct rpc;

/* Numbers on the wire: append only. */
enum rpc_method {
    RPC_JOIN = 1,         /* cluster: a broker introduces itself */
    RPC_CATALOG_SUBMIT,   /* metadata: commands for the catalog's leader */
    RPC_CATALOG_WAIT,     /* metadata: answer when this catalog index is applied */
    RPC_FORWARD_REQUEST,  /* handlers: a Kafka request for the broker that must answer it */
    RPC_PULL_STATE,       /* raft: state file of a snapshot */
    RPC_PULL_SEGMENT,     /* raft: a range of a partition's batches or entries */
    RPC_PARTITION_REPORT, /* cluster: sizes, offsets and leaders of partitions */
    RPC_LEADERSHIP,       /* cluster: announcements of leaders */
    RPC_ELECT,            /* cluster: hand a leadership over */
    RPC_FORM,             /* cluster: the founder tells the other seeds */
    RPC_APPEND_AUDIT,     /* handlers: a batch for the leader of __audit */
    RPC_METHOD_COUNT,
};

/* The answer of a call. `answer` is borrowed for the length of the call. */
typedef void (*rpc_done)(void *context, enum error error, struct buffer_slice answer);

/* One request that is being served; answer it exactly once, now or later. */
struct rpc_request {
    struct rpc *rpc;
    int32_t peer;
    uint64_t id;
};

/* `body` is borrowed for the length of the call; keep a slice by reference. Copy `request`. */
typedef void (*rpc_handler)(void *context, struct rpc_request request, struct buffer_slice body);

struct rpc *rpc_new(struct loop *loop, struct links *links);
void rpc_free(struct rpc *rpc); /* fails what is open with CANCELLED */

void rpc_serve(struct rpc *rpc, enum rpc_method method, rpc_handler handler, void *context);

/* Shutdown, before those who serve are freed: what peers ask from now on fails with CANCELLED, what
 * this broker asked is still answered. */
void rpc_stop_serving(struct rpc *rpc);

/* Hear of links that come up: a peer that can be called now. One watcher. */
void rpc_watch_links(struct rpc *rpc, void (*up)(void *context, int32_t peer), void *context);

/* Takes `body`. done() is always called, never before rpc_call() has returned. */
void rpc_call(struct rpc *rpc, int32_t peer, enum rpc_method method, struct buffer_slice body,
              uint64_t timeout_us, rpc_done done, void *context);

/* Takes `answer`. */
void rpc_answer(struct rpc_request request, enum error error, struct buffer_slice answer);

#endif

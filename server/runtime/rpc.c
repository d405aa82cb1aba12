/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame on LINK_RPC:
 *
 *     u64 id | u16 method | u16 kind | body                                       (little-endian)
 *
 * `kind` is ASK, or ANSWER + error. A link that goes down fails its calls, so an answer that comes
 * over a later link finds no call and is dropped.
 */
#include "gyre/runtime/rpc.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/runtime/links.h"
#include "gyre/runtime/loop.h"

enum { HEADER_BYTES = 12, KIND_ASK = 0, KIND_ANSWER = 1, CALLS_OPEN_MAX = 65536 };

struct call {
    struct map_link by_id;
    struct rpc *rpc;
    uint64_t id;
    int32_t peer;
    rpc_done done;
    void *context;
    struct timer timeout;
    /* How it ended, or what is asked of ourselves, until the loop hands it on. */
    struct task deliver;
    enum error error;
    struct buffer_slice answer;
    bool is_local_ask;
    enum rpc_method method;
    struct buffer_slice body;
};

struct server {
    rpc_handler handler;
    void *context;
};

struct rpc {
    struct loop *loop;
    struct links *links;
    struct map calls;
    uint64_t next_id;
    struct server servers[RPC_METHOD_COUNT];
    bool is_serving;
    void (*up)(void *context, int32_t peer);
    void *up_context;
};

static struct call *find_call(const struct rpc *rpc, uint64_t id)
{
    map_for_each_match(link, &rpc->calls, hash_u64(id)) {
        struct call *call = CONTAINER_OF(link, struct call, by_id);

        if (call->id == id) {
            return call;
        }
    }
    return NULL;
}

/* ---- the end of a call ---- */

static void free_call(struct call *call)
{
    timer_stop(call->rpc->loop, &call->timeout);
    task_cancel(&call->deliver);
    map_remove(&call->rpc->calls, &call->by_id);
    buffer_slice_unref(&call->answer);
    buffer_slice_unref(&call->body);
    free(call);
}

static void end_call(struct call *call)
{
    rpc_done done = call->done;
    void *context = call->context;
    enum error error = call->error;
    struct buffer_slice answer = call->answer;

    call->answer = (struct buffer_slice){0};
    free_call(call);
    done(context, error, answer);
    buffer_slice_unref(&answer);
}

static void end_call_later(struct call *call, enum error error)
{
    call->error = error;
    call->is_local_ask = false;
    loop_defer(call->rpc->loop, &call->deliver);
}

static void serve(struct rpc *rpc, enum rpc_method method, struct rpc_request request,
                  struct buffer_slice body)
{
    const struct server *server = &rpc->servers[method];

    if (!rpc->is_serving) {
        rpc_answer(request, ERROR_CANCELLED, (struct buffer_slice){0});
        return;
    }
    if (server->handler == NULL) {
        rpc_answer(request, ERROR_UNSUPPORTED, (struct buffer_slice){0});
        return;
    }
    server->handler(server->context, request, body);
}

static void on_deliver(struct task *task)
{
    struct call *call = CONTAINER_OF(task, struct call, deliver);
    struct buffer_slice body;

    if (!call->is_local_ask) {
        end_call(call);
        return;
    }
    body = call->body;
    call->body = (struct buffer_slice){0};
    call->is_local_ask = false;
    serve(call->rpc, call->method, (struct rpc_request){call->rpc, call->peer, call->id}, body);
    buffer_slice_unref(&body);
}

static void on_timeout(struct timer *timer)
{
    struct call *call = CONTAINER_OF(timer, struct call, timeout);

    call->error = ERROR_TIMEOUT;
    end_call(call);
}

/* ---- asking ---- */

static enum error send_frame(struct rpc *rpc, int32_t peer, uint64_t id, enum rpc_method method,
                             unsigned kind, struct buffer_slice body)
{
    struct buffer *header = buffer_new(HEADER_BYTES);
    struct buffer_slice slices[2] = {{header, header->bytes, HEADER_BYTES}, body};
    uint16_t method_number = (uint16_t)method;
    uint16_t kind_number = (uint16_t)kind;

    memcpy(header->bytes, &id, 8);
    memcpy(header->bytes + 8, &method_number, 2);
    memcpy(header->bytes + 10, &kind_number, 2);
    return links_send(rpc->links, peer, LINK_RPC, slices, body.length > 0 ? 2 : 1);
}

static struct call *call_new(struct rpc *rpc, int32_t peer, rpc_done done, void *context)
{
    struct call *call = check_alloc_zero(sizeof *call);

    call->rpc = rpc;
    call->id = ++rpc->next_id;
    call->peer = peer;
    call->done = done;
    call->context = context;
    task_init(&call->deliver, on_deliver);
    timer_init(&call->timeout, on_timeout);
    map_insert(&rpc->calls, &call->by_id, hash_u64(call->id));
    return call;
}

/* NOLINTNEXTLINE(readability-function-size): a call is all of these. */
void rpc_call(struct rpc *rpc, int32_t peer, enum rpc_method method, struct buffer_slice body,
              uint64_t timeout_us, rpc_done done, void *context)
{
    struct call *call = call_new(rpc, peer, done, context);
    enum error error;

    if (rpc->calls.count > CALLS_OPEN_MAX) {
        buffer_slice_unref(&body);
        end_call_later(call, ERROR_BUSY);
        return;
    }
    timer_start(rpc->loop, &call->timeout, timeout_us);
    if (peer == rpc->links->self) {
        call->is_local_ask = true;
        call->method = method;
        call->body = body;
        loop_defer(rpc->loop, &call->deliver);
        return;
    }
    if (body.length == 0) {
        buffer_slice_unref(&body);
    }
    error = send_frame(rpc, peer, call->id, method, KIND_ASK, body);
    if (error != ERROR_NONE) {
        end_call_later(call, error);
    }
}

void rpc_answer(struct rpc_request request, enum error error, struct buffer_slice answer)
{
    struct rpc *rpc = request.rpc;
    struct call *call;

    if (answer.length == 0) {
        buffer_slice_unref(&answer);
    }
    if (request.peer != rpc->links->self) {
        /* A link that went down has failed the call on the other side already. */
        (void)send_frame(rpc, request.peer, request.id, RPC_METHOD_COUNT,
                         KIND_ANSWER + (unsigned)error, answer);
        return;
    }
    call = find_call(rpc, request.id);
    if (call == NULL) {
        buffer_slice_unref(&answer);
        return;
    }
    call->answer = answer;
    end_call_later(call, error);
}

/* ---- frames of peers ---- */

static void on_answer(struct rpc *rpc, int32_t peer, uint64_t id, unsigned error,
                      struct buffer_slice body)
{
    struct call *call = find_call(rpc, id);

    if (call == NULL || call->peer != peer) {
        return;
    }
    call->error = error <= ERROR_VERSION ? (enum error)error : ERROR_MALFORMED;
    call->answer = buffer_slice_ref(body);
    end_call(call);
}

static void on_frame(void *context, int32_t peer, struct buffer_slice frame)
{
    struct rpc *rpc = context;
    struct buffer_slice body = frame;
    uint64_t id;
    uint16_t method;
    uint16_t kind;

    if (frame.length < HEADER_BYTES) {
        return;
    }
    memcpy(&id, frame.bytes, 8);
    memcpy(&method, frame.bytes + 8, 2);
    memcpy(&kind, frame.bytes + 10, 2);
    body.bytes += HEADER_BYTES;
    body.length -= HEADER_BYTES;
    if (kind != KIND_ASK) {
        on_answer(rpc, peer, id, (unsigned)(kind - KIND_ANSWER), body);
        return;
    }
    if (method == 0 || method >= RPC_METHOD_COUNT) {
        rpc_answer((struct rpc_request){rpc, peer, id}, ERROR_UNSUPPORTED,
                   (struct buffer_slice){0});
        return;
    }
    serve(rpc, (enum rpc_method)method, (struct rpc_request){rpc, peer, id}, body);
}

static void on_down(void *context, int32_t peer)
{
    struct rpc *rpc = context;

    map_for_each(link, &rpc->calls) {
        struct call *call = CONTAINER_OF(link, struct call, by_id);

        if (call->peer == peer) {
            end_call_later(call, ERROR_CLOSED);
        }
    }
}

static void on_up(void *context, int32_t peer)
{
    struct rpc *rpc = context;

    if (rpc->up != NULL) {
        rpc->up(rpc->up_context, peer);
    }
}

/* ---- life ---- */

struct rpc *rpc_new(struct loop *loop, struct links *links)
{
    struct rpc *rpc = check_alloc_zero(sizeof *rpc);
    struct link_receiver receiver = {
        .frame = on_frame, .up = on_up, .down = on_down, .context = rpc};

    rpc->loop = loop;
    rpc->links = links;
    rpc->is_serving = true;
    map_init(&rpc->calls);
    links->operations->set_receiver(links, LINK_RPC, &receiver);
    return rpc;
}

void rpc_free(struct rpc *rpc)
{
    struct link_receiver nobody = {0};

    if (rpc == NULL) {
        return;
    }
    rpc->links->operations->set_receiver(rpc->links, LINK_RPC, &nobody);
    while (rpc->calls.count > 0) {
        struct call *call = CONTAINER_OF(map_first(&rpc->calls), struct call, by_id);

        call->error = ERROR_CANCELLED;
        end_call(call);
    }
    map_release(&rpc->calls);
    free(rpc);
}

void rpc_serve(struct rpc *rpc, enum rpc_method method, rpc_handler handler, void *context)
{
    CHECK(method > 0);
    CHECK(method < RPC_METHOD_COUNT);
    rpc->servers[method] = (struct server){handler, context};
}

void rpc_stop_serving(struct rpc *rpc)
{
    rpc->is_serving = false;
}

void rpc_watch_links(struct rpc *rpc, void (*up)(void *context, int32_t peer), void *context)
{
    rpc->up = up;
    rpc->up_context = context;
}

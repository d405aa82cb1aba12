/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/forward.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/access/identity.h"
#include "gyre/metadata/catalog.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/rpc.h"

#include "handlers/broker.h"
#include "handlers/dispatch.h"
#include "handlers/request.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/forward_link.h"

static const uint64_t FORWARD_TIMEOUT_US = 10 * 1000 * 1000;

enum { FORWARD_BYTES_MAX = 8 * 1024 * 1024, LISTENER_NAME_BYTES_MAX = 64 };

/* ---- at the broker that the client asked ---- */

struct forwarding {
    struct request *request; /* we live in its arena */
    void (*failed)(struct request *request, enum error error);
};

static void on_answer(void *context, enum error error, struct buffer_slice answer)
{
    struct forwarding *forwarding = context;

    if (error != ERROR_NONE || answer.length < FRAME_PREFIX_BYTES) {
        forwarding->failed(forwarding->request, error == ERROR_NONE ? ERROR_MALFORMED : error);
        return;
    }
    request_relay(forwarding->request, buffer_slice_ref(answer));
}

/* The type stands before the colon of the principal. */
static void fill_identity(struct forwarded_request *message, const struct request *request)
{
    const struct identity *identity = request->connection->identity;

    message->type = (struct string){identity->principal.bytes,
                                    identity->principal.length - identity->name.length - 1};
    message->name = identity->name;
    message->groups.items = identity->groups;
    message->groups.count = identity->group_count;
    message->are_groups_known = identity->are_groups_known;
    message->token_id = identity->token_id;
    message->credential_version = (int64_t)identity->credential_version;
    message->expires_ms = identity->expires_ms;
}

static struct buffer_slice encode(const struct request *request)
{
    struct forwarded_request message;
    struct frame_output output;

    forwarded_request_init(&message);
    fill_identity(&message, request);
    message.peer_host = string_from(request->connection->peer_host);
    message.listener = string_from(request->connection->listener->name);
    message.frame = (struct bytes){request->frame.bytes, (int32_t)request->frame.length};
    frame_output_init(&output);
    enum error error = forwarded_request_encode(&message, FORWARDED_REQUEST_VERSION_MAX, &output);
    CHECK(error == ERROR_NONE); /* strings and a frame that came in by this format */
    struct buffer *bytes = frame_output_join(&output);
    frame_output_release(&output);
    return (struct buffer_slice){bytes, bytes->bytes, bytes->size};
}

bool forward_to_broker(struct request *request, int32_t node_id,
                       void (*failed)(struct request *request, enum error error))
{
    const struct broker *broker = request->broker;

    if (request->is_forwarded || node_id < 0 || node_id == broker->node_id ||
        request->frame.length > FORWARD_BYTES_MAX) {
        return false;
    }
    struct forwarding *forwarding = arena_alloc(&request->arena, sizeof *forwarding);
    if (forwarding == NULL) {
        return false;
    }
    *forwarding = (struct forwarding){request, failed};
    rpc_call(broker->rpc, node_id, RPC_FORWARD_REQUEST, encode(request), FORWARD_TIMEOUT_US,
             on_answer, forwarding);
    return true;
}

bool forward_to_catalog_leader(struct request *request,
                               void (*failed)(struct request *request, enum error error))
{
    const struct catalog *catalog = request->broker->catalog;

    return !catalog_leads(catalog) && forward_to_broker(request, catalog_leader(catalog), failed);
}

/* ---- at the broker that answers ---- */

struct foreign_request {
    struct request request;
    struct connection_info connection;
    struct listener_info listener;
    char listener_name[LISTENER_NAME_BYTES_MAX];
    struct rpc_request peer;
    struct task answer;
};

static void run_answer(struct task *task)
{
    struct foreign_request *foreign = CONTAINER_OF(task, struct foreign_request, answer);
    struct buffer_slice nothing = {0};

    if (foreign->request.end == REQUEST_REPLIED) {
        struct buffer *bytes = frame_output_join(&foreign->request.output);
        rpc_answer(foreign->peer, ERROR_NONE,
                   (struct buffer_slice){bytes, bytes->bytes, bytes->size});
    } else {
        rpc_answer(foreign->peer, ERROR_CLOSED, nothing);
    }
    request_release(&foreign->request);
    connection_info_release(&foreign->connection);
    free(foreign);
}

static void on_ended(struct request *request)
{
    struct foreign_request *foreign = CONTAINER_OF(request, struct foreign_request, request);

    loop_defer(request->broker->loop, &foreign->answer);
}

static void copy_text(char *to, size_t size, struct string text)
{
    (void)snprintf(to, size, "%.*s", STRING_ARGUMENTS(text));
}

static bool may_be_forwarded(const struct request *request)
{
    return request->header.api_key == API_DESCRIBE_QUORUM ||
           request->header.api_key == API_LEAVE_GROUP ||
           request->header.api_key == API_OFFSET_FETCH;
}

/* The other broker has authenticated the client. */
static enum error identify(struct foreign_request *foreign, const struct forwarded_request *in)
{
    struct identity_options options = {
        .type = in->type,
        .name = in->name,
        .mechanism = "FORWARDED",
        .groups = in->groups.items,
        .group_count = in->groups.count,
        .are_groups_known = in->are_groups_known,
        .token_id = in->token_id,
        .credential_version = (uint64_t)in->credential_version,
        .expires_ms = in->expires_ms,
    };
    struct identity *identity;
    enum error error = identity_new(&options, &identity);

    if (error == ERROR_NONE) {
        connection_info_identify(&foreign->connection, identity, 0);
    }
    return error;
}

static void start(struct broker *broker, struct rpc_request peer,
                  const struct forwarded_request *in)
{
    struct foreign_request *foreign = check_alloc_zero(sizeof *foreign);
    struct buffer *frame = buffer_copy(in->frame.bytes, (size_t)in->frame.length);
    const struct handler *handler = NULL;

    copy_text(foreign->listener_name, sizeof foreign->listener_name, in->listener);
    foreign->listener.name = foreign->listener_name;
    connection_info_init(&foreign->connection, &foreign->listener);
    copy_text(foreign->connection.peer_host, sizeof foreign->connection.peer_host, in->peer_host);
    foreign->peer = peer;
    task_init(&foreign->answer, run_answer);
    request_init(&foreign->request, broker, &foreign->connection,
                 (struct buffer_slice){frame, frame->bytes, frame->size});
    foreign->request.is_forwarded = true;
    foreign->request.ended = on_ended;
    if (identify(foreign, in) == ERROR_NONE &&
        dispatch_parse(dispatch_table(), &foreign->request, &handler) == ERROR_NONE &&
        may_be_forwarded(&foreign->request)) {
        dispatch_start(handler, &foreign->request);
    } else {
        request_close(&foreign->request);
    }
}

static void serve(void *context, struct rpc_request peer, struct buffer_slice body)
{
    struct forwarded_request in;
    struct buffer_slice nothing = {0};
    struct reader reader;
    struct arena arena;

    arena_init(&arena, 64 * 1024);
    reader_init(&reader, body.bytes, body.length);
    enum error error =
        forwarded_request_decode(FORWARDED_REQUEST_VERSION_MAX, &reader, &arena, &in);
    if (error == ERROR_NONE && in.frame.length <= FORWARD_BYTES_MAX) {
        start(context, peer, &in);
    } else {
        rpc_answer(peer, ERROR_MALFORMED, nothing);
    }
    arena_release(&arena);
}

void forward_serve(struct broker *broker)
{
    rpc_serve(broker->rpc, RPC_FORWARD_REQUEST, serve, broker);
}

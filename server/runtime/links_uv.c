/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer is a broker with a node id and at most one open stream. Whose a stream is, its hello
 * tells.
 */
#include "gyre/runtime/links_uv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/runtime/socket_address.h"

#include "runtime/link_dialer.h"
#include "runtime/link_hello.h"
#include "runtime/link_strangers.h"

enum {
    CHANNEL_HELLO = 255,
    BACKLOG = 64,
};

static const uint64_t CONNECT_TIMEOUT_US = 3 * 1000 * 1000;

static const struct link_stream_events stream_events;

static struct links_uv *from_base(const struct links *links)
{
    return CONTAINER_OF(links, struct links_uv, base);
}

static struct connection *from_stream(struct link_stream *stream)
{
    return CONTAINER_OF(stream, struct connection, stream);
}

struct peer *links_uv_find_peer(const struct links_uv *links, int32_t id)
{
    map_for_each_match(link, &links->peers, hash_u64((uint64_t)id)) {
        struct peer *peer = CONTAINER_OF(link, struct peer, by_id);

        if (peer->id == id) {
            return peer;
        }
    }
    return NULL;
}

static struct peer *get_peer(struct links_uv *links, int32_t id)
{
    struct peer *peer = links_uv_find_peer(links, id);

    if (peer == NULL) {
        peer = check_alloc_zero(sizeof *peer);
        peer->id = id;
        map_insert(&links->peers, &peer->by_id, hash_u64((uint64_t)id));
    }
    return peer;
}

/* ---- up and down ---- */

static void tell(struct links_uv *links, int32_t peer, bool is_up)
{
    for (int i = 0; i < LINK_CHANNEL_COUNT; i++) {
        struct link_receiver *receiver = &links->receivers[i];
        void (*event)(void *, int32_t) = is_up ? receiver->up : receiver->down;

        if (event != NULL) {
            event(receiver->context, peer);
        }
    }
}

static void lose_peer(struct connection *connection)
{
    struct peer *peer = connection->peer;

    connection->peer = NULL;
    if (peer != NULL && peer->open == connection) {
        peer->open = NULL;
        if (!connection->links->is_closing) {
            tell(connection->links, peer->id, false);
        }
    }
}

/* ---- hello ---- */

static void send_hello(struct connection *connection)
{
    const struct links_uv_options *options = &connection->links->options;
    struct link_hello hello = {options->node_id, options->incarnation, options->cluster_id};
    struct buffer_slice slice = link_hello_encode(&hello);

    link_stream_send(&connection->stream, CHANNEL_HELLO, &slice, 1, slice.length);
}

/* Of two streams to one peer the one dialled by the smaller id stays; of two dialled by the same
 * side, the newer: the older is what that side has given up. */
static bool wins(const struct connection *newcomer, const struct connection *open)
{
    return newcomer->dialled_by <= open->dialled_by;
}

static enum error admit(struct connection *connection, struct peer *peer)
{
    if (peer->open != NULL) {
        struct connection *open = peer->open;

        if (!wins(connection, open)) {
            return ERROR_EXISTS;
        }
        lose_peer(open);
        link_stream_close(&open->stream, ERROR_EXISTS);
    }
    connection->peer = peer;
    peer->open = connection;
    tell(connection->links, peer->id, true);
    return ERROR_NONE;
}

static enum error on_hello(struct connection *connection, struct buffer_slice payload)
{
    struct links_uv *links = connection->links;
    struct link_hello hello;
    enum error error = link_hello_decode(payload, &hello);

    if (error != ERROR_NONE) {
        return error;
    }
    if (hello.node_id == links->options.node_id) {
        if (connection->dialer != NULL && hello.incarnation == links->options.incarnation) {
            connection->dialer->is_self = true;
        }
        return ERROR_STATE;
    }
    if (links->admit != NULL && links->admit(links->admit_context, hello.node_id, hello.cluster_id,
                                             connection->dialer != NULL) != NULL) {
        return ERROR_STATE;
    }
    timer_stop(links->loop, &connection->hello_timeout);
    link_strangers_remove(&links->strangers, &connection->stream);
    connection->stream.frame_bytes_max = LINK_FRAME_BYTES_MAX;
    connection->dialled_by = connection->dialer != NULL ? links->options.node_id : hello.node_id;
    if (connection->dialer != NULL) {
        connection->dialer->peer_id = hello.node_id;
        connection->dialer->retry_us = LINK_DIALER_RETRY_US_MIN;
    }
    return admit(connection, get_peer(links, hello.node_id));
}

/* ---- events of a stream ---- */

/* While we dialled, another stream came up. Were this one opened too, the other would break, and
 * with it what is under way: those who follow a leader there would take it for dead. */
static bool is_late(const struct connection *connection)
{
    const struct link_dialer *dialer = connection->dialer;
    const struct peer *peer = dialer == NULL || dialer->peer_id < 0
                                  ? NULL
                                  : links_uv_find_peer(connection->links, dialer->peer_id);

    return peer != NULL && peer->open != NULL && !peer->open->stream.is_closing;
}

static void on_connected(struct link_stream *stream)
{
    struct connection *connection = from_stream(stream);

    if (is_late(connection)) {
        link_stream_close(stream, ERROR_EXISTS);
    } else {
        send_hello(connection);
    }
}

static enum error on_frame(struct link_stream *stream, uint8_t channel, struct buffer_slice payload)
{
    struct connection *connection = from_stream(stream);
    struct link_receiver *receiver;

    if (connection->peer == NULL) {
        return channel == CHANNEL_HELLO ? on_hello(connection, payload) : ERROR_MALFORMED;
    }
    if (channel >= LINK_CHANNEL_COUNT) {
        return ERROR_MALFORMED;
    }
    receiver = &connection->links->receivers[channel];
    if (receiver->frame != NULL) {
        receiver->frame(receiver->context, connection->peer->id, payload);
    }
    return ERROR_NONE;
}

static void on_closed(struct link_stream *stream, enum error reason)
{
    struct connection *connection = from_stream(stream);
    struct links_uv *links = connection->links;
    struct link_dialer *dialer = connection->dialer;

    (void)reason;
    timer_stop(links->loop, &connection->hello_timeout);
    link_strangers_remove(&links->strangers, stream);
    lose_peer(connection);
    list_remove(&connection->link);
    free(connection);
    if (dialer != NULL) {
        dialer->connection = NULL;
        link_dialer_retry(dialer);
    }
    links_uv_free_if_done(links);
}

static const struct link_stream_events stream_events = {on_connected, on_frame, on_closed};

static void on_hello_timeout(struct timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, hello_timeout);

    link_stream_close(&connection->stream, ERROR_TIMEOUT);
}

struct connection *links_uv_connection_new(struct links_uv *links, struct link_dialer *dialer)
{
    struct connection *connection = check_alloc_zero(sizeof *connection);

    connection->links = links;
    connection->dialer = dialer;
    list_init(&connection->link);
    list_append(&links->connections, &connection->link);
    link_stream_init(&connection->stream, links->uv, links->loop, links->options.guard,
                     &stream_events);
    timer_init(&connection->hello_timeout, on_hello_timeout);
    timer_start(links->loop, &connection->hello_timeout, CONNECT_TIMEOUT_US);
    return connection;
}

void links_uv_add_seed(struct links *base, const char *host, uint16_t port)
{
    struct links_uv *links = from_base(base);
    struct link_dialer *dialer = link_dialer_new(links, host, port);

    list_append(&links->seeds, &dialer->link);
}

/* ---- listening ---- */

static void on_connection(uv_stream_t *listener, int status)
{
    struct links_uv *links = CONTAINER_OF(listener, struct links_uv, listener);
    struct connection *connection;

    if (status != 0 || links->is_closing) {
        return;
    }
    connection = links_uv_connection_new(links, NULL);
    link_strangers_add(&links->strangers, &connection->stream);
    if (link_stream_accept(&connection->stream, listener) != ERROR_NONE) {
        link_stream_close(&connection->stream, ERROR_IO);
    }
}

static enum error listen_error(int status)
{
    if (status == UV_EADDRINUSE) {
        return ERROR_EXISTS;
    }
    return status == UV_EAI_NONAME ? ERROR_NOT_FOUND : ERROR_IO;
}

enum error links_uv_listen(struct links *base, const char *host, uint16_t port, uint16_t *out_port)
{
    struct links_uv *links = from_base(base);
    int status;

    CHECK(uv_tcp_init(links->uv, &links->listener) == 0);
    links->is_listening = true;
    status = socket_address_bind(&links->listener, host, port);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)&links->listener, BACKLOG, on_connection);
    }
    if (status != 0) {
        return listen_error(status);
    }
    *out_port = socket_address_port(&links->listener);
    return ERROR_NONE;
}

/* ---- the links as their users see them ---- */

static enum error send_frame(struct links *base, int32_t id, enum link_channel channel,
                             const struct buffer_slice *slices, int slice_count)
{
    struct links_uv *links = from_base(base);
    struct peer *peer = links_uv_find_peer(links, id);
    enum error error = ERROR_NONE;
    size_t bytes = 0;

    for (int i = 0; i < slice_count; i++) {
        bytes += slices[i].length;
    }
    if (peer == NULL || peer->open == NULL || peer->open->stream.is_closing) {
        error = ERROR_CLOSED;
    } else if (bytes >= LINK_FRAME_BYTES_MAX || slice_count > LINK_SLICES_MAX) {
        error = ERROR_LIMIT;
    } else if (peer->open->stream.queued_bytes + bytes > links->options.queued_bytes_max) {
        link_stream_close(&peer->open->stream, ERROR_LIMIT);
        error = ERROR_CLOSED;
    }
    if (error != ERROR_NONE) {
        for (int i = 0; i < slice_count; i++) {
            buffer_unref(slices[i].buffer);
        }
        return error;
    }
    link_stream_send(&peer->open->stream, (uint8_t)channel, slices, slice_count, bytes);
    return ERROR_NONE;
}

static bool is_up(const struct links *base, int32_t id)
{
    const struct peer *peer = links_uv_find_peer(from_base(base), id);

    return peer != NULL && peer->open != NULL && !peer->open->stream.is_closing;
}

static size_t queued_bytes(const struct links *base, int32_t id)
{
    const struct peer *peer = links_uv_find_peer(from_base(base), id);

    return peer == NULL || peer->open == NULL ? 0 : peer->open->stream.queued_bytes;
}

static void set_receiver(struct links *base, enum link_channel channel,
                         const struct link_receiver *receiver)
{
    from_base(base)->receivers[channel] = *receiver;
}

static void set_peer(struct links *base, int32_t id, const char *host, uint16_t port)
{
    struct links_uv *links = from_base(base);
    struct peer *peer;

    CHECK(id != links->options.node_id);
    peer = get_peer(links, id);
    if (peer->dialer != NULL) {
        if (host != NULL && peer->dialer->port == port && strcmp(peer->dialer->host, host) == 0) {
            return;
        }
        link_dialer_drop(peer->dialer);
        peer->dialer = NULL;
    }
    if (host == NULL) {
        if (peer->open != NULL) {
            link_stream_close(&peer->open->stream, ERROR_CANCELLED);
        }
        return;
    }
    peer->dialer = link_dialer_new(links, host, port);
    peer->dialer->peer_id = id;
}

static void reset(struct links *base, int32_t id)
{
    const struct peer *peer = links_uv_find_peer(from_base(base), id);

    if (peer != NULL && peer->open != NULL) {
        link_stream_close(&peer->open->stream, ERROR_MALFORMED);
    }
}

static int32_t seed_node(const struct links *base, const char *host, uint16_t port)
{
    const struct links_uv *links = from_base(base);

    list_for_each(link, &links->seeds) {
        const struct link_dialer *seed = list_entry(link, struct link_dialer, link);

        if (seed->port == port && strcmp(seed->host, host) == 0) {
            return seed->is_self ? base->self : seed->peer_id;
        }
    }
    return -1;
}

static const struct links_operations operations = {
    .send = send_frame,
    .is_up = is_up,
    .queued_bytes = queued_bytes,
    .set_receiver = set_receiver,
    .set_peer = set_peer,
    .reset = reset,
    .seed_node = seed_node,
};

/* ---- life ---- */

enum error links_uv_new(uv_loop_t *uv, struct loop *loop, const struct links_uv_options *options,
                        struct links **out_links)
{
    struct links_uv *links = check_alloc_zero(sizeof *links);

    links->base.operations = &operations;
    links->base.self = options->node_id;
    links->uv = uv;
    links->loop = loop;
    links->options = *options;
    map_init(&links->peers);
    list_init(&links->seeds);
    list_init(&links->connections);
    link_strangers_init(&links->strangers);
    *out_links = &links->base;
    return ERROR_NONE;
}

void links_uv_set_admission(struct links *base, links_uv_admit admit_peer, void *context)
{
    from_base(base)->admit = admit_peer;
    from_base(base)->admit_context = context;
}

void links_uv_set_cluster_id(struct links *base, struct uuid cluster_id)
{
    from_base(base)->options.cluster_id = cluster_id;
}

void links_uv_check_peers(struct links *base)
{
    list_for_each(link, &from_base(base)->connections) {
        link_stream_check(&list_entry(link, struct connection, link)->stream);
    }
}

void links_uv_free_if_done(struct links_uv *links)
{
    if (!links->is_closing || links->is_listening || links->resolving_count > 0 ||
        !list_is_empty(&links->connections)) {
        return;
    }
    list_for_each_safe(link, &links->seeds) {
        link_dialer_drop(list_entry(link, struct link_dialer, link));
    }
    map_for_each_safe(entry, &links->peers) {
        struct peer *peer = CONTAINER_OF(entry, struct peer, by_id);

        if (peer->dialer != NULL) {
            link_dialer_drop(peer->dialer);
        }
        free(peer);
    }
    map_release(&links->peers);
    links->closed(links->closed_context);
    free(links);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct links_uv *links = CONTAINER_OF(handle, struct links_uv, listener);

    links->is_listening = false;
    links_uv_free_if_done(links);
}

void links_uv_close(struct links *base, void (*closed)(void *context), void *context)
{
    struct links_uv *links = from_base(base);

    links->is_closing = true;
    links->closed = closed;
    links->closed_context = context;
    list_for_each(link, &links->connections) {
        link_stream_close(&list_entry(link, struct connection, link)->stream, ERROR_CANCELLED);
    }
    if (links->is_listening) {
        uv_close((uv_handle_t *)&links->listener, on_listener_closed);
    } else {
        links_uv_free_if_done(links);
    }
}

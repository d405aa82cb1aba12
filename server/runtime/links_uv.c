/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer is a broker with a node id and at most one open stream. A dialer is an address that we
 * keep calling, a peer's or a seed's. Whose a stream is, its hello tells.
 *
 *     dialer: IDLE -> (resolve, connect) -> hello -> its peer's stream is open -> lost -> IDLE
 */
#include "gyre/runtime/links_uv.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/map.h"

#include "runtime/link_hello.h"
#include "runtime/link_strangers.h"
#include "runtime/link_stream.h"

enum {
    CHANNEL_HELLO = 255,
    HOST_BYTES_MAX = 256,
    BACKLOG = 64,
};

static const uint64_t RETRY_US_MIN = 50 * 1000;
static const uint64_t RETRY_US_MAX = 1000 * 1000;
static const uint64_t CONNECT_TIMEOUT_US = 3 * 1000 * 1000;

struct connection {
    struct link_stream stream;
    struct list link; /* links_uv.connections */
    struct links_uv *links;
    struct peer *peer;     /* after the hello; NULL when it lost against another stream */
    struct dialer *dialer; /* NULL: the other side dialled */
    struct timer hello_timeout;
    int32_t dialled_by; /* node id */
};

struct dialer {
    struct list link; /* links_uv.seeds, or alone in a peer */
    struct links_uv *links;
    struct connection *connection;
    struct timer retry;
    uint64_t retry_us;
    uv_getaddrinfo_t resolve;
    bool is_resolving;
    bool is_dropped; /* free it as soon as nothing is in flight */
    bool is_self;    /* our own address: nobody else is there */
    int32_t peer_id; /* -1: a seed nobody has answered yet */
    char host[HOST_BYTES_MAX];
    uint16_t port;
};

struct peer {
    struct map_link by_id;
    int32_t id;
    struct connection *open;
    struct dialer *dialer; /* owned; NULL without an address */
};

struct links_uv {
    struct links base;
    uv_loop_t *uv;
    struct loop *loop;
    struct links_uv_options options;
    links_uv_admit admit;
    void *admit_context;
    struct link_receiver receivers[LINK_CHANNEL_COUNT];
    struct map peers;
    struct list seeds;
    struct list connections;
    uv_tcp_t listener;
    bool is_listening;
    bool is_closing;
    int resolving_count;
    struct link_strangers strangers;
    void (*closed)(void *context);
    void *closed_context;
};

static const struct link_stream_events stream_events;

static struct links_uv *from_base(const struct links *links)
{
    return CONTAINER_OF(links, struct links_uv, base);
}

static struct connection *from_stream(struct link_stream *stream)
{
    return CONTAINER_OF(stream, struct connection, stream);
}

static struct peer *find_peer(const struct links_uv *links, int32_t id)
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
    struct peer *peer = find_peer(links, id);

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
        connection->dialer->retry_us = RETRY_US_MIN;
    }
    return admit(connection, get_peer(links, hello.node_id));
}

/* ---- events of a stream ---- */

static void on_connected(struct link_stream *stream)
{
    send_hello(from_stream(stream));
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

static void free_links_if_done(struct links_uv *links);

static void free_dialer_if_done(struct dialer *dialer)
{
    if (dialer->is_dropped && !dialer->is_resolving && dialer->connection == NULL) {
        timer_stop(dialer->links->loop, &dialer->retry);
        list_remove(&dialer->link);
        free(dialer);
    }
}

static void retry_later(struct dialer *dialer)
{
    if (dialer->is_dropped || dialer->is_self || dialer->links->is_closing) {
        free_dialer_if_done(dialer);
        return;
    }
    timer_start(dialer->links->loop, &dialer->retry, dialer->retry_us);
    dialer->retry_us = dialer->retry_us * 2 > RETRY_US_MAX ? RETRY_US_MAX : dialer->retry_us * 2;
}

static void on_closed(struct link_stream *stream, enum error reason)
{
    struct connection *connection = from_stream(stream);
    struct links_uv *links = connection->links;
    struct dialer *dialer = connection->dialer;

    (void)reason;
    timer_stop(links->loop, &connection->hello_timeout);
    link_strangers_remove(&links->strangers, stream);
    lose_peer(connection);
    list_remove(&connection->link);
    free(connection);
    if (dialer != NULL) {
        dialer->connection = NULL;
        retry_later(dialer);
    }
    free_links_if_done(links);
}

static const struct link_stream_events stream_events = {on_connected, on_frame, on_closed};

static void on_hello_timeout(struct timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, hello_timeout);

    link_stream_close(&connection->stream, ERROR_TIMEOUT);
}

static struct connection *connection_new(struct links_uv *links, struct dialer *dialer)
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

/* ---- dialling ---- */

static void on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *addresses)
{
    struct dialer *dialer = CONTAINER_OF(resolve, struct dialer, resolve);
    struct links_uv *links = dialer->links;

    dialer->is_resolving = false;
    links->resolving_count--;
    if (status != 0 || dialer->is_dropped || links->is_closing) {
        uv_freeaddrinfo(addresses);
        retry_later(dialer);
        free_links_if_done(links);
        return;
    }
    dialer->connection = connection_new(links, dialer);
    link_stream_connect(&dialer->connection->stream, dialer->host, addresses->ai_addr);
    uv_freeaddrinfo(addresses);
}

static bool is_needed(const struct dialer *dialer)
{
    const struct peer *peer;

    if (dialer->is_self || dialer->is_dropped || dialer->links->is_closing) {
        return false;
    }
    peer = dialer->peer_id < 0 ? NULL : find_peer(dialer->links, dialer->peer_id);
    return peer == NULL || peer->open == NULL;
}

static void dial(struct timer *timer)
{
    struct dialer *dialer = CONTAINER_OF(timer, struct dialer, retry);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];

    if (dialer->is_resolving || dialer->connection != NULL) {
        return;
    }
    if (!is_needed(dialer)) {
        timer_start(dialer->links->loop, &dialer->retry, RETRY_US_MAX); /* look again */
        return;
    }
    (void)snprintf(port, sizeof port, "%u", dialer->port);
    if (uv_getaddrinfo(dialer->links->uv, &dialer->resolve, on_resolved, dialer->host, port,
                       &hints) != 0) {
        retry_later(dialer);
        return;
    }
    dialer->is_resolving = true;
    dialer->links->resolving_count++;
}

static struct dialer *dialer_new(struct links_uv *links, const char *host, uint16_t port)
{
    struct dialer *dialer = check_alloc_zero(sizeof *dialer);

    dialer->links = links;
    dialer->peer_id = -1;
    dialer->port = port;
    dialer->retry_us = RETRY_US_MIN;
    (void)snprintf(dialer->host, sizeof dialer->host, "%s", host);
    list_init(&dialer->link);
    timer_init(&dialer->retry, dial);
    timer_start(links->loop, &dialer->retry, 0);
    return dialer;
}

static void drop_dialer(struct dialer *dialer)
{
    dialer->is_dropped = true;
    timer_stop(dialer->links->loop, &dialer->retry);
    if (dialer->connection != NULL && dialer->connection->peer == NULL) {
        link_stream_close(&dialer->connection->stream, ERROR_CANCELLED);
    }
    free_dialer_if_done(dialer);
}

void links_uv_add_seed(struct links *base, const char *host, uint16_t port)
{
    list_append(&from_base(base)->seeds, &dialer_new(from_base(base), host, port)->link);
}

/* ---- listening ---- */

static void on_connection(uv_stream_t *listener, int status)
{
    struct links_uv *links = CONTAINER_OF(listener, struct links_uv, listener);
    struct connection *connection;

    if (status != 0 || links->is_closing) {
        return;
    }
    connection = connection_new(links, NULL);
    link_strangers_add(&links->strangers, &connection->stream);
    if (link_stream_accept(&connection->stream, listener) != ERROR_NONE) {
        link_stream_close(&connection->stream, ERROR_IO);
    }
}

enum error links_uv_listen(struct links *base, const char *host, uint16_t port, uint16_t *out_port)
{
    struct links_uv *links = from_base(base);
    struct sockaddr_storage address;
    int length = sizeof address;

    if (uv_ip4_addr(host, port, (struct sockaddr_in *)(void *)&address) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)(void *)&address) != 0) {
        return ERROR_INVALID;
    }
    CHECK(uv_tcp_init(links->uv, &links->listener) == 0);
    links->is_listening = true;
    int status = uv_tcp_bind(&links->listener, (struct sockaddr *)&address, 0);
    if (status != 0 ||
        (status = uv_listen((uv_stream_t *)&links->listener, BACKLOG, on_connection)) != 0) {
        return status == UV_EADDRINUSE ? ERROR_EXISTS : ERROR_IO;
    }
    CHECK(uv_tcp_getsockname(&links->listener, (struct sockaddr *)&address, &length) == 0);
    *out_port = ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
    return ERROR_NONE;
}

/* ---- the links as their users see them ---- */

static enum error send_frame(struct links *base, int32_t id, enum link_channel channel,
                             const struct buffer_slice *slices, int slice_count)
{
    struct links_uv *links = from_base(base);
    struct peer *peer = find_peer(links, id);
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
    const struct peer *peer = find_peer(from_base(base), id);

    return peer != NULL && peer->open != NULL && !peer->open->stream.is_closing;
}

static size_t queued_bytes(const struct links *base, int32_t id)
{
    const struct peer *peer = find_peer(from_base(base), id);

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
        drop_dialer(peer->dialer);
        peer->dialer = NULL;
    }
    if (host == NULL) {
        if (peer->open != NULL) {
            link_stream_close(&peer->open->stream, ERROR_CANCELLED);
        }
        return;
    }
    peer->dialer = dialer_new(links, host, port);
    peer->dialer->peer_id = id;
}

static void reset(struct links *base, int32_t id)
{
    const struct peer *peer = find_peer(from_base(base), id);

    if (peer != NULL && peer->open != NULL) {
        link_stream_close(&peer->open->stream, ERROR_MALFORMED);
    }
}

static const struct links_operations operations = {
    .send = send_frame,
    .is_up = is_up,
    .queued_bytes = queued_bytes,
    .set_receiver = set_receiver,
    .set_peer = set_peer,
    .reset = reset,
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

static void free_links_if_done(struct links_uv *links)
{
    if (!links->is_closing || links->is_listening || links->resolving_count > 0 ||
        !list_is_empty(&links->connections)) {
        return;
    }
    list_for_each_safe(link, &links->seeds) {
        drop_dialer(list_entry(link, struct dialer, link));
    }
    map_for_each_safe(entry, &links->peers) {
        struct peer *peer = CONTAINER_OF(entry, struct peer, by_id);

        if (peer->dialer != NULL) {
            drop_dialer(peer->dialer);
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
    free_links_if_done(links);
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
        free_links_if_done(links);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What links_uv.c and link_dialer.c share. A dialer is an address that we keep calling: the peer's
 * own, or a seed's, whose node id the first hello tells.
 *
 *     dialer: IDLE -> (resolve, connect) -> hello -> its peer's stream is open -> lost -> IDLE
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_RUNTIME_LINK_DIALER_H
#define GYRE_RUNTIME_LINK_DIALER_H

#include "gyre/base/map.h"
#include "gyre/runtime/links_uv.h"
#include "gyre/runtime/loop.h"

#include "runtime/link_strangers.h"

enum {
    LINK_DIALER_HOST_BYTES_MAX = 256,
    LINK_DIALER_RETRY_US_MIN = 50 * 1000,
    LINK_DIALER_RETRY_US_MAX = 1000 * 1000,
};

struct link_dialer;
struct peer;

struct connection {
    struct link_stream stream;
    struct list link; /* links_uv.connections */
    struct links_uv *links;
    struct peer *peer;          /* after the hello; NULL when it lost against another stream */
    struct link_dialer *dialer; /* NULL: the other side dialled */
    struct timer hello_timeout;
    int32_t dialled_by; /* node id */
};

struct link_dialer {
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
    char host[LINK_DIALER_HOST_BYTES_MAX];
    uint16_t port;
};

struct peer {
    struct map_link by_id;
    int32_t id;
    struct connection *open;
    struct link_dialer *dialer; /* owned; NULL without an address */
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

struct peer *links_uv_find_peer(const struct links_uv *links, int32_t id); /* NULL: none */
struct connection *links_uv_connection_new(struct links_uv *links, struct link_dialer *dialer);
void links_uv_free_if_done(struct links_uv *links);

/* Calls at once, and again until it is dropped. */
struct link_dialer *link_dialer_new(struct links_uv *links, const char *host, uint16_t port);
/* It is freed when nothing of it is in flight. */
void link_dialer_drop(struct link_dialer *dialer);
/* Its stream was lost, or did not come about. */
void link_dialer_retry(struct link_dialer *dialer);

#endif

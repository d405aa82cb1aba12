/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links carry frames between the brokers of a region: one ordered stream a pair, with several
 * channels on it. What was sent on a link arrives in order or the link goes down; after it is up
 * again nothing of before arrives. gyred has TCP (links_uv.h), the simulator a network of its own.
 *
 * A receiver's frame is borrowed for the length of the call; it may keep slices by reference.
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_RUNTIME_LINKS_H
#define GYRE_RUNTIME_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/buffer.h"
#include "gyre/base/error.h"

enum link_channel {
    LINK_RAFT, /* consensus messages and shard heartbeats */
    LINK_RPC,  /* requests and answers between brokers (rpc.h) */
    LINK_CHANNEL_COUNT,
};

enum { LINK_FRAME_BYTES_MAX = 64 * 1024 * 1024, LINK_SLICES_MAX = 512 };

struct link_receiver {
    /* A frame of `peer`. */
    void (*frame)(void *context, int32_t peer, struct buffer_slice frame);
    /* The link came up, or went down: everything in flight is lost. */
    void (*up)(void *context, int32_t peer);
    void (*down)(void *context, int32_t peer);
    void *context;
};

struct links;
struct links_operations {
    /* Takes the slices' references, also on failure. */
    enum error (*send)(struct links *links, int32_t peer, enum link_channel channel,
                       const struct buffer_slice *slices, int slice_count);
    bool (*is_up)(const struct links *links, int32_t peer);
    /* Bytes handed to the link and not yet to the network: flow control for senders. */
    size_t (*queued_bytes)(const struct links *links, int32_t peer);
    void (*set_receiver)(struct links *links, enum link_channel channel,
                         const struct link_receiver *receiver);
    /* Keep a link to this broker; called again when its address changes. NULL host: drop it. */
    void (*set_peer)(struct links *links, int32_t peer, const char *host, uint16_t port);
    /* What this peer sends makes no sense: break the link, after this call, and make it anew. */
    void (*reset)(struct links *links, int32_t peer);
    /* The broker that answered at a seed's address, which may be ourselves; -1: nobody yet. */
    int32_t (*seed_node)(const struct links *links, const char *host, uint16_t port);
};

/* The first member of every kind of links. */
struct links {
    const struct links_operations *operations;
    int32_t self; /* our node id */
};

/* CLOSED when the link is down; LIMIT when the frame is too large. */
MUST_USE
static inline enum error links_send(struct links *links, int32_t peer, enum link_channel channel,
                                    const struct buffer_slice *slices, int slice_count)
{
    return links->operations->send(links, peer, channel, slices, slice_count);
}

static inline bool links_is_up(const struct links *links, int32_t peer)
{
    return links->operations->is_up(links, peer);
}

#endif

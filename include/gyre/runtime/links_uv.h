/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links over TCP. One stream for each pair of brokers: whoever needs it dials; where both did, the
 * stream dialled by the smaller node id stays. Both sides begin with a hello that names cluster,
 * node and process, so that a stranger is refused before the first frame.
 *
 *     frame: u32 length of what follows | u8 channel | payload        (little-endian)
 *
 * With a guard all of this is private, and the other side proves that it belongs here before it.
 *
 * Seeds are addresses without a node id: they are dialled until the hello tells who is there.
 */
#ifndef GYRE_RUNTIME_LINKS_UV_H
#define GYRE_RUNTIME_LINKS_UV_H

#include <uv.h>

#include "gyre/base/uuid.h"
#include "gyre/runtime/links.h"

struct link_guard;
struct loop;

struct links_uv_options {
    int32_t node_id;
    uint64_t incarnation;     /* of this process: a peer sees a restart by it */
    struct uuid cluster_id;   /* zero while the region is not formed */
    size_t queued_bytes_max;  /* a link whose queue passes this goes down */
    struct link_guard *guard; /* borrowed until the links are closed; NULL: plaintext */
};

/* Refuse a peer after its hello: anything but NULL is the reason, for the log. `is_dialled`: we
 * went to it, as a seed or as a broker that the catalog knows. */
typedef const char *(*links_uv_admit)(void *context, int32_t peer, struct uuid cluster_id,
                                      bool is_dialled);

MUST_USE
enum error links_uv_new(uv_loop_t *uv, struct loop *loop, const struct links_uv_options *options,
                        struct links **out_links);
void links_uv_set_admission(struct links *base, links_uv_admit admit_peer, void *context);
void links_uv_set_cluster_id(struct links *base, struct uuid cluster_id);

/* The guard may believe others than before: asks it about every peer that is in, and closes the
 * streams of those who would not be let in today. */
void links_uv_check_peers(struct links *base);

/* Listen for peers (socket_address.h): before the loop runs. EXISTS: another process has the port;
 * NOT_FOUND: nobody knows a host of this name. */
MUST_USE
enum error links_uv_listen(struct links *links, const char *host, uint16_t port,
                           uint16_t *out_port);
/* Keep dialling this address until somebody answers there, and again when that link is lost. */
void links_uv_add_seed(struct links *base, const char *host, uint16_t port);

/* Close everything, then call closed(context); the object is gone when it is called. */
void links_uv_close(struct links *base, void (*closed)(void *context), void *context);

#endif

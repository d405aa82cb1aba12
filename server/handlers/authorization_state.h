/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an authorization: authorization_open.c makes it, authorization.c uses it. */
#ifndef GYRE_HANDLERS_AUTHORIZATION_STATE_H
#define GYRE_HANDLERS_AUTHORIZATION_STATE_H

#include "gyre/metadata/catalog.h"

struct authorization {
    struct catalog *catalog;         /* borrowed */
    struct stream_policies *streams; /* owned */
    struct authorizer *authorizer;   /* owned */
    struct catalog_listener listener;
    int32_t node_id;
    uint64_t incarnation;
    bool is_ready;
    bool are_streams_stale;
    void (*take_streams)(struct authorization *authorization); /* from the catalog */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The client's inside, for its own files. */
#ifndef GYRE_CLIENT_CLIENT_PRIVATE_H
#define GYRE_CLIENT_CLIENT_PRIVATE_H

#include "gyre/client/client.h"

#include "client/metadata_cache.h"

enum { CLIENT_REFUSAL_BYTES = 256, CLIENT_TROUBLE_BYTES = 320 };

struct client {
    uv_loop_t *uv;
    struct loop *loop;
    struct client_options options;
    char *client_id; /* owned */
    struct client_secrets {
        char *texts[4]; /* owned, cleansed: what options.credentials points to */
    } secrets;
    char refusal[CLIENT_REFUSAL_BYTES];
    char trouble[CLIENT_TROUBLE_BYTES];
    char *tls_input; /* owned; NULL before the first bytes of TLS */

    struct list connections; /* owned; the bootstrap list's and those of nodes, by address */
    struct client_connection **bootstrap; /* borrowed from the list */
    int bootstrap_count;
    int bootstrap_next;
    struct metadata_cache metadata;

    struct list finished; /* calls whose done() is due */
    struct task finish;

    bool is_closing;
    void (*closed)(void *context);
    void *closed_context;
};

/* The call leaves its connection; its done() runs later in this turn. */
void client_finish(struct client_call *call, enum error error);

/* A connection has become idle. */
void client_connection_is_idle(struct client *client);

#endif

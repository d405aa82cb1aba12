/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the admin port know of each other. Thread: the shard's own. */
#ifndef GYRE_NETWORK_ADMIN_HTTP_INTERNAL_H
#define GYRE_NETWORK_ADMIN_HTTP_INTERNAL_H

#include "gyre/runtime/loop.h"

#include "network/admin_http.h"

struct admin_http_route {
    const char *path;
    admin_http_respond respond;
    void *context;
};

struct admin_http {
    struct admin_http_options options;
    struct admin_http_route routes[ADMIN_HTTP_ROUTES_MAX];
    int route_count;
    uv_tcp_t listener;
    bool is_listening;
    char ciphertext[16 * 1024]; /* what was read last, of any connection */
    struct list connections;    /* struct admin_connection */
    int connection_count;
    bool is_closing;
    struct task finish;
    void (*closed)(void *context);
    void *closed_context;
};

/* Asks the route of this path, or answers 404. */
void admin_http_route_request(struct admin_http *admin, const char *path,
                              struct admin_http_answer *answer);
void admin_http_answer_text(struct admin_http_answer *answer, int status, const char *text);
void admin_http_check_closed(struct admin_http *admin);

/* /, /livez, /readyz, /metrics. */
void admin_health_add_routes(struct admin_http *admin);

#endif

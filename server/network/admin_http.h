/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin port: health and metrics for machines, later the console for people. HTTP/1.1, GET and
 * HEAD, one answer a connection; http-parser reads it.
 *
 *     /          a page with links to the others, until there is a console
 *     /livez     200 while the loop turns
 *     /readyz    200, or 503 with the reason, as JSON
 *     /metrics   Prometheus
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_NETWORK_ADMIN_HTTP_H
#define GYRE_NETWORK_ADMIN_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gyre/base/error.h"
#include "gyre/config/config.h"

struct admin_http;
struct loop;
struct metrics;
struct tls_source;

enum {
    ADMIN_HTTP_CONNECTIONS_MAX = 64,
    ADMIN_HTTP_HEAD_BYTES_MAX = 8192,
    ADMIN_HTTP_PATH_BYTES_MAX = 1024,
    ADMIN_HTTP_TIMEOUT_MS = 10000,
    ADMIN_HTTP_ROUTES_MAX = 64,
};

/* What a route fills in. `body` is taken and freed with free(). */
struct admin_http_answer {
    int status;
    const char *content_type; /* static */
    char *body;
    size_t body_length;
};

/* `path` is what stood in the request, without the query. */
typedef void (*admin_http_respond)(void *context, const char *path,
                                   struct admin_http_answer *answer);

struct admin_http_options {
    uv_loop_t *uv;
    struct loop *loop;
    struct metrics *metrics;
    struct tls_source *tls;                                   /* borrowed; NULL: plaintext */
    bool (*is_ready)(void *context, const char **out_reason); /* NULL: always */
    void (*describe)(void *context, json_t *body); /* adds to what /readyz says; NULL: nothing */
    void *context;
};

struct admin_http *admin_http_new(const struct admin_http_options *options);

/* A path that ends in '/' stands for all below it; the longest one decides. `path` is borrowed. */
void admin_http_add_route(struct admin_http *admin, const char *path, admin_http_respond respond,
                          void *context);

/* As network_listen(). */
MUST_USE
enum error admin_http_listen(struct admin_http *admin, const struct config_endpoint *endpoint,
                             char *message, uint16_t *out_port);

/* Closes everything and frees itself; closed(context) afterwards. */
void admin_http_close(struct admin_http *admin, void (*closed)(void *context), void *context);

#endif

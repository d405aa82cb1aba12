/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request and its answer. Thread: the shard's own. Private to network/. */
#ifndef GYRE_NETWORK_ADMIN_CONNECTION_H
#define GYRE_NETWORK_ADMIN_CONNECTION_H

#include <http_parser.h>
#include <uv.h>

#include "gyre/base/buffer.h"
#include "gyre/runtime/loop.h"

#include "network/admin_http.h"

struct tls_stream;

struct admin_connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct admin_http *admin;
    struct list link;
    struct timer timeout;
    http_parser parser;
    size_t head_bytes;
    char path[ADMIN_HTTP_PATH_BYTES_MAX];
    size_t path_length;
    bool is_path_too_long;
    bool is_asked; /* the request is whole */
    bool is_answered;
    bool is_closing;
    struct tls_stream *tls;         /* owned; NULL: plaintext */
    struct buffer_slice ciphertext; /* the answer on its way */
    char input[4096];
    char head[512];
    struct admin_http_answer answer; /* its body is owned */
};

void admin_connection_accept(struct admin_http *admin);
void admin_connection_close(struct admin_connection *connection);

#endif

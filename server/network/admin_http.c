/* SPDX-License-Identifier: Apache-2.0 */
#include "network/admin_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/observe/log.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/socket_address.h"

#include "network/admin_connection.h"
#include "network/admin_http_internal.h"

/* ---- routes ---- */

void admin_http_add_route(struct admin_http *admin, const char *path, admin_http_respond respond,
                          void *context)
{
    CHECK(admin->route_count < ADMIN_HTTP_ROUTES_MAX);
    admin->routes[admin->route_count++] =
        (struct admin_http_route){.path = path, .respond = respond, .context = context};
}

static size_t match(const char *route, const char *path)
{
    size_t length = strlen(route);

    if (length > 0 && route[length - 1] == '/') {
        return strncmp(route, path, length) == 0 ? length : 0;
    }
    return strcmp(route, path) == 0 ? length + 1 : 0;
}

void admin_http_answer_text(struct admin_http_answer *answer, int status, const char *text)
{
    answer->status = status;
    answer->content_type = "text/plain; charset=utf-8";
    answer->body_length = strlen(text);
    answer->body = check_alloc(answer->body_length + 1);
    memcpy(answer->body, text, answer->body_length + 1);
}

void admin_http_route_request(struct admin_http *admin, const char *path,
                              struct admin_http_answer *answer)
{
    const struct admin_http_route *best = NULL;
    size_t best_length = 0;

    for (int i = 0; i < admin->route_count; i++) {
        size_t length = match(admin->routes[i].path, path);

        if (length > best_length) {
            best_length = length;
            best = &admin->routes[i];
        }
    }
    if (best == NULL) {
        admin_http_answer_text(answer, 404, "not found\n");
        return;
    }
    best->respond(best->context, path, answer);
}

/* ---- life ---- */

static void finish(struct task *task)
{
    struct admin_http *admin = CONTAINER_OF(task, struct admin_http, finish);
    void (*closed)(void *context) = admin->closed;
    void *context = admin->closed_context;

    free(admin);
    closed(context);
}

void admin_http_check_closed(struct admin_http *admin)
{
    if (admin->is_closing && admin->connection_count == 0 && !admin->is_listening) {
        loop_defer(admin->options.loop, &admin->finish);
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct admin_http *admin = CONTAINER_OF(handle, struct admin_http, listener);

    admin->is_listening = false;
    admin_http_check_closed(admin);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct admin_http *admin = CONTAINER_OF(server, struct admin_http, listener);

    if (status == 0) {
        admin_connection_accept(admin);
    }
}

struct admin_http *admin_http_new(const struct admin_http_options *options)
{
    struct admin_http *admin = check_alloc_zero(sizeof *admin);

    admin->options = *options;
    list_init(&admin->connections);
    task_init(&admin->finish, finish);
    admin_health_add_routes(admin);
    return admin;
}

enum error admin_http_listen(struct admin_http *admin, const struct config_endpoint *endpoint,
                             char *message, uint16_t *out_port)
{
    int status;

    CHECK(!admin->is_listening);
    CHECK(uv_tcp_init(admin->options.uv, &admin->listener) == 0);
    admin->is_listening = true;
    status = socket_address_bind(&admin->listener, endpoint->host, endpoint->port);
    if (status == 0) {
        status =
            uv_listen((uv_stream_t *)&admin->listener, ADMIN_HTTP_CONNECTIONS_MAX, on_connection);
    }
    if (status != 0) {
        (void)snprintf(message, 256, "cannot listen on %.120s:%d (gyre.admin.listeners): %.40s",
                       endpoint->host, endpoint->port, uv_strerror(status));
        return ERROR_IO; /* admin_http_close() closes the socket */
    }
    *out_port = socket_address_port(&admin->listener);
    log_info(LOG_NETWORK, "listening", field_string("listener", "admin"),
             field_string("host", endpoint->host), field_i64("port", *out_port));
    return ERROR_NONE;
}

void admin_http_close(struct admin_http *admin, void (*closed)(void *context), void *context)
{
    CHECK(!admin->is_closing);
    admin->is_closing = true;
    admin->closed = closed;
    admin->closed_context = context;
    if (admin->is_listening) {
        uv_close((uv_handle_t *)&admin->listener, on_listener_closed);
    }
    list_for_each_safe(link, &admin->connections) {
        admin_connection_close(list_entry(link, struct admin_connection, link));
    }
    admin_http_check_closed(admin);
}

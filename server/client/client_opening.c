/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_opening.h"

#include <stdio.h>

#include "gyre/base/check.h"

#include "client/client_private.h"
#include "client/client_tls.h"

static void try_next_address(struct client_connection *connection);

static void release_addresses(struct client_connection *connection)
{
    uv_freeaddrinfo(connection->addresses);
    connection->addresses = NULL;
    connection->next_address = NULL;
}

void client_opening_tell(struct client_connection *connection, const char *event, int status)
{
    struct client *client = connection->client;

    (void)snprintf(client->trouble, sizeof client->trouble, "%.150s:%d %s%s%s", connection->host,
                   connection->port, event, status == 0 || status == UV_EOF ? "" : ": ",
                   status == 0 || status == UV_EOF ? "" : uv_strerror(status));
}

static void on_tcp_closed(uv_handle_t *handle)
{
    struct client_connection *connection = handle->data;

    if (connection->state == CLIENT_CONNECTION_CLOSING) {
        client_connection_idle(connection);
    } else {
        try_next_address(connection);
    }
}

static void on_connected(uv_connect_t *request, int status)
{
    struct client_connection *connection = CONTAINER_OF(request, struct client_connection, connect);
    enum error error;

    if (connection->state != CLIENT_CONNECTION_CONNECTING) {
        return; /* it is being closed */
    }
    if (status < 0) {
        client_opening_tell(connection, "cannot be reached", status);
        uv_close((uv_handle_t *)&connection->tcp, on_tcp_closed); /* then the next address */
        return;
    }
    release_addresses(connection);
    (void)uv_tcp_nodelay(&connection->tcp, 1);
    error = client_connection_listen(connection);
    if (error == ERROR_NONE && connection->client->options.tls != NULL) {
        connection->state = CLIENT_CONNECTION_SECURING;
        error = client_tls_begin(connection);
    } else if (error == ERROR_NONE) {
        client_connection_greet(connection);
    }
    if (error != ERROR_NONE) {
        client_connection_fail(connection, error);
    }
}

/* No handle is open here. */
static void give_up(struct client_connection *connection)
{
    release_addresses(connection);
    connection->state = CLIENT_CONNECTION_IDLE;
    client_connection_fail(connection, ERROR_CLOSED);
    client_connection_idle(connection);
}

static void try_next_address(struct client_connection *connection)
{
    struct addrinfo *address = connection->next_address;
    int status;

    if (address == NULL) {
        give_up(connection);
        return;
    }
    connection->next_address = address->ai_next;
    CHECK(uv_tcp_init(connection->client->uv, &connection->tcp) == 0);
    connection->tcp.data = connection;
    status = uv_tcp_connect(&connection->connect, &connection->tcp, address->ai_addr, on_connected);
    if (status != 0) {
        client_opening_tell(connection, "cannot be reached", status);
        uv_close((uv_handle_t *)&connection->tcp, on_tcp_closed);
    }
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct client_connection *connection = CONTAINER_OF(request, struct client_connection, lookup);

    if (connection->state == CLIENT_CONNECTION_CLOSING) {
        uv_freeaddrinfo(addresses);
        client_connection_idle(connection);
        return;
    }
    if (status != 0) {
        client_opening_tell(connection, "cannot be resolved", status);
    }
    connection->state = CLIENT_CONNECTION_CONNECTING;
    connection->addresses = status == 0 ? addresses : NULL;
    connection->next_address = connection->addresses;
    try_next_address(connection);
}

void client_opening_begin(struct client_connection *connection)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[16];
    int status;

    (void)snprintf(port, sizeof port, "%d", connection->port);
    connection->state = CLIENT_CONNECTION_RESOLVING;
    status = uv_getaddrinfo(connection->client->uv, &connection->lookup, on_resolved,
                            connection->host, port, &hints);
    if (status != 0) {
        client_opening_tell(connection, "cannot be resolved", status);
        connection->state = CLIENT_CONNECTION_IDLE;
        client_connection_fail(connection, ERROR_CLOSED);
    }
}

void client_opening_end(struct client_connection *connection, enum client_connection_state state)
{
    if (state == CLIENT_CONNECTION_RESOLVING) {
        (void)uv_cancel((uv_req_t *)&connection->lookup); /* on_resolved() comes either way */
        return;
    }
    release_addresses(connection);
    if (!uv_is_closing((uv_handle_t *)&connection->tcp)) {
        uv_close((uv_handle_t *)&connection->tcp, on_tcp_closed);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/client/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/tls/tls_context.h"

#include "client/client_connection.h"
#include "client/client_opening.h"
#include "client/client_private.h"
#include "client/client_sasl.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/metadata.h"

enum {
    BOOTSTRAP_MAX = 64,
    PORT_MAX = 65535,
    PORT_DEFAULT = 9092,
    US_PER_MS = 1000,
    ARENA_FACTOR = 4, /* what a decoded answer may take, for each of its bytes */
};

/* ---- life ---- */

/* "host", "host:port" or "[address]:port" of `length` bytes. */
static enum error parse_address(const char *text, size_t length, char host[CLIENT_HOST_BYTES],
                                int32_t *out_port)
{
    const char *colon = memrchr(text, ':', length);
    size_t host_length = colon == NULL ? length : (size_t)(colon - text);
    char *end;
    long port = PORT_DEFAULT;

    if (colon != NULL) {
        port = strtol(colon + 1, &end, 10);
        if (end != text + length || end == colon + 1 || port < 1 || port > PORT_MAX) {
            return ERROR_INVALID;
        }
    }
    if (host_length >= 2 && text[0] == '[' && text[host_length - 1] == ']') {
        text++;
        host_length -= 2;
    }
    if (host_length == 0 || host_length >= CLIENT_HOST_BYTES) {
        return ERROR_INVALID;
    }
    memcpy(host, text, host_length);
    host[host_length] = '\0';
    *out_port = (int32_t)port;
    return ERROR_NONE;
}

static struct client_connection *get_connection(struct client *client, const char *host,
                                                int32_t port)
{
    struct client_connection *connection;

    list_for_each(link, &client->connections) {
        connection = list_entry(link, struct client_connection, link);
        if (connection->port == port && strcmp(connection->host, host) == 0) {
            return connection;
        }
    }
    connection = client_connection_new(client, host, port);
    list_append(&client->connections, &connection->link);
    return connection;
}

static enum error parse_bootstrap(struct client *client, const char *text)
{
    client->bootstrap = check_alloc_zero(BOOTSTRAP_MAX * sizeof client->bootstrap[0]);
    while (*text != '\0') {
        char host[CLIENT_HOST_BYTES];
        size_t length = strcspn(text, ",");
        int32_t port;
        enum error error = parse_address(text, length, host, &port);

        if (error != ERROR_NONE || client->bootstrap_count == BOOTSTRAP_MAX) {
            return ERROR_INVALID;
        }
        client->bootstrap[client->bootstrap_count++] = get_connection(client, host, port);
        text += length + (text[length] == ',');
    }
    return client->bootstrap_count > 0 ? ERROR_NONE : ERROR_INVALID;
}

static void run_finished(struct task *task);

enum error client_new(uv_loop_t *uv, struct loop *loop, const struct client_options *options,
                      struct client **out_client)
{
    struct client *client = check_alloc_zero(sizeof *client);
    enum error error;

    CHECK(options->response_bytes_max <= INT32_MAX);
    client->uv = uv;
    client->loop = loop;
    client->options = *options;
    if (options->tls != NULL) {
        (void)tls_context_ref(options->tls);
    }
    client->client_id = strdup(options->client_id);
    CHECK(client->client_id != NULL);
    list_init(&client->connections);
    list_init(&client->finished);
    client_sasl_keep(client);
    task_init(&client->finish, run_finished);
    metadata_cache_init(&client->metadata);
    error = parse_bootstrap(client, options->bootstrap);
    if (error != ERROR_NONE) {
        client_free(client);
        return error;
    }
    *out_client = client;
    return ERROR_NONE;
}

void client_free(struct client *client)
{
    if (client == NULL) {
        return;
    }
    CHECK(list_is_empty(&client->finished));
    list_for_each_safe(link, &client->connections) {
        client_connection_free(list_entry(link, struct client_connection, link));
    }
    task_cancel(&client->finish);
    metadata_cache_release(&client->metadata);
    tls_context_unref(client->options.tls);
    free(client->tls_input);
    free(client->bootstrap);
    free(client->client_id);
    client_sasl_forget(client);
    free(client);
}

const char *client_refusal(const struct client *client)
{
    return client->refusal;
}

const char *client_trouble(const struct client *client)
{
    return client->trouble;
}

static bool is_quiet(const struct client *client)
{
    list_for_each(link, &client->connections) {
        if (list_entry(link, struct client_connection, link)->state != CLIENT_CONNECTION_IDLE) {
            return false;
        }
    }
    return list_is_empty(&client->finished);
}

void client_connection_is_idle(struct client *client)
{
    if (client->is_closing) {
        loop_defer(client->loop, &client->finish);
    }
}

void client_close(struct client *client, void (*closed)(void *context), void *context)
{
    CHECK(!client->is_closing);
    client->is_closing = true;
    client->closed = closed;
    client->closed_context = context;
    list_for_each(link, &client->connections) {
        client_connection_fail(list_entry(link, struct client_connection, link), ERROR_CANCELLED);
    }
    loop_defer(client->loop, &client->finish);
}

/* ---- calls ---- */

void client_finish(struct client_call *call, enum error error)
{
    timer_stop(call->client->loop, &call->timer);
    list_remove(&call->link);
    call->connection = NULL;
    call->error = error;
    list_append(&call->client->finished, &call->link);
    loop_defer(call->client->loop, &call->client->finish);
}

static void run_finished(struct task *task)
{
    struct client *client = CONTAINER_OF(task, struct client, finish);
    void (*closed)(void *) = client->closed;

    while (!list_is_empty(&client->finished)) {
        struct client_call *call = list_first(&client->finished, struct client_call, link);

        list_remove(&call->link);
        if (call->error == ERROR_NONE && call->api_key == API_METADATA) {
            metadata_cache_learn(&client->metadata, call->response);
        }
        call->done(call, call->error);
    }
    if (client->is_closing && closed != NULL && is_quiet(client)) {
        client->closed = NULL;
        closed(client->closed_context);
    }
}

static void on_timeout(struct timer *timer)
{
    struct client_call *call = CONTAINER_OF(timer, struct client_call, timer);
    struct client_connection *connection = call->connection;

    client_finish(call, ERROR_TIMEOUT);
    if (connection != NULL) {
        if (*client_trouble(connection->client) == '\0') { /* what came before says more */
            client_opening_tell(connection, "does not answer in time", 0);
        }
        client_connection_fail(connection, ERROR_CLOSED);
    }
}

/* An open connection, else the next address that has not been tried for the longest. */
static struct client_connection *choose_any(struct client *client)
{
    list_for_each(link, &client->connections) {
        struct client_connection *connection = list_entry(link, struct client_connection, link);

        if (connection->state == CLIENT_CONNECTION_READY) {
            return connection;
        }
    }
    client->bootstrap_next = (client->bootstrap_next + 1) % client->bootstrap_count;
    return client->bootstrap[client->bootstrap_next];
}

static struct client_connection *choose(struct client *client, int32_t node_id)
{
    const struct client_node *node;

    if (node_id == CLIENT_ANY_NODE) {
        return choose_any(client);
    }
    node = metadata_cache_find_node(&client->metadata, node_id);
    return node == NULL ? NULL : get_connection(client, node->host, node->port);
}

void client_send(struct client *client, struct client_call *call)
{
    uint64_t timeout_ms = call->timeout_ms == 0 ? client->options.timeout_ms : call->timeout_ms;
    struct client_connection *connection;

    call->client = client;
    call->response = NULL;
    call->connection = NULL;
    list_init(&call->link);
    timer_init(&call->timer, on_timeout);
    arena_init(&call->arena, client->options.response_bytes_max * ARENA_FACTOR);
    connection = client->is_closing ? NULL : choose(client, call->node_id);
    if (connection == NULL) {
        client_finish(call, client->is_closing ? ERROR_CANCELLED : ERROR_NOT_FOUND);
        return;
    }
    timer_start(client->loop, &call->timer, timeout_ms * US_PER_MS);
    client_connection_send(connection, call);
}

void client_call_release(struct client_call *call)
{
    arena_release(&call->arena);
    call->response = NULL;
}

/* ---- what is known ---- */

int client_node_count(const struct client *client)
{
    return client->metadata.node_count;
}

const struct client_node *client_node_at(const struct client *client, int index)
{
    CHECK(index >= 0);
    CHECK(index < client->metadata.node_count);
    return &client->metadata.nodes[index];
}

int32_t client_find_leader(const struct client *client, struct string topic, int32_t partition)
{
    return metadata_cache_find_leader(&client->metadata, topic, partition);
}

int32_t client_find_partition_count(const struct client *client, struct string topic)
{
    return metadata_cache_find_count(&client->metadata, topic);
}

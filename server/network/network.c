/* SPDX-License-Identifier: Apache-2.0 */
#include "network/network.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/runtime/file_range.h"
#include "gyre/tls/tls_stream.h"

#include "network/connection_rate.h"
#include "network/network_internal.h"
#include "network/session_watch.h"

enum {
    REQUEST_MEMORY_DEFAULT = 256 * 1024 * 1024,
    OUTPUT_BYTES_MAX = 1024 * 1024, /* beyond it a client that does not read gets no more work */
    SWEEP_MS_MAX = 10000,
    STALLED_FRAME_MS = 30000, /* half a frame and no further byte: its memory is wanted back */
    HALF_CLOSED_MS = 30000,   /* who sends nothing more waits no longer for an answer, or is gone */
};

/* Connections from one address. */
struct address_count {
    struct map_link by_host;
    int count;
    char host[CONNECTION_PEER_BYTES_MAX];
};

/* ---- limits ---- */

static struct address_count *find_address(struct network *network, const char *host)
{
    uint64_t hash = hash_bytes(host, strlen(host));

    map_for_each_match(link, &network->addresses, hash) {
        struct address_count *address = CONTAINER_OF(link, struct address_count, by_host);

        if (strcmp(address->host, host) == 0) {
            return address;
        }
    }
    return NULL;
}

static struct address_count *add_address(struct network *network, const char *host)
{
    struct address_count *address = check_alloc_zero(sizeof *address);

    memcpy(address->host, host, strlen(host) + 1);
    map_insert(&network->addresses, &address->by_host, hash_bytes(host, strlen(host)));
    return address;
}

static int most_of_address(const struct network *network, const char *host)
{
    for (int i = 0; i < network->address_limit_count; i++) {
        if (strcmp(network->address_limits[i].host, host) == 0) {
            return network->address_limits[i].connections_max;
        }
    }
    return network->options.connections_per_ip_max;
}

static struct listener_limits *limits_of(struct network *network,
                                         const struct connection *connection)
{
    return &network->listener_limits[connection->info.listener->index];
}

/* The limit that keeps new connections of the listener waiting; NULL: none. */
static const char *full_limit(const struct network *network, const struct listener *listener)
{
    const struct listener_limits *limits = &network->listener_limits[listener->info.index];

    if (network->connection_count >= network->options.connections_max) {
        return "max.connections";
    }
    return limits->connection_count >= limits->connections_max ? "max.connections of the listener"
                                                               : NULL;
}

bool network_has_room(struct network *network, struct listener *listener)
{
    const char *limit = full_limit(network, listener);

    if (limit != NULL && !listener->is_full) {
        log_warning(LOG_NETWORK, "new connections wait", field_string("limit", limit),
                    field_string("listener", listener->name));
        metric_add(network->options.metrics, METRIC_LISTENERS_FULL, 1);
    } else if (limit == NULL && listener->is_full) {
        metric_add(network->options.metrics, METRIC_LISTENERS_FULL, -1);
    }
    listener->is_full = limit != NULL;
    return !listener->is_full;
}

static void on_room(struct task *task)
{
    struct network *network = CONTAINER_OF(task, struct network, room);

    for (int i = 0; i < network->listener_count; i++) {
        struct listener *listener = network->listeners[i];

        if (listener->is_full && !listener->is_closed && network_has_room(network, listener)) {
            connection_accept(listener);
        }
    }
}

/* Those that wait are let in by a turn of its own: this is called amid the end of another. */
static void make_room(struct network *network)
{
    if (!network->is_closing) {
        loop_defer(network->options.loop, &network->room);
    }
}

bool network_admits(struct network *network, struct connection *connection)
{
    const struct network_options *options = &network->options;
    const char *host = connection->info.peer_host;
    struct address_count *address = find_address(network, host);

    if ((address == NULL ? 0 : address->count) >= most_of_address(network, host)) {
        log_warning(
            LOG_NETWORK, "connection refused", field_string("limit", "max.connections.per.ip"),
            field_string("listener", connection->info.listener->name), field_string("peer", host));
        metric_add(options->metrics, METRIC_CONNECTIONS_REFUSED, 1);
        return false;
    }
    if (address == NULL) {
        address = add_address(network, host);
    }
    address->count++;
    limits_of(network, connection)->connection_count++;
    connection->is_counted = true;
    metric_add(options->metrics, METRIC_CONNECTIONS_ACCEPTED, 1);
    metric_add(options->metrics, METRIC_CONNECTIONS, 1);
    return true;
}

void network_forget_connection(struct network *network, struct connection *connection)
{
    list_remove(&connection->link);
    network->connection_count--;
    if (connection->is_counted) {
        struct address_count *address = find_address(network, connection->info.peer_host);

        CHECK(address != NULL);
        limits_of(network, connection)->connection_count--;
        metric_add(network->options.metrics, METRIC_CONNECTIONS, -1);
        if (--address->count == 0) {
            map_remove(&network->addresses, &address->by_host);
            free(address);
        }
    }
    make_room(network);
}

/* ---- silence ---- */

static bool is_overdue(const struct network *network, const struct connection *connection,
                       uint64_t silent_ms)
{
    const struct pipeline *pipeline = &connection->pipeline;
    int64_t idle_max_ms = network->options.idle_max_ms;

    if (silent_ms >= STALLED_FRAME_MS && pipeline_has_partial_frame(pipeline) &&
        pipeline->is_reading) {
        return true;
    }
    if (connection->is_half_closed && silent_ms >= HALF_CLOSED_MS) {
        return true;
    }
    /* A request that waits (a long poll, a join) keeps its connection; answers that the client
     * does not take do not. */
    return idle_max_ms >= 0 && silent_ms >= (uint64_t)idle_max_ms &&
           (pipeline->request_count == 0 || pipeline->output_bytes > 0);
}

static void on_sweep(struct timer *timer)
{
    struct network *network = CONTAINER_OF(timer, struct network, sweep);
    uint64_t now_us = loop_now_us(network->options.loop);
    int64_t idle_max_ms = network->options.idle_max_ms;
    int64_t pause_ms =
        idle_max_ms >= 0 && idle_max_ms / 4 < SWEEP_MS_MAX ? idle_max_ms / 4 : SWEEP_MS_MAX;

    list_for_each_safe(link, &network->connections) {
        struct connection *connection = list_entry(link, struct connection, link);
        uint64_t silent_ms =
            now_us > connection->active_us ? (now_us - connection->active_us) / 1000 : 0;

        if (!connection->is_closing && is_overdue(network, connection, silent_ms)) {
            metric_add(network->options.metrics, METRIC_CONNECTIONS_IDLE_CLOSED, 1);
            connection_close(connection);
        }
    }
    timer_start(network->options.loop, timer, ((uint64_t)pause_ms + 1) * 1000);
}

/* ---- life ---- */

static void finish(struct task *task)
{
    struct network *network = CONTAINER_OF(task, struct network, finish);
    void (*closed)(void *context) = network->closed;
    void *context = network->closed_context;

    for (int i = 0; i < network->listener_count; i++) {
        free(network->listeners[i]);
    }
    map_release(&network->addresses);
    free(network->address_limits);
    connection_rate_stop(network);
    free(network->tls_input);
    free(network->file_piece);
    pipeline_shared_release(&network->shared);
    free(network);
    closed(context);
}

void network_check_closed(struct network *network)
{
    if (network->is_closing && network->connection_count == 0 && network->listeners_open == 0) {
        loop_defer(network->options.loop, &network->finish);
    }
}

void network_options_init(struct network_options *options, const struct broker_config *config)
{
    *options = (struct network_options){
        .frame_bytes_max = config->socket_request_max_bytes,
        .requests_max = config->queued_max_requests,
        .request_memory_max = config->queued_max_request_bytes,
        .idle_max_ms = config->connections_max_idle_ms,
        .connections_max = config->max_connections,
        .connections_per_ip_max = config->max_connections_per_ip,
        .connection_rate_max = config->max_connection_creation_rate,
        .send_buffer_bytes = config->socket_send_buffer_bytes,
        .receive_buffer_bytes = config->socket_receive_buffer_bytes,
        .backlog = config->socket_listen_backlog_size,
    };
}

struct network *network_new(const struct network_options *options)
{
    struct network *network = check_alloc_zero(sizeof *network);
    int64_t memory_max = options->request_memory_max;

    /* A peer that is gone must not end the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    network->options = *options;
    network->shared = (struct pipeline_shared){
        .loop = options->loop,
        .broker = options->broker,
        .table = options->table,
        .metrics = options->metrics,
        .frame_bytes_max = options->frame_bytes_max,
        .requests_max = options->requests_max,
        .output_bytes_max = OUTPUT_BYTES_MAX,
        .request_memory_max = memory_max > 0 ? (size_t)memory_max : REQUEST_MEMORY_DEFAULT,
    };
    pipeline_shared_init(&network->shared);
    list_init(&network->connections);
    map_init(&network->addresses);
    connection_rate_start(network, options->connection_rate_max);
    handshakes_init(&network->handshakes);
    certificate_watch_start(network);
    task_init(&network->finish, finish);
    task_init(&network->recheck, session_watch_recheck);
    task_init(&network->room, on_room);
    timer_init(&network->sweep, on_sweep);
    timer_start(options->loop, &network->sweep, 0);
    return network;
}

uv_buf_t network_tls_input(struct network *network)
{
    if (network->tls_input == NULL) {
        network->tls_input = check_alloc(TLS_INPUT_BYTES_MAX);
    }
    return uv_buf_init(network->tls_input, TLS_INPUT_BYTES_MAX);
}

char *network_file_piece(struct network *network)
{
    if (network->file_piece == NULL) {
        network->file_piece = check_alloc(FILE_PIECE_BYTES);
    }
    return network->file_piece;
}

int network_connection_count(const struct network *network)
{
    return network->connection_count;
}

void network_set_connection_limits(struct network *network, int connections_max,
                                   int connections_per_ip_max, int connection_rate_max)
{
    network->options.connections_max = connections_max;
    network->options.connections_per_ip_max = connections_per_ip_max;
    connection_rate_set(network->arrivals, connection_rate_max);
    make_room(network);
}

void network_set_listener_limits(struct network *network, int index, int connections_max,
                                 int connection_rate_max)
{
    CHECK(index >= 0);
    CHECK(index < CONFIG_LISTENERS_MAX);
    network->listener_limits[index].connections_max = connections_max;
    connection_rate_set(network->listener_limits[index].arrivals, connection_rate_max);
    make_room(network);
}

void network_set_address_limits(struct network *network, struct string overrides)
{
    struct string rest = overrides;
    struct address_limit limit;
    int capacity = 0;

    network->address_limit_count = 0;
    while (config_next_address_limit(&rest, limit.host, &limit.connections_max)) {
        if (network->address_limit_count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            network->address_limits = check_realloc(
                network->address_limits, (size_t)capacity * sizeof *network->address_limits);
        }
        network->address_limits[network->address_limit_count++] = limit;
    }
}

static void close_listeners(struct network *network)
{
    for (int i = 0; i < network->listener_count; i++) {
        listener_close(network->listeners[i]);
    }
}

void network_recheck_identities(struct network *network)
{
    if (!network->is_closing) {
        loop_defer_last(network->options.loop, &network->recheck);
    }
}

void network_drain(struct network *network)
{
    if (network->is_draining || network->is_closing) {
        return;
    }
    network->is_draining = true;
    close_listeners(network);
    list_for_each_safe(link, &network->connections) {
        connection_end(list_entry(link, struct connection, link));
    }
}

void network_close(struct network *network, void (*closed)(void *context), void *context)
{
    CHECK(!network->is_closing);
    network->is_closing = true;
    network->closed = closed;
    network->closed_context = context;
    timer_stop(network->options.loop, &network->sweep);
    timer_stop(network->options.loop, &network->handshakes.next_turn);
    certificate_watch_stop(network);
    task_cancel(&network->recheck);
    task_cancel(&network->room);
    close_listeners(network);
    list_for_each_safe(link, &network->connections) {
        connection_close(list_entry(link, struct connection, link));
    }
    network_check_closed(network);
}

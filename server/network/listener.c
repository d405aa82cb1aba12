/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/observe/log.h"
#include "gyre/runtime/socket_address.h"

#include "network/network_internal.h"

static void on_connection(uv_stream_t *server, int status)
{
    struct listener *listener = CONTAINER_OF(server, struct listener, tcp);

    if (status != 0) {
        log_warning(LOG_NETWORK, "connection could not be accepted",
                    field_string("listener", listener->name),
                    field_string("error", uv_strerror(status)));
        return;
    }
    /* One that is not accepted makes libuv stop listening until it is. */
    if (network_has_room(listener->network, listener)) {
        connection_accept(listener);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener = CONTAINER_OF(handle, struct listener, tcp);
    struct network *network = listener->network;

    network->listeners_open--;
    network_check_closed(network);
}

void listener_close(struct listener *listener)
{
    if (!listener->is_closed) {
        listener->is_closed = true;
        if (listener->tls != NULL) {
            certificate_watch_forget_listener(listener);
        }
        uv_close((uv_handle_t *)&listener->tcp, on_closed);
    }
}

static void describe(struct listener *listener, const struct config_listener *config, uint16_t port)
{
    const struct config_endpoint *advertised = &config->advertised;

    (void)snprintf(listener->name, sizeof listener->name, "%s", config->name);
    (void)snprintf(listener->advertised_host, sizeof listener->advertised_host, "%s",
                   advertised->host);
    listener->info = (struct listener_info){
        .name = listener->name,
        .index = listener->network->listener_count,
        .security_protocol = (int16_t)config->security_protocol,
        .advertised_host = listener->advertised_host,
        .advertised_port = advertised->port != 0 ? advertised->port : port,
    };
}

static bool wants_tls(enum security_protocol protocol)
{
    return protocol == SECURITY_PROTOCOL_SSL || protocol == SECURITY_PROTOCOL_SASL_SSL;
}

enum error network_listen(struct network *network, const struct config_listener *config,
                          const struct network_tls *tls, char *message, uint16_t *out_port)
{
    struct listener *listener;
    int status;

    CHECK(network->listener_count < CONFIG_LISTENERS_MAX);
    CHECK(wants_tls(config->security_protocol) == (tls != NULL));
    listener = check_alloc_zero(sizeof *listener);
    listener->network = network;
    listener->tls = tls;
    CHECK(uv_tcp_init(network->options.uv, &listener->tcp) == 0);
    network->listeners[network->listener_count] = listener;
    network->listeners_open++;
    status = socket_address_bind(&listener->tcp, config->bind.host, config->bind.port);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)&listener->tcp, network->options.backlog, on_connection);
    }
    if (status != 0) {
        (void)snprintf(message, 256, "cannot listen on %.120s:%d (%s): %.40s", config->bind.host,
                       config->bind.port, config->name, uv_strerror(status));
        network->listener_count++;
        listener_close(listener);
        return ERROR_IO;
    }
    *out_port = socket_address_port(&listener->tcp);
    describe(listener, config, *out_port);
    if (tls != NULL) {
        certificate_watch_listener(listener);
    }
    network->listener_count++;
    log_info(LOG_NETWORK, "listening", field_string("listener", listener->name),
             field_string("host", config->bind.host), field_i64("port", *out_port));
    return ERROR_NONE;
}

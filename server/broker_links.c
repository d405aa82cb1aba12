/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_links.h"

#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/runtime/links_uv.h"
#include "gyre/storage/storage.h"

#include "broker_tls.h"

enum { LINK_QUEUE_BYTES_MAX = 256 * 1024 * 1024 };

static const char *admit_peer(void *context, int32_t peer, struct uuid theirs, bool is_dialled)
{
    struct broker_admission *admission = context;
    struct uuid ours = storage_identity(admission->storage)->cluster_id;

    if (uuid_is_zero(ours) || uuid_is_zero(theirs) || uuid_equal(ours, theirs)) {
        return NULL;
    }
    if (is_dialled) {
        admission->seed_is_foreign(admission->context, ours, theirs);
    } else {
        log_warning(LOG_CLUSTER, "a broker of another region was turned away",
                    field_i64("node_id", peer));
    }
    return "another cluster id";
}

static const char *why_not_listening(enum error error)
{
    switch ((int)error) {
    case ERROR_EXISTS: return "the port is in use";
    case ERROR_NOT_FOUND: return "nobody knows a host of this name";
    default: return error_text(error);
    }
}

/* Who can dial the port could then write what it likes, past every rule about clients. */
static void warn_if_open(const struct broker_config *config, const struct link_guard *guard)
{
    for (int i = 0; guard == NULL && i < config->kafka_listener_count; i++) {
        if (config->kafka_listeners[i].security_protocol != SECURITY_PROTOCOL_PLAINTEXT) {
            log_warning(LOG_MAIN, "clients are asked who they are, and other brokers are not",
                        field_string("do", "set security.inter.broker.protocol=SSL, or keep the "
                                           "port between brokers in a private network"));
            return;
        }
    }
}

enum error broker_links_open(const struct broker_links_services *services, struct links **out_links,
                             uint16_t *out_port)
{
    const struct broker_config *config = services->config;
    struct links_uv_options options = {
        .node_id = config->node_id,
        .incarnation = services->incarnation,
        .cluster_id = storage_identity(services->admission->storage)->cluster_id,
        .queued_bytes_max = LINK_QUEUE_BYTES_MAX,
    };
    const char *host = config->rpc_listener.host;
    enum error error = broker_tls_open_links(services->tls, &options.guard);

    if (error != ERROR_NONE) {
        return error;
    }
    warn_if_open(config, options.guard);
    error = links_uv_new(services->uv, services->loop, &options, out_links);
    if (error != ERROR_NONE) {
        return error;
    }
    broker_tls_watch_links(services->tls, *out_links);
    links_uv_set_admission(*out_links, admit_peer, services->admission);
    error = links_uv_listen(*out_links, host, config->rpc_listener.port, out_port);
    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "cannot listen for other brokers", field_string("host", host),
                  field_i64("port", config->rpc_listener.port),
                  field_string("reason", why_not_listening(error)));
        return error;
    }
    for (int i = 0; i < config->seed_count; i++) {
        links_uv_add_seed(*out_links, config->seeds[i].host, config->seeds[i].port);
    }
    return ERROR_NONE;
}

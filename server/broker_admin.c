/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_admin.h"

#include <jansson.h>

#include "gyre/config/config.h"
#include "gyre/observe/log.h"

#include "broker_tls.h"
#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "network/admin_http.h"

enum { MESSAGE_BYTES = 256 };

static bool is_ready(void *context, const char **out_reason)
{
    const struct broker *broker = context;

    if (broker->is_stopping || broker->cluster == NULL) {
        *out_reason = broker->is_stopping ? "the broker is stopping" : "the broker is starting";
        return false;
    }
    return cluster_is_ready(broker->cluster, out_reason);
}

static void describe(void *context, json_t *body)
{
    const struct broker *broker = context;
    char text[UUID_TEXT_LENGTH + 1] = "";

    if (!uuid_is_zero(broker->cluster_id)) {
        uuid_format(broker->cluster_id, text);
    }
    (void)json_object_set_new(body, "node_id", json_integer(broker->node_id));
    (void)json_object_set_new(body, "cluster_id", json_string(text));
}

static enum error open_tls(const struct broker_config *config, struct broker_tls *tls,
                           struct tls_source **out_source)
{
    struct tls_options options;

    if (!config->gyre_admin_ssl) {
        return ERROR_NONE;
    }
    tls_options_of_listener(&options, config, "admin");
    return broker_tls_open_source(tls, "admin", &options, out_source);
}

enum error broker_admin_open(uv_loop_t *uv, struct broker *broker, struct broker_tls *tls,
                             struct admin_http **out_admin)
{
    const struct broker_config *config = broker->config;
    struct admin_http_options options = {
        .uv = uv,
        .loop = broker->loop,
        .metrics = broker->metrics,
        .is_ready = is_ready,
        .describe = describe,
        .context = broker,
    };
    char message[MESSAGE_BYTES] = "";
    uint16_t port;
    enum error error;

    if (!config->has_admin_listener) {
        return ERROR_NONE;
    }
    error = open_tls(config, tls, &options.tls);
    if (error != ERROR_NONE) {
        return error; /* the log says why */
    }
    *out_admin = admin_http_new(&options);
    error = admin_http_listen(*out_admin, &config->admin_listener, message, &port);
    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "cannot listen for administration", field_string("reason", message));
    }
    return error;
}

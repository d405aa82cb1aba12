/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_tls.h"

#include <signal.h>

#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/runtime/links_uv.h"
#include "gyre/tls/principal_rules.h"

#include "handlers/listener_options.h"

static const uint64_t LOOK_US = 500 * 1000;

static void tell_expiry(const struct broker_tls *tls)
{
    int64_t first_ms = INT64_MAX;

    for (int i = 0; i < tls->source_count; i++) {
        int64_t expires_ms = tls_source_expires_ms(tls->sources[i]);

        first_ms = expires_ms < first_ms ? expires_ms : first_ms;
    }
    metric_set(tls->services.metrics, METRIC_TLS_CERTIFICATE_EXPIRES_S,
               first_ms == INT64_MAX ? 0 : first_ms / 1000);
}

static void look(struct broker_tls *tls, bool is_forced)
{
    for (int i = 0; i < tls->source_count; i++) {
        tls_source_look(tls->sources[i], is_forced);
    }
}

static void on_look(struct timer *timer)
{
    struct broker_tls *tls = CONTAINER_OF(timer, struct broker_tls, look);

    tell_expiry(tls);
    look(tls, false);
    timer_start(tls->services.loop, timer, LOOK_US);
}

static void on_hangup(uv_signal_t *signal, int number)
{
    (void)number;
    log_info(LOG_MAIN, "certificates are loaded anew, as asked");
    look(CONTAINER_OF(signal, struct broker_tls, hangup), true);
}

void broker_tls_start(struct broker_tls *tls, const struct tls_source_services *services,
                      const struct broker_config *config, uv_loop_t *uv)
{
    *tls = (struct broker_tls){.services = *services, .config = config};
    timer_init(&tls->look, on_look);
    CHECK(uv_signal_init(uv, &tls->hangup) == 0);
    CHECK(uv_signal_start(&tls->hangup, on_hangup, SIGHUP) == 0);
}

enum error broker_tls_open_source(struct broker_tls *tls, const char *name,
                                  const struct tls_options *options, struct tls_source **out_source)
{
    char message[TLS_MESSAGE_BYTES];
    enum error error;

    CHECK(tls->source_count < BROKER_TLS_SOURCES_MAX);
    error = tls_source_open(&tls->services, name, options, message, out_source);
    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "certificates cannot be loaded", field_string("listener", name),
                  field_string("reason", message));
        return error;
    }
    tls->names[tls->source_count] = name;
    tls->first[tls->source_count] = *options;
    tls->sources[tls->source_count++] = *out_source;
    if (!timer_is_running(&tls->look)) {
        timer_start(tls->services.loop, &tls->look, LOOK_US);
    }
    return ERROR_NONE;
}

/* What a source is for does not change. */
void broker_tls_apply(struct broker_tls *tls, const struct broker *broker)
{
    for (int i = 0; i < tls->source_count; i++) {
        const struct tls_options *first = &tls->first[i];
        struct listener_options of = {.broker = broker, .listener = tls->names[i]};
        struct tls_options options;

        tls_options_find(&options, listener_options_find, &of);
        options.is_server = first->is_server;
        options.wants_broker = first->wants_broker;
        if (first->wants_broker) {
            options.client_auth = TLS_CLIENT_AUTH_REQUIRED;
        }
        tls_source_change(tls->sources[i], &options);
    }
}

enum error broker_tls_open_listener(struct broker_tls *tls, int index,
                                    const struct network_tls **out_tls)
{
    const struct config_listener *listener = &tls->config->kafka_listeners[index];
    struct network_tls *network_tls = &tls->listeners[index];
    char message[TLS_MESSAGE_BYTES];
    struct tls_options options;
    enum error error;

    *out_tls = NULL;
    if (listener->security_protocol != SECURITY_PROTOCOL_SSL &&
        listener->security_protocol != SECURITY_PROTOCOL_SASL_SSL) {
        return ERROR_NONE;
    }
    error = principal_rules_new(
        config_listener_option(tls->config, listener->name, "ssl.principal.mapping.rules"), message,
        &network_tls->rules);
    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "cannot listen for clients", field_string("listener", listener->name),
                  field_string("reason", message));
        return error;
    }
    tls_options_of_listener(&options, tls->config, listener->name);
    options.allows_expired = true; /* as Kafka does; between brokers it would stop everything */
    *out_tls = network_tls;
    return broker_tls_open_source(tls, listener->name, &options, &network_tls->source);
}

enum error broker_tls_open_links(struct broker_tls *tls, struct link_guard **out_guard)
{
    struct string protocol = tls->config->security_inter_broker_protocol;
    struct tls_source *accepting = NULL;
    struct tls_source *dialling = NULL;
    struct tls_options options;
    enum error error;

    *out_guard = NULL;
    if (!string_is(protocol, "SSL") && !string_is(protocol, "SASL_SSL")) {
        return ERROR_NONE;
    }
    tls_options_of_listener(&options, tls->config, "rpc");
    options.client_auth = TLS_CLIENT_AUTH_REQUIRED;
    options.wants_broker = true;
    error = broker_tls_open_source(tls, "rpc", &options, &accepting);
    if (error == ERROR_NONE) {
        options.is_server = false;
        error = broker_tls_open_source(tls, "rpc", &options, &dialling);
    }
    if (error == ERROR_NONE) {
        tls_link_guard_init(&tls->guard, accepting, dialling);
        *out_guard = &tls->guard.base;
    }
    return error;
}

static void on_links_trust_changed(void *context)
{
    links_uv_check_peers(context);
}

void broker_tls_watch_links(struct broker_tls *tls, struct links *links)
{
    if (tls->guard.accepting != NULL) {
        tls_source_watch_trust(tls->guard.accepting, on_links_trust_changed, links);
        tls_source_watch_trust(tls->guard.dialling, on_links_trust_changed, links);
    }
}

/* ---- the end ---- */

void broker_tls_stop(struct broker_tls *tls)
{
    timer_stop(tls->services.loop, &tls->look);
    uv_close((uv_handle_t *)&tls->hangup, NULL);
}

static void on_source_closed(void *context)
{
    struct broker_tls *tls = context;

    if (--tls->closing_count == 0) {
        tls->closed(tls->closed_context);
    }
}

void broker_tls_close(struct broker_tls *tls, void (*closed)(void *context), void *context)
{
    tls->closed = closed;
    tls->closed_context = context;
    tls->closing_count = tls->source_count;
    for (int i = 0; i < CONFIG_LISTENERS_MAX; i++) {
        principal_rules_free(tls->listeners[i].rules);
    }
    for (int i = 0; i < tls->source_count; i++) {
        tls_source_close(tls->sources[i], on_source_closed, tls);
    }
    if (tls->source_count == 0) {
        closed(context);
    }
}

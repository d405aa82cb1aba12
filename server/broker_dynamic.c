/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_dynamic.h"

#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/partition/partition.h"

#include "broker_tls.h"
#include "config/option_value.h"
#include "handlers/broker.h"
#include "network/network.h"

/* What was set when the option had other bounds is passed over. */
static int64_t effective(const struct broker_dynamic *self, const char *name, int64_t from_file)
{
    struct string text = catalog_effective_setting(self->broker->catalog, string_from(name));
    int64_t value = from_file;

    if (text.bytes != NULL && !broker_option_parse_number(string_from(name), text, &value)) {
        log_warning(LOG_MAIN, "a setting has no use: its value is out of bounds",
                    field_string("name", name), field_text("value", text));
    }
    return value;
}

/* Under the listener's own name alone, as in Kafka. */
static int of_listener(const struct broker_dynamic *self, const char *listener, const char *option)
{
    const struct broker *broker = self->broker;
    char key[CONFIG_LISTENER_KEY_BYTES];
    struct string text;
    int64_t value = INT32_MAX;

    config_listener_key(key, listener, option);
    text = catalog_effective_setting(broker->catalog, string_from(key));
    if (text.bytes == NULL) {
        text = config_given(broker->config, key);
    }
    if (text.bytes != NULL && !broker_option_parse_number(string_from(option), text, &value)) {
        log_warning(LOG_MAIN, "a setting has no use: its value is out of bounds",
                    field_string("name", key), field_text("value", text));
    }
    return (int)value;
}

/* A broker that has no such setting, or one that cannot be read, is not throttled. */
static int64_t throttled_rate(const struct broker_dynamic *self, const char *name)
{
    struct string text = catalog_effective_setting(self->broker->catalog, string_from(name));
    int64_t rate = INT64_MAX;

    if (text.bytes != NULL && (option_value_parse_long(text, &rate) != ERROR_NONE || rate < 0)) {
        log_warning(LOG_MAIN, "a setting has no use: it is not a number of bytes",
                    field_string("name", name), field_text("value", text));
        return INT64_MAX;
    }
    return rate;
}

static void apply_to_listeners(const struct broker_dynamic *self)
{
    const struct broker_config *config = self->broker->config;
    struct string overrides = catalog_effective_setting(self->broker->catalog,
                                                        STRING("max.connections.per.ip.overrides"));

    network_set_address_limits(self->network, overrides.bytes != NULL
                                                  ? overrides
                                                  : config->max_connections_per_ip_overrides);
    for (int i = 0; i < config->kafka_listener_count; i++) {
        const char *name = config->kafka_listeners[i].name;

        network_set_listener_limits(self->network, i, of_listener(self, name, "max.connections"),
                                    of_listener(self, name, "max.connection.creation.rate"));
    }
}

static void apply(void *context)
{
    const struct broker_dynamic *self = context;
    const struct broker_config *config = self->broker->config;
    int64_t connections = effective(self, "max.connections", config->max_connections);
    int64_t per_ip = effective(self, "max.connections.per.ip", config->max_connections_per_ip);
    int64_t rate =
        effective(self, "max.connection.creation.rate", config->max_connection_creation_rate);

    network_set_connection_limits(self->network,
                                  connections < self->connections_max ? (int)connections
                                                                      : self->connections_max,
                                  (int)per_ip, (int)rate);
    apply_to_listeners(self);
    broker_tls_apply(self->tls, self->broker);
    consensus_set_throttle_rates(self->broker->consensus,
                                 throttled_rate(self, "leader.replication.throttled.rate"),
                                 throttled_rate(self, "follower.replication.throttled.rate"));
    partition_table_set_producer_expiration(
        self->broker->partitions,
        effective(self, "producer.id.expiration.ms", config->producer_id_expiration_ms));
}

void broker_dynamic_start(struct broker_dynamic *self, struct broker *broker,
                          struct network *network, struct broker_tls *tls, int connections_max)
{
    *self = (struct broker_dynamic){
        .broker = broker, .network = network, .tls = tls, .connections_max = connections_max};
    self->listener = (struct catalog_listener){.broker_settings_changed = apply, .context = self};
    catalog_add_listener(broker->catalog, &self->listener);
    apply(self);
}

void broker_dynamic_stop(struct broker_dynamic *self)
{
    if (self->broker != NULL) {
        list_remove(&self->listener.link);
    }
}

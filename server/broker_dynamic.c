/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_dynamic.h"

#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/partition/partition.h"

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
    partition_table_set_producer_expiration(
        self->broker->partitions,
        effective(self, "producer.id.expiration.ms", config->producer_id_expiration_ms));
}

void broker_dynamic_start(struct broker_dynamic *self, struct broker *broker,
                          struct network *network, int connections_max)
{
    *self = (struct broker_dynamic){
        .broker = broker, .network = network, .connections_max = connections_max};
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/listener_options.h"

#include <stdio.h>

#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"

#include "handlers/broker.h"
#include "handlers/config_resources.h"

enum { NODE_TEXT_BYTES = 12 };

static const struct list *own_settings(const struct broker *broker)
{
    char text[NODE_TEXT_BYTES];

    (void)snprintf(text, sizeof text, "%d", broker->node_id);
    return catalog_broker_settings(broker->catalog, string_from(text));
}

struct string listener_options_find(const void *context, const char *option)
{
    const struct listener_options *options = context;
    char key[CONFIG_LISTENER_KEY_BYTES];
    struct string value;

    config_listener_key(key, options->listener, option);
    value = catalog_find_setting(own_settings(options->broker), string_from(key));
    for (int32_t i = 0; i < options->change_count; i++) {
        if (string_is(options->changes[i].name, key)) {
            value = options->changes[i].value;
        }
    }
    return value.bytes != NULL
               ? value
               : config_listener_option(options->broker->config, options->listener, option);
}

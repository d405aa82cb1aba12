/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough of config/topic_options to see which layer speaks. */
#include <stdio.h>
#include <stdlib.h>

#include "gyre/config/topic_options.h"

struct config_layer config_layer_of_file(const struct broker_config *config)
{
    return (struct config_layer){.context = config};
}

void topic_config_compute(const struct config_layer *layers, int layer_count,
                          struct topic_config *out_config)
{
    memset(out_config, 0, sizeof *out_config);
    out_config->retention_ms = 604800000;
    for (int i = layer_count - 1; i >= 0; i--) {
        struct string name = layers[i].source == CONFIG_SOURCE_TOPIC ? STRING("retention.ms")
                                                                     : STRING("log.retention.ms");
        struct string value = layers[i].find(layers[i].context, name);
        if (value.bytes != NULL) {
            char text[32];
            (void)snprintf(text, sizeof text, "%.*s", STRING_ARGUMENTS(value));
            out_config->retention_ms = strtoll(text, NULL, 10);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of client properties, as Kafka's own tools take with --command-config: "key=value" lines
 * with the keys of the Java client or of librdkafka. Who asks for a key knows what it means.
 */
#ifndef GYRE_OPS_CLIENT_PROPERTIES_H
#define GYRE_OPS_CLIENT_PROPERTIES_H

#include <stdbool.h>
#include <stddef.h>

struct client_property {
    char *key; /* owned, as the value */
    char *value;
};

struct client_properties {
    struct client_property *items; /* owned */
    size_t count;
};

/* False: a sentence was printed. Start with a zeroed struct. */
bool client_properties_load(struct client_properties *properties, const char *path);
void client_properties_release(struct client_properties *properties); /* cleanses the values */

/* NULL: not given. The last one counts. */
const char *client_properties_find(const struct client_properties *properties, const char *key);

/* An option of sasl.jaas.config: username="alice". False: not there, or longer than `size`. */
bool client_properties_find_jaas(const struct client_properties *properties, const char *option,
                                 char *out_text, size_t size);

#endif

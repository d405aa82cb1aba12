/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/stream_topics.h"

#include <stdlib.h>

#include "gyre/access/stream_name.h"
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"

#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"

struct string stream_topics_legal(struct request *request, struct string name)
{
    struct stream_name_text text;
    struct string legal = stream_name_legal(name, &text);

    if (legal.bytes != text.bytes) {
        return legal;
    }
    return arena_copy_string(&request->arena, legal, &legal) ? legal : STRING_NULL;
}

static struct string property_of(const struct broker *broker, struct string topic,
                                 struct string property)
{
    const struct catalog_stream *stream = catalog_find_stream_around(broker->catalog, topic);

    return stream == NULL ? STRING_NULL : catalog_stream_property(stream, property);
}

int32_t stream_topics_partitions(const struct broker *broker, struct string name)
{
    struct string value = property_of(broker, name, STRING("default.partitions"));
    char text[12] = "";
    long number;

    if (value.length <= 0 || value.length >= (int32_t)sizeof text) {
        return broker->config->num_partitions;
    }
    memcpy(text, value.bytes, (size_t)value.length);
    number = strtol(text, NULL, 10);
    return number >= 1 && number <= CATALOG_TOPIC_PARTITIONS_MAX ? (int32_t)number
                                                                 : broker->config->num_partitions;
}

bool stream_topics_come_by_themselves(const struct broker *broker, struct string name)
{
    return broker->config->auto_create_topics_enable &&
           !string_is(property_of(broker, name, STRING("autocreate")), "false");
}

struct string stream_topics_fault(struct request *request, struct string name)
{
    struct stream_name_text text;

    if (stream_name_of_topic(stream_name_legal(name, &text)).bytes == NULL ||
        catalog_find_stream_around(request->broker->catalog, name) != NULL) {
        return STRING_NULL;
    }
    return catalog_changes_text(request, "There is no stream for the topic '%.*s'.",
                                STRING_ARGUMENTS(name));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/stream_properties.h"

#include <stdlib.h>

#include "handlers/catalog_changes.h"
#include "handlers/config_view.h"
#include "handlers/request.h"
#include "handlers/stream_access.h"

enum { NUMBER_BYTES_MAX = 15 };

struct merge {
    struct request *request;
    struct catalog_set_stream_properties_array *out;
};

static struct string problem(const struct merge *merge, struct string name, const char *text)
{
    return catalog_changes_text(merge->request, "%.*s: %s", STRING_ARGUMENTS(name), text);
}

static void put(struct merge *merge, struct string name, struct string value)
{
    merge->out->items[merge->out->count++] =
        (struct catalog_set_stream_properties){.name = name, .value = value};
}

/* -1: it is no number from 0 up. */
static int64_t number_of(struct string value)
{
    int64_t number = 0;

    if (value.length < 1 || value.length > NUMBER_BYTES_MAX) {
        return -1;
    }
    for (int32_t i = 0; i < value.length; i++) {
        if (value.bytes[i] < '0' || value.bytes[i] > '9') {
            return -1;
        }
        number = 10 * number + (value.bytes[i] - '0');
    }
    return number;
}

static struct string put_ttl(struct merge *merge, struct string value)
{
    int64_t seconds = number_of(value);
    struct string retention =
        seconds == 0 ? STRING("-1")
                     : catalog_changes_text(merge->request, "%.*s000", STRING_ARGUMENTS(value));

    if (seconds < 0) {
        return problem(merge, STRING("ttl"), "seconds are expected, 0 for ever");
    }
    if (retention.length == 0) {
        return STRING("The request is too large.");
    }
    put(merge, STRING("ttl"), value);
    put(merge, STRING("retention.ms"), retention);
    return STRING_NULL;
}

static struct string put_option(struct merge *merge, struct string name, struct string value)
{
    char reason[CATALOG_REASON_BYTES];

    if (config_view_check_topic(name, value, reason, sizeof reason) != ERROR_NONE) {
        return catalog_changes_text(merge->request, "%s", reason);
    }
    put(merge, name, value);
    return STRING_NULL;
}

static struct string put_compression(struct merge *merge, struct string value)
{
    struct string kafkas = string_is(value, "off")    ? STRING("uncompressed")
                           : string_is(value, "zlib") ? STRING("gzip")
                                                      : value;
    struct string fault = put_option(merge, STRING("compression.type"), kafkas);

    if (fault.bytes == NULL) {
        put(merge, STRING("compression"), value);
    }
    return fault;
}

static struct string put_given(struct merge *merge, struct string name, struct string value)
{
    if (string_is(name, "ttl")) {
        return put_ttl(merge, value);
    }
    if (string_is(name, "compression")) {
        return put_compression(merge, value);
    }
    if (string_is(name, "default.partitions")) {
        int64_t count = number_of(value);

        if (count < 1 || count > CATALOG_TOPIC_PARTITIONS_MAX) {
            return problem(merge, name, "a number of partitions is expected");
        }
        put(merge, name, value);
        return STRING_NULL;
    }
    if (string_is(name, "autocreate")) {
        if (!string_is(value, "true") && !string_is(value, "false")) {
            return problem(merge, name, "true or false is expected");
        }
        put(merge, name, value);
        return STRING_NULL;
    }
    return put_option(merge, name, value);
}

/* Also "retention.ms" where `ttl` is given, and the other way round: they speak of one thing. */
static struct string subject_of(struct string name)
{
    return string_is(name, "ttl")           ? STRING("retention.ms")
           : string_is(name, "compression") ? STRING("compression.type")
                                            : name;
}

static int32_t last_about(const struct alter_stream_request_properties_array *given,
                          struct string name)
{
    for (int32_t i = given->count - 1; i >= 0; i--) {
        if (string_equal(subject_of(given->items[i].name), subject_of(name))) {
            return i;
        }
    }
    return -1;
}

struct string stream_properties_merge(struct request *request, const struct catalog_stream *old,
                                      const struct alter_stream_request_properties_array *given,
                                      struct catalog_set_stream_properties_array *out)
{
    struct merge merge = {.request = request, .out = out};
    int32_t old_count = old == NULL ? 0 : old->property_count;
    struct string fault = STRING_NULL;

    if (given->count > CATALOG_STREAM_PROPERTIES_MAX ||
        catalog_set_stream_properties_array_alloc(out, &request->arena,
                                                  old_count + 2 * given->count) != ERROR_NONE) {
        return STRING("There are too many properties.");
    }
    out->count = 0;
    for (int32_t i = 0; i < old_count; i++) {
        if (last_about(given, old->properties[i].name) < 0) {
            put(&merge, old->properties[i].name, old->properties[i].value);
        }
    }
    for (int32_t i = 0; i < given->count && fault.bytes == NULL; i++) {
        if (given->items[i].value.bytes != NULL && last_about(given, given->items[i].name) == i) {
            fault = put_given(&merge, given->items[i].name, given->items[i].value);
        }
    }
    return fault;
}

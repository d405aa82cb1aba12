/* SPDX-License-Identifier: Apache-2.0 */
#include "stream_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "json_print.h"
#include "wire_messages/alter_stream.h"
#include "wire_messages/describe_streams.h"

enum { MINUTE_S = 60, HOUR_S = 60 * 60, DAY_S = 24 * 60 * 60 };

static const char *const permission_names[STREAM_PERMISSIONS] = {"produce", "consume", "topics",
                                                                 "admin", "copy"};

const char *stream_permission_name(int permission)
{
    return permission_names[permission];
}

struct string *stream_request_expression(struct alter_stream_request *request, int permission)
{
    switch (permission) {
    case STREAM_PRODUCE: return &request->produce;
    case STREAM_CONSUME: return &request->consume;
    case STREAM_TOPICS: return &request->topics;
    case STREAM_ADMIN: return &request->admin;
    case STREAM_COPY: return &request->copy;
    default: CHECK_UNREACHABLE("there are five permissions");
    }
}

struct string stream_expression(const struct describe_streams_response_streams *stream,
                                int permission)
{
    switch (permission) {
    case STREAM_PRODUCE: return stream->produce;
    case STREAM_CONSUME: return stream->consume;
    case STREAM_TOPICS: return stream->topics;
    case STREAM_ADMIN: return stream->admin;
    case STREAM_COPY: return stream->copy;
    default: CHECK_UNREACHABLE("there are five permissions");
    }
}

int8_t stream_mode_parse(const char *text)
{
    if (strcmp(text, "enforce") == 0) {
        return 0;
    }
    return strcmp(text, "additive") == 0 ? 1 : -1;
}

static long unit_s(const char *unit)
{
    if (unit[0] != '\0' && unit[1] != '\0') {
        return 0;
    }
    switch (unit[0]) {
    case '\0':
    case 's': return 1;
    case 'm': return MINUTE_S;
    case 'h': return HOUR_S;
    case 'd': return DAY_S;
    default: return 0;
    }
}

bool stream_value_parse(struct string property, const char *text, char value[STREAM_VALUE_BYTES])
{
    char *end;
    long number;
    long unit;

    if (!string_is(property, "ttl")) {
        (void)snprintf(value, STREAM_VALUE_BYTES, "%s", text);
        return strlen(text) < STREAM_VALUE_BYTES;
    }
    errno = 0;
    number = strtol(text, &end, 10);
    unit = unit_s(end);
    if (end == text || errno != 0 || unit == 0 || number < 0 || number > INT32_MAX) {
        return false;
    }
    (void)snprintf(value, STREAM_VALUE_BYTES, "%ld", number * unit);
    return true;
}

void stream_permissions_to_text(int8_t permissions, char text[STREAM_VALUE_BYTES])
{
    size_t used = 0;

    (void)snprintf(text, STREAM_VALUE_BYTES, "-");
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        if ((permissions >> i & 1) != 0) {
            used += (size_t)snprintf(text + used, STREAM_VALUE_BYTES - used, "%s%s",
                                     used == 0 ? "" : ", ", permission_names[i]);
        }
    }
}

json_t *stream_to_json(const struct describe_streams_response_streams *stream)
{
    json_t *policy = json_object();
    json_t *settings = json_object();
    json_t *may = json_array();

    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        (void)json_object_set_new(policy, permission_names[i],
                                  json_from_string(stream_expression(stream, i)));
        if ((stream->permissions >> i & 1) != 0) {
            (void)json_array_append_new(may, json_string(permission_names[i]));
        }
    }
    for (int32_t i = 0; i < stream->properties.count; i++) {
        (void)json_object_setn_new(settings, stream->properties.items[i].name.bytes,
                                   (size_t)stream->properties.items[i].name.length,
                                   json_from_string(stream->properties.items[i].value));
    }
    return json_pack("{s:o, s:o, s:s, s:i, s:o, s:o, s:o}", "stream",
                     json_from_string(stream->name), "owner", json_from_string(stream->owner),
                     "ace_mode", stream->is_additive ? "additive" : "enforce", "topics",
                     (int)stream->topic_count, "may", may, "policy", policy, "settings", settings);
}

void stream_print(const struct describe_streams_response_streams *stream)
{
    char may[STREAM_VALUE_BYTES];

    stream_permissions_to_text(stream->permissions, may);
    (void)printf("stream   %.*s\nowner    %.*s\ntopics   %d\nyou may  %s\nmode     %s\n",
                 STRING_ARGUMENTS(stream->name), STRING_ARGUMENTS(stream->owner),
                 (int)stream->topic_count, may, stream->is_additive ? "additive" : "enforce");
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        struct string expression = stream_expression(stream, i);

        if (expression.bytes != NULL) {
            (void)printf("%-8s %.*s\n", permission_names[i],
                         STRING_ARGUMENTS(expression.length == 0 ? STRING("nobody") : expression));
        }
    }
    for (int32_t i = 0; i < stream->properties.count; i++) {
        (void)printf("%.*s=%.*s\n", STRING_ARGUMENTS(stream->properties.items[i].name),
                     STRING_ARGUMENTS(stream->properties.items[i].value));
    }
}

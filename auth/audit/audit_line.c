/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_line.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gyre/base/check.h"

enum { TIME_BYTES = 40 };

static const char *const kind_names[] = {
    [AUDIT_AUTHENTICATION] = "authentication",
    [AUDIT_CHANGE] = "change",
    [AUDIT_REFUSAL] = "refusal",
    [AUDIT_ACCESS] = "access",
};

static void put(json_t *line, const char *name, json_t *value)
{
    int failed = json_object_set_new_nocheck(line, name, value);

    CHECK(failed == 0);
}

/* JSON is UTF-8 and clients are not always: other bytes become '?'. */
static json_t *any_text(struct string text)
{
    char safe[AUDIT_TEXT_BYTES_MAX];

    for (int32_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];

        safe[i] = byte < 0x80 ? (char)byte : '?';
    }
    return json_stringn_nocheck(safe, (size_t)text.length);
}

static void put_text(json_t *line, const char *name, struct string text)
{
    if (text.bytes == NULL || text.length == 0) {
        return;
    }
    if (text.length > AUDIT_TEXT_BYTES_MAX) {
        text.length = AUDIT_TEXT_BYTES_MAX;
    }
    put(line, name,
        string_is_utf8(text) ? json_stringn_nocheck(text.bytes, (size_t)text.length)
                             : any_text(text));
}

static void put_time(json_t *line, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    char text[TIME_BYTES];
    size_t used;
    struct tm utc;

    (void)gmtime_r(&seconds, &utc);
    used = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + used, sizeof text - used, ".%03dZ", (int)(wall_ms % 1000));
    put(line, "ts", json_string_nocheck(text));
}

static void put_tls(json_t *line, const struct audit_event *event)
{
    json_t *tls;

    if (event->tls_version.length == 0) {
        return;
    }
    tls = json_object();
    put_text(tls, "version", event->tls_version);
    put_text(tls, "cipher", event->tls_cipher);
    put_text(tls, "dn", event->tls_subject);
    put(line, "tls", tls);
}

char *audit_line_format(const struct audit_line_context *context, const struct audit_event *event)
{
    json_t *line = json_object();
    char *text;
    size_t length;

    CHECK(line != NULL);
    put_time(line, context->wall_ms);
    put(line, "event", json_string_nocheck(kind_names[event->kind]));
    put(line, "result", json_string_nocheck(event->is_success ? "success" : "failure"));
    put_text(line, "cluster", context->cluster_id);
    put(line, "broker", json_integer(context->node_id));
    put(line, "connection", json_integer((json_int_t)event->connection_id));
    put_text(line, "peer", event->peer);
    put_text(line, "listener", event->listener);
    put_tls(line, event);
    put_text(line, "mechanism", event->mechanism);
    put_text(line, "principal", event->principal);
    put_text(line, "client_id", event->client_id);
    put_text(line, "api", event->api);
    put_text(line, "operation", event->operation);
    put_text(line, "resource_type", event->resource_type);
    put_text(line, "resource", event->resource);
    put_text(line, "rule", event->rule);
    put_text(line, "error", event->error);
    put_text(line, "detail", event->detail);
    if (context->count > 1) {
        put(line, "count", json_integer((json_int_t)context->count));
    }
    text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    CHECK(text != NULL);
    json_decref(line);
    length = strlen(text);
    text = check_realloc(text, length + 2);
    memcpy(text + length, "\n", 2);
    return text;
}

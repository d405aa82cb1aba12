/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/log_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Room that is always left for the closing of a JSON line. */
enum { END_BYTES = 4, TEXT_VALUE_BYTES_MAX = 1024 };

static const char *const area_names[LOG_AREA_COUNT] = {
    [LOG_MAIN] = "main",         [LOG_RUNTIME] = "runtime",
    [LOG_STORAGE] = "storage",   [LOG_AUTH] = "auth",
    [LOG_CLIENT] = "client",     [LOG_RAFT] = "raft",
    [LOG_METADATA] = "metadata", [LOG_PARTITION] = "partition",
    [LOG_CLUSTER] = "cluster",   [LOG_COORDINATOR] = "coordinator",
    [LOG_MIRROR] = "mirror",     [LOG_HANDLERS] = "handlers",
    [LOG_NETWORK] = "network",
};

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};

const char *log_area_name(enum log_area area)
{
    return area_names[area];
}

enum error log_level_parse(struct string text, enum log_level *out_level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (string_is(text, level_names[i])) {
            *out_level = (enum log_level)i;
            return ERROR_NONE;
        }
    }
    return ERROR_INVALID;
}

/* ---- bytes ---- */

static bool put(struct log_line *line, const char *bytes, size_t length)
{
    if (length > sizeof line->text - END_BYTES - line->length) {
        line->is_full = true;
        return false;
    }
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
    return true;
}

static bool put_text(struct log_line *line, const char *text)
{
    return put(line, text, strlen(text));
}

/* Control characters, quotes and what is not ASCII never reach a terminal as they are. */
static bool put_escaped(struct log_line *line, unsigned char byte)
{
    char text[8];

    if (byte == '"' || byte == '\\') {
        text[0] = '\\';
        text[1] = (char)byte;
        return put(line, text, 2);
    }
    if (byte >= 0x20 && byte != 0x7f) {
        return put(line, (const char *)&byte, 1);
    }
    (void)snprintf(text, sizeof text, "\\u%04x", byte);
    return put_text(line, text);
}

static bool put_quoted(struct log_line *line, struct string text)
{
    bool is_readable = string_is_utf8(text);
    bool fits = put_text(line, "\"");

    for (int32_t i = 0; fits && i < text.length && i < TEXT_VALUE_BYTES_MAX; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];

        fits = put_escaped(line, is_readable || byte < 0x80 ? byte : '?');
    }
    return fits && put_text(line, "\"");
}

static bool needs_quotes(struct string text)
{
    if (text.length == 0 || text.length > TEXT_VALUE_BYTES_MAX) {
        return true;
    }
    for (int32_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];

        if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte >= 0x7f) {
            return true;
        }
    }
    return false;
}

/* ---- fields ---- */

static bool put_value(struct log_line *line, const struct log_field *field)
{
    char number[32];

    switch (field->kind) {
    case LOG_FIELD_TEXT:
        if (field->value.text.bytes == NULL) {
            return put_text(line, "null");
        }
        return line->format == LOG_FORMAT_JSON || needs_quotes(field->value.text)
                   ? put_quoted(line, field->value.text)
                   : put(line, field->value.text.bytes, (size_t)field->value.text.length);
    case LOG_FIELD_I64:
        (void)snprintf(number, sizeof number, "%" PRId64, field->value.i64);
        return put_text(line, number);
    case LOG_FIELD_U64:
        (void)snprintf(number, sizeof number, "%" PRIu64, field->value.u64);
        return put_text(line, number);
    case LOG_FIELD_BOOL: return put_text(line, field->value.boolean ? "true" : "false");
    case LOG_FIELD_END: break;
    }
    return true;
}

/* A field goes in whole or not at all. */
void log_line_field(struct log_line *line, struct log_field field)
{
    size_t before = line->length;
    bool fits = !line->is_full;

    if (line->format == LOG_FORMAT_JSON) {
        fits = fits && put_text(line, before == 1 ? "\"" : ",\"") && put_text(line, field.name) &&
               put_text(line, "\":");
    } else {
        fits = fits && (before == 0 || put_text(line, " ")) && put_text(line, field.name) &&
               put_text(line, "=");
    }
    if (!fits || !put_value(line, &field)) {
        line->length = before;
    }
}

static void format_time(int64_t wall_ms, char *text, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;

    (void)gmtime_r(&seconds, &parts);
    (void)snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                   parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                   (int)(wall_ms % 1000));
}

void log_line_begin(struct log_line *line, enum log_format format, int64_t wall_ms,
                    enum log_level level, const char *area, const char *message)
{
    char stamp[96];

    line->length = 0;
    line->format = format;
    line->is_full = false;
    if (format == LOG_FORMAT_JSON) {
        (void)put_text(line, "{");
    }
    format_time(wall_ms, stamp, sizeof stamp);
    log_line_field(line, field_string("time", stamp));
    log_line_field(line, field_string("level", level_names[level]));
    log_line_field(line, field_string("area", area));
    log_line_field(line, field_string("message", message));
}

void log_line_end(struct log_line *line)
{
    const char *end = line->format == LOG_FORMAT_JSON ? "}\n" : "\n";
    size_t length = strlen(end);

    memcpy(line->text + line->length, end, length);
    line->length += length;
}

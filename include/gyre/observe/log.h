/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs are lines of a constant message and typed fields, as logfmt or JSON:
 *
 *     log_info(LOG_COORDINATOR, "member left", field_text("group", group->id),
 *              field_i64("generation", group->generation));
 *
 * Programs, networks, clusters and the edges of links log; libraries return errors and log at
 * debug only. A call site that writes too often is cut short and says how many lines it kept back.
 * The last debug lines are kept in memory and written out when a CHECK fails; do not call
 * log_debug() for every record or request.
 *
 * Never log secrets or payloads. Thread: any.
 */
#ifndef GYRE_OBSERVE_LOG_H
#define GYRE_OBSERVE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
};

/* Where in the house: the module. */
enum log_area {
    LOG_MAIN,
    LOG_RUNTIME,
    LOG_STORAGE,
    LOG_AUTH,
    LOG_CLIENT,
    LOG_RAFT,
    LOG_METADATA,
    LOG_PARTITION,
    LOG_CLUSTER,
    LOG_COORDINATOR,
    LOG_MIRROR,
    LOG_HANDLERS,
    LOG_NETWORK,
    LOG_AREA_COUNT,
};

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum { LOG_LINE_BYTES_MAX = 2048, LOG_SITE_LINES_PER_SECOND_MAX = 10 };

/* ---- fields: names are constants; values are copied while the line is written ---- */

enum log_field_kind { LOG_FIELD_END, LOG_FIELD_TEXT, LOG_FIELD_I64, LOG_FIELD_U64, LOG_FIELD_BOOL };

struct log_field {
    const char *name;
    enum log_field_kind kind;
    union {
        struct string text;
        int64_t i64;
        uint64_t u64;
        bool boolean;
    } value;
};

static inline struct log_field field_text(const char *name, struct string value)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_TEXT, .value.text = value};
}

static inline struct log_field field_string(const char *name, const char *value)
{
    return field_text(name, string_from(value));
}

static inline struct log_field field_i64(const char *name, int64_t value)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_I64, .value.i64 = value};
}

static inline struct log_field field_u64(const char *name, uint64_t value)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_U64, .value.u64 = value};
}

static inline struct log_field field_bool(const char *name, bool value)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_BOOL, .value.boolean = value};
}

/* error="no space is left on the device" */
static inline struct log_field field_error(enum error error)
{
    return field_string("error", error_text(error));
}

/* ---- writing ---- */

/* One for each call site; counts what it wrote in the present second. */
struct log_site {
    _Atomic int64_t second;
    atomic_uint lines;
    atomic_uint kept_back;
};

void log_write(struct log_site *site, enum log_level level, enum log_area area, const char *message,
               ...);

#define LOG_AT(level, area, ...)                                                                   \
    do {                                                                                           \
        static struct log_site log_site_here;                                                      \
        log_write(&log_site_here, level, area, __VA_ARGS__,                                        \
                  (struct log_field){.kind = LOG_FIELD_END});                                      \
    } while (0)

/* log_info(area, message, fields...) */
#define log_debug(area, ...)   LOG_AT(LOG_LEVEL_DEBUG, area, __VA_ARGS__)
#define log_info(area, ...)    LOG_AT(LOG_LEVEL_INFO, area, __VA_ARGS__)
#define log_warning(area, ...) LOG_AT(LOG_LEVEL_WARNING, area, __VA_ARGS__)
#define log_error(area, ...)   LOG_AT(LOG_LEVEL_ERROR, area, __VA_ARGS__)

/* ---- the one sink of the process; before log_start() lines go to stderr as logfmt ---- */

struct log_settings {
    enum log_format format;
    enum log_level level;     /* of all areas */
    const char *path;         /* appended to; NULL: stderr */
    int64_t (*wall_ms)(void); /* NULL: the operating system's clock */
    int32_t node_id;          /* on every line; -1: none */
};

/* Opens the sink and becomes the witness of failed CHECKs. Thread: main, before others exist. */
MUST_USE
enum error log_start(const struct log_settings *settings);
void log_stop(void);

void log_set_level(enum log_area area, enum log_level level);
enum log_level log_level_of(enum log_area area);

const char *log_area_name(enum log_area area);
MUST_USE
enum error log_level_parse(struct string text, enum log_level *out_level);

#endif

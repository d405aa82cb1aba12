/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text exposition format, version 0.0.4. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/observe/metrics.h"

struct family {
    const char *name;
    const char *help;
    const char *type;
    double per_unit; /* METRIC_BY_API */
};

static const struct family values[] = {
#define COUNTER(name, text, help) {text, help, "counter", 1},
#define GAUGE(name, text, help)   {text, help, "gauge", 1},
#define METRIC_BY_API(name, text, help, per_unit)
#define HISTOGRAM(name, text, help)
#include "gyre/observe/metrics.def"
};

static const struct family by_api[] = {
#define COUNTER(name, text, help)
#define GAUGE(name, text, help)
#define METRIC_BY_API(name, text, help, per_unit) {text, help, "counter", per_unit},
#define HISTOGRAM(name, text, help)
#include "gyre/observe/metrics.def"
};

static const struct family durations[] = {
#define COUNTER(name, text, help)
#define GAUGE(name, text, help)
#define METRIC_BY_API(name, text, help, per_unit)
#define HISTOGRAM(name, text, help) {text, help, "histogram", 1},
#include "gyre/observe/metrics.def"
};

static void reserve(struct metrics_text *text, size_t more)
{
    if (text->capacity - text->length >= more) {
        return;
    }
    text->capacity = (text->length + more) * 2;
    text->bytes = check_realloc(text->bytes, text->capacity);
}

__attribute__((format(printf, 2, 3))) static void put(struct metrics_text *text, const char *format,
                                                      ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started on the line above. */
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    CHECK(length >= 0);
    reserve(text, (size_t)length + 1);
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started on the line above. */
    (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

void metrics_text_release(struct metrics_text *text)
{
    free(text->bytes);
    *text = (struct metrics_text){0};
}

void metrics_text_family(struct metrics_text *text, const char *name, const char *type,
                         const char *help)
{
    put(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_text_sample(struct metrics_text *text, const char *name, const char *labels,
                         double value)
{
    put(text, "%s", name);
    if (labels != NULL) {
        put(text, "{%s}", labels);
    }
    if (isfinite(value) && fabs(value) < 9e15 && floor(value) == value) {
        put(text, " %lld\n", (long long)value);
    } else {
        put(text, " %.17g\n", value);
    }
}

void metrics_escape(const char *bytes, size_t length, char *out, size_t size)
{
    size_t used = 0;

    CHECK(size > 0);
    for (size_t i = 0; i < length; i++) {
        char byte = bytes[i];
        bool is_escaped = byte == '"' || byte == '\\' || byte == '\n';

        if (used + (is_escaped ? 2 : 1) >= size) {
            break;
        }
        if (is_escaped) {
            out[used++] = '\\';
        }
        out[used++] = (char)(byte == '\n' ? 'n' : byte);
    }
    out[used] = '\0';
}

static void expose_histogram(const struct metric_histogram *histogram, const struct family *family,
                             struct metrics_text *text)
{
    uint64_t below = 0;

    metrics_text_family(text, family->name, family->type, family->help);
    for (int slot = 0; slot < METRIC_HISTOGRAM_SLOTS; slot++) {
        double bound_us = ldexp(slot % 2 == 0 ? 1.0 : 1.5, slot / 2);

        below += histogram->slots[slot];
        if (slot != 1) { /* between 1 and 2 us there is nothing */
            put(text, "%s_bucket{le=\"%.9g\"} %llu\n", family->name, bound_us / 1e6,
                (unsigned long long)below);
        }
    }
    put(text, "%s_bucket{le=\"+Inf\"} %llu\n", family->name, (unsigned long long)histogram->count);
    put(text, "%s_sum %.9g\n%s_count %llu\n", family->name, (double)histogram->sum_us / 1e6,
        family->name, (unsigned long long)histogram->count);
}

static void expose_by_api(const uint64_t *counts, const struct family *family,
                          const char *(*api_name)(int16_t api_key), struct metrics_text *text)
{
    char label[64];

    metrics_text_family(text, family->name, family->type, family->help);
    for (int key = 0; key < METRIC_API_KEYS; key++) {
        const char *name = api_name((int16_t)key);

        if (counts[key] > 0) {
            (void)snprintf(label, sizeof label, "api=\"%s\"", name == NULL ? "other" : name);
            metrics_text_sample(text, family->name, label, (double)counts[key] / family->per_unit);
        }
    }
}

void metrics_expose(const struct metrics *metrics, const char *(*api_name)(int16_t api_key),
                    struct metrics_text *text)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        metrics_text_family(text, values[i].name, values[i].type, values[i].help);
        metrics_text_sample(text, values[i].name, NULL, (double)metrics->values[i]);
    }
    for (int i = 0; i < API_METRIC_COUNT; i++) {
        expose_by_api(metrics->by_api[i], &by_api[i], api_name, text);
    }
    for (int i = 0; i < DURATION_METRIC_COUNT; i++) {
        expose_histogram(&metrics->durations[i], &durations[i], text);
    }
    list_for_each(link, &metrics->collectors) {
        struct metrics_collector *collector = list_entry(link, struct metrics_collector, link);

        collector->collect(collector, text);
    }
}

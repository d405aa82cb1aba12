/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics are plain numbers, counted where things happen and summed when somebody asks. Their
 * names, kinds and meanings are lines of server/observe/metrics.def:
 *
 *     metric_add(broker->metrics, METRIC_PRODUCE_BYTES, batch->length);
 *
 * What has a life of its own elsewhere (partitions, groups, links) is written at the moment of the
 * scrape by a collector. Thread: the shard that owns the struct.
 */
#ifndef GYRE_OBSERVE_METRICS_H
#define GYRE_OBSERVE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "gyre/base/list.h"

enum metric {
#define COUNTER(name, text, help) METRIC_##name,
#define GAUGE(name, text, help)   METRIC_##name,
#define METRIC_BY_API(name, text, help, per_unit)
#define HISTOGRAM(name, text, help)
#include "gyre/observe/metrics.def"
    METRIC_COUNT,
};

/* Counters with one value for each Kafka API key. */
enum api_metric {
#define COUNTER(name, text, help)
#define GAUGE(name, text, help)
#define METRIC_BY_API(name, text, help, per_unit) API_METRIC_##name,
#define HISTOGRAM(name, text, help)
#include "gyre/observe/metrics.def"
    API_METRIC_COUNT,
};

/* Distributions of durations. */
enum duration_metric {
#define COUNTER(name, text, help)
#define GAUGE(name, text, help)
#define METRIC_BY_API(name, text, help, per_unit)
#define HISTOGRAM(name, text, help) DURATION_METRIC_##name,
#include "gyre/observe/metrics.def"
    DURATION_METRIC_COUNT,
};

enum {
    METRIC_API_KEYS = 128,       /* keys at or above are counted as the last one */
    METRIC_HISTOGRAM_SLOTS = 48, /* two a power of two, from 1 us to 2^24 us */
};

struct metric_histogram {
    uint64_t slots[METRIC_HISTOGRAM_SLOTS + 1]; /* the last one: above all bounds */
    uint64_t count;
    uint64_t sum_us;
};

struct metrics {
    int64_t values[METRIC_COUNT];
    uint64_t by_api[API_METRIC_COUNT][METRIC_API_KEYS];
    struct metric_histogram durations[DURATION_METRIC_COUNT];
    struct list collectors;
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

static inline void metric_add(struct metrics *metrics, enum metric metric, int64_t amount)
{
    metrics->values[metric] += amount;
}

static inline void metric_set(struct metrics *metrics, enum metric metric, int64_t value)
{
    metrics->values[metric] = value;
}

static inline void metric_add_api(struct metrics *metrics, enum api_metric metric, int16_t api_key,
                                  uint64_t amount)
{
    int key = api_key < 0 || api_key >= METRIC_API_KEYS ? METRIC_API_KEYS - 1 : api_key;

    metrics->by_api[metric][key] += amount;
}

void metric_observe(struct metrics *metrics, enum duration_metric metric, uint64_t duration_us);

/* ---- exposition ---- */

/* Grows as it is written; owned by the caller. */
struct metrics_text {
    char *bytes;
    size_t length;
    size_t capacity;
};

/* Begins a family: "# HELP" and "# TYPE". `type` is counter or gauge. */
void metrics_text_family(struct metrics_text *text, const char *name, const char *type,
                         const char *help);

/* One sample; `labels` is NULL or like topic="a",partition="0", escaped with metrics_escape(). */
void metrics_text_sample(struct metrics_text *text, const char *name, const char *labels,
                         double value);
void metrics_text_release(struct metrics_text *text);

/* Escapes a label's value; always ends with NUL; cut off at `size`. */
void metrics_escape(const char *bytes, size_t length, char *out, size_t size);

/* Embedded in its owner, which removes the link before it goes. */
struct metrics_collector {
    struct list link;
    void (*collect)(struct metrics_collector *collector, struct metrics_text *text);
};
void metrics_add_collector(struct metrics *metrics, struct metrics_collector *collector);

/* Everything in Prometheus' text format 0.0.4. `api_name` gives an API's name or NULL. */
void metrics_expose(const struct metrics *metrics, const char *(*api_name)(int16_t api_key),
                    struct metrics_text *text);

#endif

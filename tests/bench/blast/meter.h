/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what falls between the end of the warm-up and the end of the run. */
#ifndef GYRE_TESTS_BENCH_METER_H
#define GYRE_TESTS_BENCH_METER_H

#include <stdbool.h>
#include <stdint.h>

struct blast_options;
struct blast_result;

struct meter {
    const struct blast_options *options;
    struct blast_result *result; /* borrowed until the run ends */
    int64_t warm_ns;             /* counting begins */
    int64_t end_ns;
    double cpu_before_s;
    bool is_counting;
    bool is_stopped;
};

void meter_start(struct meter *meter, const struct blast_options *options,
                 struct blast_result *result);

/* Also moves from warm-up to counting: call it every turn. */
bool meter_is_over(struct meter *meter);
void meter_stop(struct meter *meter);

/* One request with so many batches and records was answered. */
void meter_count(struct meter *meter, int64_t batches, int64_t records, int64_t bytes);
void meter_latency(struct meter *meter, int64_t latency_ns);
void meter_error(struct meter *meter, int16_t code);

#endif

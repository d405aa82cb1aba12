/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/meter.h"

#include <sys/resource.h>

#include "blast/blast.h"

static double cpu_now_s(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

void meter_start(struct meter *meter, const struct blast_options *options,
                 struct blast_result *result)
{
    int64_t now_ns = blast_now_ns();

    *result = (struct blast_result){0};
    histogram_reset(&result->latency_ns);
    *meter = (struct meter){.options = options, .result = result};
    meter->warm_ns = now_ns + (int64_t)(options->warmup_s * 1e9);
    meter->end_ns = meter->warm_ns + (int64_t)(options->duration_s * 1e9);
}

bool meter_is_over(struct meter *meter)
{
    int64_t now_ns = blast_now_ns();

    if (!meter->is_counting && now_ns >= meter->warm_ns) {
        meter->is_counting = true;
        meter->warm_ns = now_ns;
        meter->cpu_before_s = cpu_now_s();
    }
    return now_ns >= meter->end_ns ||
           (meter->options->total_bytes > 0 && meter->result->bytes >= meter->options->total_bytes);
}

void meter_stop(struct meter *meter)
{
    meter->is_stopped = true;
    meter->result->elapsed_s = (double)(blast_now_ns() - meter->warm_ns) * 1e-9;
    meter->result->cpu_s = cpu_now_s() - meter->cpu_before_s;
}

void meter_count(struct meter *meter, int64_t batches, int64_t records, int64_t bytes)
{
    if (meter->is_counting && !meter->is_stopped) {
        meter->result->requests++;
        meter->result->batches += batches;
        meter->result->records += records;
        meter->result->bytes += bytes;
    }
}

/* Latencies also after the end: what was due before it and came late must be in the tail. */
void meter_latency(struct meter *meter, int64_t latency_ns)
{
    if (meter->is_counting) {
        histogram_add(&meter->result->latency_ns, latency_ns);
    }
}

/* Also during warm-up: an error is never normal. */
void meter_error(struct meter *meter, int16_t code)
{
    meter->result->errors++;
    meter->result->last_error_code = code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* gyre bench: write records of one size to a topic, read them again, say how fast both went. */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/wire/record.h"

#include "connect_options.h"
#include "consumer.h"
#include "json_print.h"
#include "offsets.h"
#include "producer.h"
#include "session.h"

enum {
    KEY_RECORDS = 'n',
    KEY_SIZE = 's',
    KEY_BATCH_BYTES = 0x100,
    KEY_ACKS = 'a',
    KEY_COMPRESSION = 'z',
    RECORDS_DEFAULT = 1000000,
    SIZE_DEFAULT = 100,
    BATCH_BYTES_DEFAULT = 128 << 10,
    PROGRESS_US = 1000 * 1000,
    RECORDS_A_LOOK = 4096, /* how often the clock is asked */
};

struct arguments {
    struct connect_arguments connect;
    struct producer_options producer;
    int64_t records;
    size_t size;
};

struct bench {
    const struct arguments *arguments;
    struct session *session;
    uint64_t *durations_us; /* owned; of each batch */
    size_t duration_count;
    int64_t written;
    int64_t read;
    double write_s;
    double read_s;
    uint64_t reported_us;
};

static const struct argp_option options[] = {
    {"records", KEY_RECORDS, "N", 0, "How many (1000000)", 0},
    {"size", KEY_SIZE, "BYTES", 0, "Of each value (100)", 0},
    {"batch-bytes", KEY_BATCH_BYTES, "BYTES", 0, "Of a batch (131072)", 0},
    {"acks", KEY_ACKS, "0|1|all", 0, "What counts as written (all)", 0},
    {"compression", KEY_COMPRESSION, "CODEC", 0, "none, gzip, snappy, lz4 or zstd", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct producer_options *producer = &arguments->producer;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &arguments->connect; return 0;
    case KEY_RECORDS: arguments->records = option_number(state, argument, 1, 1L << 40); return 0;
    case KEY_SIZE: arguments->size = (size_t)option_number(state, argument, 0, 32 << 20); return 0;
    case KEY_BATCH_BYTES:
        producer->batch_bytes = (size_t)option_number(state, argument, 1, 32 << 20);
        return 0;
    case KEY_ACKS:
        producer->acks =
            strcmp(argument, "all") == 0 ? -1 : (int16_t)option_number(state, argument, 0, 1);
        return 0;
    case KEY_COMPRESSION:
        if (!compression_find(string_from(argument), &producer->codec)) {
            argp_error(state, "there is no compression '%s'", argument);
        }
        return 0;
    default:
        return option_topic(key, argument, state, &producer->topic,
                            "which topic? Create one for it: records stay in it");
    }
}

static void report_progress(struct bench *bench, const char *what, int64_t count)
{
    uint64_t now_us = session_now_us(bench->session);

    if (now_us - bench->reported_us > PROGRESS_US) {
        bench->reported_us = now_us;
        (void)fprintf(stderr, "%s %lld of %lld\n", what, (long long)count,
                      (long long)bench->arguments->records);
    }
}

/* ---- writing ---- */

static void on_acknowledged(void *context, uint64_t duration_us)
{
    struct bench *bench = context;

    bench->durations_us = check_realloc(bench->durations_us,
                                        (bench->duration_count + 1) * sizeof *bench->durations_us);
    bench->durations_us[bench->duration_count++] = duration_us;
}

/* Letters in an order that no codec can shrink to nothing. */
static char *make_value(size_t size)
{
    char *value = check_alloc(size + 1);
    uint32_t state = 1;

    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        value[i] = (char)('a' + (state >> 24) % 26);
    }
    return value;
}

static enum exit_status write_all(struct bench *bench, struct producer *producer)
{
    char *bytes = make_value(bench->arguments->size);
    struct string value = {bytes, (int32_t)bench->arguments->size};
    uint64_t begin_us = session_now_us(bench->session);
    enum exit_status status = STATUS_OK;

    for (int64_t i = 0; i < bench->arguments->records && status == STATUS_OK; i++) {
        status = producer_add(producer, STRING_NULL, value);
        if (i % RECORDS_A_LOOK == 0) {
            report_progress(bench, "written", i);
        }
    }
    if (status == STATUS_OK) {
        status = producer_drain(producer);
    }
    bench->written = producer_acknowledged(producer);
    bench->write_s = (double)(session_now_us(bench->session) - begin_us) / 1e6;
    free(bytes);
    return status;
}

/* ---- reading ---- */

static bool take(void *context, int32_t partition, const struct record *record)
{
    struct bench *bench = context;

    (void)partition;
    (void)record;
    bench->read++;
    return bench->read < bench->arguments->records;
}

static void on_pause(void *context)
{
    struct bench *bench = context;

    report_progress(bench, "read", bench->read);
}

static enum exit_status read_all(struct bench *bench)
{
    struct consumer_options consumer = {.topic = bench->arguments->producer.topic,
                                        .partition = CONSUMER_ALL_PARTITIONS,
                                        .start = OFFSETS_BEGINNING,
                                        .is_bounded = true,
                                        .timeout_s = bench->arguments->connect.timeout_s,
                                        .take = take,
                                        .pause = on_pause,
                                        .context = bench};
    uint64_t begin_us = session_now_us(bench->session);
    enum exit_status status = consumer_run(bench->session, &consumer);

    bench->read_s = (double)(session_now_us(bench->session) - begin_us) / 1e6;
    return status;
}

/* ---- the result ---- */

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static double quantile_ms(const struct bench *bench, double share)
{
    size_t index = (size_t)((double)bench->duration_count * share);

    if (bench->duration_count == 0) {
        return 0;
    }
    index = index >= bench->duration_count ? bench->duration_count - 1 : index;
    return (double)bench->durations_us[index] / 1e3;
}

static double rate(int64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static void print_result(struct bench *bench)
{
    double mib = (double)bench->arguments->size / (1 << 20);
    double write_rate = rate(bench->written, bench->write_s);
    double read_rate = rate(bench->read, bench->read_s);

    qsort(bench->durations_us, bench->duration_count, sizeof *bench->durations_us, compare);
    if (bench->arguments->connect.output == OUTPUT_JSON) {
        json_print(json_pack(
            "{s:I, s:f, s:f, s:I, s:f, s:f, s:f, s:f}", "written", (json_int_t)bench->written,
            "written_per_s", write_rate, "written_mib_per_s", write_rate * mib, "read",
            (json_int_t)bench->read, "read_per_s", read_rate, "read_mib_per_s", read_rate * mib,
            "batch_ms_p50", quantile_ms(bench, 0.5), "batch_ms_p99", quantile_ms(bench, 0.99)));
        return;
    }
    (void)printf("written %lld records, %.0f a second, %.1f MiB/s; a batch takes %.2f ms (p50), "
                 "%.2f ms (p99)\n",
                 (long long)bench->written, write_rate, write_rate * mib, quantile_ms(bench, 0.5),
                 quantile_ms(bench, 0.99));
    (void)printf("read    %lld records, %.0f a second, %.1f MiB/s\n", (long long)bench->read,
                 read_rate, read_rate * mib);
}

static enum exit_status bench_with(struct session *session, struct arguments *arguments)
{
    struct bench bench = {.arguments = arguments, .session = session};
    struct producer *producer = NULL;
    enum exit_status status;

    arguments->producer.batch_acknowledged = on_acknowledged;
    arguments->producer.context = &bench;
    bench.reported_us = session_now_us(session);
    status = producer_open(session, &arguments->producer, &producer);
    if (status == STATUS_OK) {
        status = write_all(&bench, producer);
    }
    producer_close(producer);
    if (status == STATUS_OK) {
        session_set_timeout(session, arguments->connect.timeout_s);
        status = read_all(&bench);
    }
    if (status == STATUS_OK) {
        print_result(&bench);
    }
    free(bench.durations_us);
    return status;
}

int bench_command(int argc, char **argv)
{
    const struct argp_child children[] = {{&connect_options, 0, NULL, 0}, {0}};
    const struct argp parser = {
        options,
        parse_option,
        "TOPIC",
        "Write records to a topic, then read as many from its beginning.\v"
        "One batch a partition is in flight, so partitions make it faster.\n\nExamples:\n"
        "  gyre topic create bench --partitions 8\n"
        "  gyre bench bench --records 5000000 --size 200",
        children,
        NULL,
        NULL};
    struct arguments arguments = {.producer = {.partition = PRODUCER_ANY_PARTITION,
                                               .acks = -1,
                                               .batch_bytes = BATCH_BYTES_DEFAULT},
                                  .records = RECORDS_DEFAULT,
                                  .size = SIZE_DEFAULT};
    struct session session;
    enum exit_status status;

    connect_arguments_init(&arguments.connect);
    (void)argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    arguments.producer.timeout_s = arguments.connect.timeout_s;
    arguments.producer.is_idempotent = arguments.producer.acks == -1;
    status = session_open(&session, &arguments.connect);
    if (status == STATUS_OK) {
        status = bench_with(&session, &arguments);
        session_close(&session);
    }
    return (int)status;
}

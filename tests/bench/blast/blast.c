/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/blast.h"

#include <argp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "gyre/base/bytes.h"
#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "blast/tls_pipe.h"

const char *argp_program_version = "blast " GYRE_VERSION;

static const char documentation[] =
    "Drives a Kafka cluster with pre-encoded batches from one thread and says what it did."
    "\vMODE is one of\n"
    "  produce  as much as it takes: every connection keeps --depth requests in flight\n"
    "  rate     --rate records a second, open loop; latency counts from when a record was due\n"
    "  fetch    read all partitions from the beginning\n"
    "\n"
    "Examples:\n"
    "  blast produce -b localhost:9092 -t w3 --create 16 --batch-bytes 16384\n"
    "  blast produce -b localhost:9092 -t w4 --create 1 --records 1 --connections 32 --depth 1\n"
    "  blast rate -b localhost:9092 -t w10 --create 10 --rate 5000 --record-bytes 1024 --json\n"
    "  blast fetch -b localhost:9092 -t w3\n"
    "  blast fetch -b localhost:9093 -t w3 --tls --ca pki/ca.crt\n"
    "\n"
    "Exit status: 0, or 1 if anything went wrong or any answer carried an error.";

enum option_key {
    KEY_CREATE = 256,
    KEY_REPLICATION,
    KEY_TOPIC_CONFIG,
    KEY_CONNECTIONS,
    KEY_DEPTH,
    KEY_BATCHES,
    KEY_RECORDS,
    KEY_RECORD_BYTES,
    KEY_BATCH_BYTES,
    KEY_CODEC,
    KEY_ACKS,
    KEY_RATE,
    KEY_FETCH_BYTES,
    KEY_AGAIN,
    KEY_WARMUP,
    KEY_DURATION,
    KEY_TOTAL_BYTES,
    KEY_JSON,
    KEY_TLS,
    KEY_CA,
    KEY_CERT,
    KEY_KEY,
};

static const struct argp_option options_table[] = {
    {"bootstrap-server", 'b', "HOST:PORT", 0, "a broker (localhost:9092)", 0},
    {"topic", 't', "NAME", 0, "(blast)", 0},
    {"tls", KEY_TLS, NULL, 0, "TLS 1.3 with AES-256-GCM", 0},
    {"ca", KEY_CA, "FILE", 0, "... and these authorities, in PEM", 0},
    {"cert", KEY_CERT, "FILE", 0, "... showing this certificate", 0},
    {"key", KEY_KEY, "FILE", 0, "... whose key this is", 0},
    {"create", KEY_CREATE, "PARTITIONS", 0, "create the topic if it does not exist", 0},
    {"replication", KEY_REPLICATION, "N", 0, "... with so many replicas (the broker's default)", 0},
    {"topic-config", KEY_TOPIC_CONFIG, "NAME=VALUE,...", 0, "... and these settings", 0},
    {"connections", KEY_CONNECTIONS, "N", 0, "to each broker (1)", 1},
    {"depth", KEY_DEPTH, "N", 0, "requests in flight on each (5)", 1},
    {"batches", KEY_BATCHES, "N", 0, "batches, of as many partitions, in a request (1)", 1},
    {"records", KEY_RECORDS, "N", 0, "records in a batch; for rate: at most (1)", 1},
    {"record-bytes", KEY_RECORD_BYTES, "BYTES", 0, "size of a record's value (1024)", 1},
    {"batch-bytes", KEY_BATCH_BYTES, "BYTES", 0, "as many records as fit, before compression", 1},
    {"codec", KEY_CODEC, "NAME", 0, "none, gzip, snappy, lz4, zstd (none)", 1},
    {"acks", KEY_ACKS, "N", 0, "-1, 0 or 1 (-1)", 1},
    {"rate", KEY_RATE, "N", 0, "records a second for MODE rate (1000)", 1},
    {"fetch-bytes", KEY_FETCH_BYTES, "BYTES", 0, "of a partition in one answer (1048576)", 1},
    {"again", KEY_AGAIN, NULL, 0, "fetch: begin anew at the end, until the time is up", 1},
    {"warmup", KEY_WARMUP, "SECONDS", 0, "not counted (0)", 2},
    {"duration", KEY_DURATION, "SECONDS", 0, "(10)", 2},
    {"total-bytes", KEY_TOTAL_BYTES, "BYTES", 0, "stop when so much is acknowledged", 2},
    {"json", KEY_JSON, NULL, 0, "print one JSON object", 2},
    {0},
};

void blast_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fprintf(stderr, "blast: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    exit(EXIT_FAILURE);
}

int64_t blast_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double number(struct argp_state *state, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);

    if (*text == '\0' || *end != '\0' || value < least || value > most) {
        argp_error(state, "%s: a number from %.0f to %.0f is wanted", text, least, most);
    }
    return value;
}

static int32_t whole(struct argp_state *state, const char *text, int32_t least)
{
    return (int32_t)number(state, text, least, INT32_MAX);
}

static void parse_mode(struct blast_options *options, struct argp_state *state, const char *text)
{
    static const char *const modes[] = {"produce", "rate", "fetch"};

    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, modes[i]) == 0) {
            options->mode = (enum blast_mode)i;
            return;
        }
    }
    argp_error(state, "%s is no mode: produce, rate or fetch", text);
}

static bool parse_text(struct blast_options *options, int key, char *text, struct argp_state *state)
{
    switch (key) {
    case 'b': options->bootstrap = text; return true;
    case 't': options->topic = text; return true;
    case KEY_TOPIC_CONFIG: options->topic_config = text; return true;
    case KEY_AGAIN: options->fetch_again = true; return true;
    case KEY_JSON: options->as_json = true; return true;
    case KEY_TLS: options->is_secure = true; return true;
    case KEY_CA: options->ca = text; return true;
    case KEY_CERT: options->cert = text; return true;
    case KEY_KEY: options->key = text; return true;
    case KEY_CODEC:
        if (!compression_find(string_from(text), &options->codec)) {
            argp_error(state, "%s is no codec", text);
        }
        return true;
    default: return false;
    }
}

static bool parse_number(struct blast_options *options, int key, const char *text,
                         struct argp_state *state)
{
    switch (key) {
    case KEY_CREATE: options->create_partitions = whole(state, text, 1); return true;
    case KEY_REPLICATION:
        options->replication_factor = (int16_t)number(state, text, 1, INT16_MAX);
        return true;
    case KEY_CONNECTIONS: options->connections = whole(state, text, 1); return true;
    case KEY_DEPTH: options->depth = whole(state, text, 1); return true;
    case KEY_BATCHES: options->batches_per_request = whole(state, text, 1); return true;
    case KEY_RECORDS: options->records_per_batch = whole(state, text, 1); return true;
    case KEY_RECORD_BYTES: options->record_bytes = whole(state, text, 0); return true;
    case KEY_BATCH_BYTES: options->batch_bytes = whole(state, text, 1); return true;
    case KEY_ACKS: options->acks = (int16_t)number(state, text, -1, 1); return true;
    case KEY_RATE: options->rate = number(state, text, 0.001, 1e8); return true;
    case KEY_FETCH_BYTES: options->fetch_bytes = whole(state, text, 1); return true;
    case KEY_WARMUP: options->warmup_s = number(state, text, 0, 1e6); return true;
    case KEY_DURATION: options->duration_s = number(state, text, 0, 1e6); return true;
    case KEY_TOTAL_BYTES: options->total_bytes = (int64_t)number(state, text, 1, 1e15); return true;
    default: return false;
    }
}

static void check_together(const struct blast_options *options, struct argp_state *state)
{
    if (options->mode == BLAST_RATE && options->acks == 0) {
        argp_error(state, "a latency needs an answer: rate and --acks 0 do not go together");
    }
    if (options->is_secure != (options->ca != NULL)) {
        argp_error(state, "--tls and --ca go together");
    }
    if ((options->cert != NULL) != (options->key != NULL) ||
        (options->cert != NULL && !options->is_secure)) {
        argp_error(state, "--cert and --key go together, and with --tls");
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct blast_options *options = state->input;

    if (parse_text(options, key, text, state) || parse_number(options, key, text, state)) {
        return 0;
    }
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_usage(state);
        }
        parse_mode(options, state, text);
        return 0;
    case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
    case ARGP_KEY_END: check_together(options, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static double quantile_us(const struct blast_result *result, double share)
{
    return (double)histogram_quantile(&result->latency_ns, share) / 1000;
}

static double mean_us(const struct blast_result *result)
{
    uint64_t count = result->latency_ns.count;

    return count == 0 ? 0 : result->latency_ns.sum / (double)count / 1000;
}

static void print_json(const struct blast_options *options, const struct blast_result *result)
{
    static const char *const modes[] = {"produce", "rate", "fetch"};
    double s = result->elapsed_s;

    printf("{\"mode\":\"%s\",\"topic\":\"%s\",\"seconds\":%.3f,\"requests\":%lld,"
           "\"batches\":%lld,\"records\":%lld,\"bytes\":%lld,",
           modes[options->mode], options->topic, s, (long long)result->requests,
           (long long)result->batches, (long long)result->records, (long long)result->bytes);
    printf("\"mb_per_s\":%.3f,\"records_per_s\":%.1f,\"requests_per_s\":%.1f,",
           (double)result->bytes / s * 1e-6, (double)result->records / s,
           (double)result->requests / s);
    printf("\"errors\":%lld,\"last_error\":\"%s\",\"unanswered\":%lld,\"client_cpu_s\":%.3f,",
           (long long)result->errors, kafka_error_name(result->last_error_code),
           (long long)result->unanswered, result->cpu_s);
    printf("\"latency_us\":{\"count\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"p99_9\":%.1f,\"max\":%.1f}}\n",
           (unsigned long long)result->latency_ns.count, mean_us(result), quantile_us(result, 0.5),
           quantile_us(result, 0.9), quantile_us(result, 0.99), quantile_us(result, 0.999),
           (double)result->latency_ns.max / 1000);
}

static void print_text(const struct blast_result *result)
{
    double s = result->elapsed_s;

    printf("%.1f MB/s  %.0f records/s  %.0f requests/s  in %.1f s, %.2f s of CPU here\n",
           (double)result->bytes / s * 1e-6, (double)result->records / s,
           (double)result->requests / s, s, result->cpu_s);
    printf("latency us: mean %.1f  p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n",
           mean_us(result), quantile_us(result, 0.5), quantile_us(result, 0.9),
           quantile_us(result, 0.99), quantile_us(result, 0.999),
           (double)result->latency_ns.max / 1000);
    if (result->errors > 0 || result->unanswered > 0) {
        printf("%lld errors (last: %s), %lld records not acknowledged\n", (long long)result->errors,
               kafka_error_name(result->last_error_code), (long long)result->unanswered);
    }
}

static void make_tls(struct blast_options *options)
{
    char message[TLS_PIPE_MESSAGE_BYTES];

    if (options->is_secure) {
        options->tls = tls_pipe_context_new(options->ca, options->cert, options->key, message);
        if (options->tls == NULL) {
            blast_fail("%s", message);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options_table, .parser = parse_option, .args_doc = "MODE", .doc = documentation};
    static struct blast_result result;
    struct blast_options options = {.bootstrap = "localhost:9092",
                                    .topic = "blast",
                                    .replication_factor = -1,
                                    .connections = 1,
                                    .depth = 5,
                                    .batches_per_request = 1,
                                    .records_per_batch = 1,
                                    .record_bytes = 1024,
                                    .acks = -1,
                                    .rate = 1000,
                                    .fetch_bytes = 1 << 20,
                                    .duration_s = 10};
    struct blast_cluster cluster;

    (void)argp_parse(&argp, argc, argv, 0, NULL, &options);
    (void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    make_tls(&options);
    blast_cluster_find(&cluster, &options);
    if (options.mode == BLAST_FETCH) {
        blast_fetch_run(&cluster, &options, &result);
    } else {
        blast_produce_run(&cluster, &options, &result);
    }
    blast_cluster_release(&cluster);
    SSL_CTX_free(options.tls);
    if (options.as_json) {
        print_json(&options, &result);
    } else {
        print_text(&result);
    }
    return result.errors > 0 || result.unanswered > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

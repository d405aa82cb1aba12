/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blast: a load generator that speaks Kafka's protocol, plain or over TLS, from one thread, so
 * cheaply that the broker is what is measured. Batches are encoded before the clock starts. It is a
 * tool: what goes wrong ends the process with a sentence.
 */
#ifndef GYRE_TESTS_BENCH_BLAST_H
#define GYRE_TESTS_BENCH_BLAST_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/wire/compression.h"
#include "gyre/wire/frame.h"

#include "blast/histogram.h"

enum blast_mode { BLAST_PRODUCE, BLAST_RATE, BLAST_FETCH };

struct blast_options {
    enum blast_mode mode;
    const char *bootstrap;
    const char *topic;
    bool as_json;
    /* TLS */
    bool is_secure;
    const char *ca;
    const char *cert;
    const char *key;
    SSL_CTX *tls; /* made of these; NULL: plaintext */
    /* the topic, if it is to be created */
    int32_t create_partitions;
    int16_t replication_factor;
    const char *topic_config; /* NAME=VALUE,... */
    /* load */
    int32_t connections; /* to each broker */
    int32_t depth;       /* requests in flight on each */
    int32_t batches_per_request;
    int32_t records_per_batch; /* at most, for BLAST_RATE */
    int32_t record_bytes;
    int32_t batch_bytes; /* instead of records_per_batch; 0: not given */
    enum compression codec;
    int16_t acks;
    double rate; /* records a second */
    int32_t fetch_bytes;
    bool fetch_again; /* begin anew at the end of the log */
    /* how long */
    double warmup_s;
    double duration_s;
    int64_t total_bytes; /* stop earlier; 0: no */
};

/* What was counted between warm-up and end. */
struct blast_result {
    double elapsed_s;
    int64_t requests;
    int64_t batches;
    int64_t records;
    int64_t bytes; /* of batches */
    int64_t errors;
    int64_t unanswered; /* records sent, or due, and not acknowledged at the end */
    int16_t last_error_code;
    double cpu_s; /* of this process */
    struct histogram latency_ns;
};

struct blast_broker {
    int32_t node_id;
    int32_t port;
    char host[256];
};

struct blast_partition {
    int32_t index;
    int32_t broker; /* place in cluster->brokers */
};

struct blast_cluster {
    struct blast_broker *brokers; /* owned */
    int32_t broker_count;
    struct blast_partition *partitions; /* owned */
    int32_t partition_count;
};

_Noreturn void blast_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int64_t blast_now_ns(void);

/* Create the topic if asked to, wait until every partition has a leader. Blocking. */
void blast_cluster_find(struct blast_cluster *cluster, const struct blast_options *options);
void blast_cluster_release(struct blast_cluster *cluster);

void blast_produce_run(const struct blast_cluster *cluster, const struct blast_options *options,
                       struct blast_result *result);
void blast_fetch_run(const struct blast_cluster *cluster, const struct blast_options *options,
                     struct blast_result *result);

#endif

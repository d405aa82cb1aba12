/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes Produce requests before the clock starts; batches are shared by all partitions. */
#ifndef GYRE_TESTS_BENCH_ENCODER_H
#define GYRE_TESTS_BENCH_ENCODER_H

#include <stdint.h>

struct blast_options;
struct buffer;
struct frame_output;

enum { ENCODER_PRODUCE_VERSION = 7 };

/* How many records make a batch: as told, or as many as fit into --batch-bytes. */
int32_t encoder_records_per_batch(const struct blast_options *options);

struct buffer *encoder_batch(const struct blast_options *options, int32_t records);

/* One request with the same batch for each of `count` partitions. */
void encoder_request(const struct blast_options *options, const int32_t *partitions, int32_t count,
                     struct buffer *batch, struct frame_output *out_frame);

#endif

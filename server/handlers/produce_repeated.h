/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions that one Produce request names more than once. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_PRODUCE_REPEATED_H
#define GYRE_HANDLERS_PRODUCE_REPEATED_H

#include <stdbool.h>

struct produce_request;
struct request;

/*
 * Leaves each partition once, as Kafka does: where it was named first, with the records that were
 * named last. False: the request names too many.
 */
bool produce_repeated_join(struct request *request, struct produce_request *in);

#endif

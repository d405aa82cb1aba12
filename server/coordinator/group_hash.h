/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a group lives follows from Java's String.hashCode(), which counts UTF-16 units. Thread:
 * any.
 */
#ifndef GYRE_COORDINATOR_GROUP_HASH_H
#define GYRE_COORDINATOR_GROUP_HASH_H

#include <stdint.h>

#include "gyre/base/bytes.h"

/* Bytes that are not UTF-8 count as U+FFFD each. */
int32_t group_hash(struct string text);

/* Java's length(): UTF-16 units. */
int32_t group_hash_length(struct string text);

int32_t group_hash_partition(struct string group_id, int32_t partition_count);

#endif

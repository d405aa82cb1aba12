/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names a topic may have: Kafka's rule, and those of topics inside of streams, in both
 * spellings (gyre/access/stream_name.h). Nothing else may hold `..`.
 * Thread: any.
 */
#ifndef GYRE_METADATA_TOPIC_NAME_H
#define GYRE_METADATA_TOPIC_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "gyre/base/bytes.h"

enum { TOPIC_NAME_BYTES_MAX = 249 };

/* False: the name is not allowed, and `reason` says why, in Kafka's words where Kafka refuses it.
 */
bool topic_name_is_valid(struct string name, char *reason, size_t reason_size);

/* Topics that brokers keep for themselves. */
bool topic_name_is_internal(struct string name);

#endif

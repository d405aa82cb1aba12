/* SPDX-License-Identifier: Apache-2.0 */
/* Where the partitions of a topic begin and end, asked from their leaders. */
#ifndef GYRE_OPS_OFFSETS_H
#define GYRE_OPS_OFFSETS_H

#include <stdint.h>

#include "command.h"

struct session;

enum { OFFSETS_BEGINNING = -2, OFFSETS_END = -1 }; /* as ListOffsets names them */
enum { OFFSETS_ALL_PARTITIONS = -1, OFFSETS_UNKNOWN = -100 };

/*
 * Fills offsets[0] to [count - 1], or that of one `partition` only. What was not asked, or not
 * answered when this fails, is OFFSETS_UNKNOWN. The topic's metadata must be known; it is asked for
 * again when leaders have moved.
 */
enum exit_status offsets_ask(struct session *session, const char *topic, int32_t partition,
                             int64_t which, int64_t *offsets, int32_t count);

#endif

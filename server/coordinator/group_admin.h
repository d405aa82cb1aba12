/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators ask of single groups. Thread: the shard's own. */
#ifndef GYRE_COORDINATOR_GROUP_ADMIN_H
#define GYRE_COORDINATOR_GROUP_ADMIN_H

#include "gyre/base/error.h"
#include "gyre/wire/kafka_error.h"

struct arena;
struct describe_groups_response_groups;
struct group;

/* Copies all it says into the arena. LIMIT: it is exhausted. */
MUST_USE
enum error group_admin_describe(const struct group *group, struct arena *arena,
                                struct describe_groups_response_groups *out);

/* GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP; NONE: done() will be called. */
typedef void (*group_admin_deleted)(void *context, int32_t index, enum kafka_error error);
enum kafka_error group_admin_delete(struct group *group, int32_t index, group_admin_deleted done,
                                    void *context);

#endif

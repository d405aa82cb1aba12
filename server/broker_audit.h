/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's audit, as its configuration wants it. Thread: the shard's own. */
#ifndef GYRE_BROKER_AUDIT_H
#define GYRE_BROKER_AUDIT_H

#include "gyre/base/uuid.h"

struct audit;
struct broker_config;
struct loop;
struct metrics;
struct work_pool;

/* NULL: not wanted. */
struct audit *broker_audit_new(const struct broker_config *config, struct loop *loop,
                               struct work_pool *pool, struct metrics *metrics);
void broker_audit_name_region(struct audit *audit, struct uuid cluster_id);

#endif

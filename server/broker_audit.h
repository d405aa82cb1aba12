/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's audit, as its configuration wants it. Thread: the shard's own. */
#ifndef GYRE_BROKER_AUDIT_H
#define GYRE_BROKER_AUDIT_H

#include "gyre/base/uuid.h"

struct audit;
struct audit_topic;
struct broker;
struct broker_config;
struct loop;
struct metrics;
struct work_pool;

/* `broker` is filled later. NULL: not wanted. */
struct audit *broker_audit_new(const struct broker_config *config, struct broker *broker,
                               struct loop *loop, struct work_pool *pool, struct metrics *metrics,
                               struct audit_topic **out_topic);
void broker_audit_name_region(struct audit *audit, struct uuid cluster_id);

#endif

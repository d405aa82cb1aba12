/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits that were given, found by Kafka's precedence. Private to quota/.
 * Thread: the shard's own.
 */
#ifndef GYRE_QUOTA_QUOTA_LIMITS_H
#define GYRE_QUOTA_QUOTA_LIMITS_H

#include "gyre/base/map.h"
#include "gyre/quota/quota.h"

struct quota_limits {
    struct map given; /* struct given_limit, by entity and kind */
    size_t counts[QUOTA_KIND_COUNT];
};

/* Which of the subject's names the limit was found by: subjects that differ in others share it. */
struct quota_found {
    double limit; /* HUGE_VAL: none */
    bool by_user;
    bool by_client_id;
};

void quota_limits_init(struct quota_limits *limits);
void quota_limits_clear(struct quota_limits *limits);
void quota_limits_release(struct quota_limits *limits);
void quota_limits_set(struct quota_limits *limits, const struct quota_entity *entity,
                      enum quota_kind kind, double limit);
struct quota_found quota_limits_find(const struct quota_limits *limits, enum quota_kind kind,
                                     const struct quota_subject *subject);

#endif

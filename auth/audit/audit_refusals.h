/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals that are counted instead of written. Private to audit/. Thread: the shard's own.
 */
#ifndef GYRE_AUDIT_AUDIT_REFUSALS_H
#define GYRE_AUDIT_AUDIT_REFUSALS_H

#include "gyre/audit/audit.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"

enum { AUDIT_REFUSALS_MAX = 4096 };

/* One that was written, and how often it came again since. */
struct audit_refusal {
    struct map_link link;
    struct list age; /* oldest first */
    uint64_t since_us;
    uint64_t again;
    struct audit_event event; /* its texts lie behind the struct */
};

struct audit_refusals {
    struct map by_key;
    struct list ages;
};

void audit_refusals_init(struct audit_refusals *refusals);
void audit_refusals_release(struct audit_refusals *refusals);

/* True: an equal one was written within the window, this one is counted there. */
bool audit_refusals_count(struct audit_refusals *refusals, const struct audit_event *event);
void audit_refusals_add(struct audit_refusals *refusals, const struct audit_event *event,
                        uint64_t now_us);
bool audit_refusals_are_full(const struct audit_refusals *refusals);

/* The oldest one that began before, to be written if it came again, and freed; NULL: none. */
struct audit_refusal *audit_refusals_take(struct audit_refusals *refusals, uint64_t before_us);

#endif

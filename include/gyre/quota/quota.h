/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client quotas (KIP-13, 124, 546, 599, 612): how much a user, a client id or an address may
 * produce, fetch, compute, change and connect in a second, measured on this broker. Who goes beyond
 * is not refused: it is told to rest, for as long as brings its rate back to the quota.
 *
 * Rates are Kafka's: the sum over the last `samples` windows by the time that they cover, and at
 * least samples - 1 whole windows. Rest = (rate - quota) / quota x time covered. Controller
 * mutations are a token bucket of quota x samples x window.
 *
 * Times are microseconds of any monotonic clock. Thread: the shard's own.
 */
#ifndef GYRE_QUOTA_QUOTA_H
#define GYRE_QUOTA_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

enum quota_kind {
    QUOTA_PRODUCE,             /* producer_byte_rate: bytes a second */
    QUOTA_FETCH,               /* consumer_byte_rate: bytes a second */
    QUOTA_REQUEST,             /* request_percentage: of one processor's time; amounts in
                                * microseconds */
    QUOTA_CONTROLLER_MUTATION, /* controller_mutation_rate: partitions a second */
    QUOTA_CONNECTION_RATE,     /* connection_creation_rate: connections a second, by address */
    QUOTA_KIND_COUNT,
};

/* "producer_byte_rate". */
const char *quota_kind_name(enum quota_kind kind);
/* False: no kind has this name. */
bool quota_kind_find(struct string name, enum quota_kind *out_kind);

/* One part of an entity: a name, the default of all names, or nothing said of it. */
enum quota_part_kind { QUOTA_PART_ABSENT, QUOTA_PART_DEFAULT, QUOTA_PART_NAMED };
struct quota_part {
    enum quota_part_kind kind;
    struct string name;
};

/* Whom a quota was given to: user and client id together or one of them, or an address alone. */
struct quota_entity {
    struct quota_part user; /* the name without "User:" */
    struct quota_part client_id;
    struct quota_part ip;
};

struct quota_options {
    int samples;        /* quota.window.num: 11 */
    uint64_t window_us; /* quota.window.size.seconds: 1 s */
    size_t meters_max;  /* measured at once; the one longest unused makes room */
};

struct quota_table; /* opaque */

struct quota_table *quota_table_new(const struct quota_options *options);
void quota_table_free(struct quota_table *table);

/* ---- what was given, from the catalog ---- */
void quota_table_set(struct quota_table *table, const struct quota_entity *entity,
                     enum quota_kind kind, double limit);
void quota_table_clear(struct quota_table *table); /* the limits; what was measured stays */

/* Is there any limit of this kind? Asked first, so that regions without quotas pay nothing. */
bool quota_table_has(const struct quota_table *table, enum quota_kind kind);

/* ---- what is measured ---- */
/* Who does it. For QUOTA_CONNECTION_RATE `ip` alone counts, else user and client id. */
struct quota_subject {
    struct string user;
    struct string client_id;
    struct string ip;
};

/* The limit that counts for the subject, by Kafka's precedence; HUGE_VAL where none was given. */
double quota_limit(const struct quota_table *table, enum quota_kind kind,
                   const struct quota_subject *subject);

/* Adds `amount` and says how long the subject should rest, in milliseconds; 0: not at all. */
int32_t quota_record(struct quota_table *table, enum quota_kind kind,
                     const struct quota_subject *subject, double amount, uint64_t now_us);

/* Takes back what was recorded and then not sent. */
void quota_unrecord(struct quota_table *table, enum quota_kind kind,
                    const struct quota_subject *subject, double amount, uint64_t now_us);

/* How long the subject should rest as things stand, without adding anything. */
int32_t quota_rest_ms(struct quota_table *table, enum quota_kind kind,
                      const struct quota_subject *subject, uint64_t now_us);

#endif

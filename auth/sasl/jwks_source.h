/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the keys of signers come from, over time: loaded on the pool, again every while, soon again
 * after a failure, and once early when a token names a key that we do not have.
 *
 * Private to sasl/. Thread: the shard's own.
 */
#ifndef GYRE_SASL_JWKS_SOURCE_H
#define GYRE_SASL_JWKS_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/list.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

struct jwks;

/* Borrowed until the source is freed. */
struct jwks_source_options {
    struct loop *loop;
    struct work_pool *pool;
    const char *url;
    const char *ca_path; /* NULL: the system's authorities */
    uint64_t refresh_us;
    uint64_t retry_us; /* doubled with each failure, up to the next */
    uint64_t retry_us_max;
};

/* Who waits for the next keys; embedded, and taken off by list_remove(). */
struct jwks_waiter {
    struct list link;
    void (*came)(struct jwks_waiter *waiter); /* or could not be had */
};

struct jwks_source *jwks_source_new(const struct jwks_source_options *options);
void jwks_source_stop(struct jwks_source *source);
void jwks_source_free(struct jwks_source *source); /* after the pool's end; NULL is fine */

/* A reference for the caller, or NULL: none was loaded yet. */
struct jwks *jwks_source_get(const struct jwks_source *source);

/* A key is missing. False: they were asked for too short a time ago, these are the newest. */
bool jwks_source_wait(struct jwks_source *source, struct jwks_waiter *waiter);

#endif

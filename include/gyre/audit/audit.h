/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit is the trace of who did what: every authentication, every change, every refusal, and
 * one of so many of what was allowed. A line is a JSON object; what clients say is escaped in it,
 * and secrets have no field to stand in.
 *
 * Equal refusals (principal, operation, resource, host) and failed authentications (mechanism,
 * reason, host) are written once and then counted for ten seconds, so that a client in a loop, or
 * one that guesses passwords, cannot flood the disk. Lines wait in memory up to a limit while the
 * file cannot be written; beyond it they are dropped and counted, and audit_is_behind() lets
 * administration be refused where the operator wants it so.
 *
 * Thread: the shard's own; the file is written on the pool.
 */
#ifndef GYRE_AUDIT_AUDIT_H
#define GYRE_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct audit; /* opaque */
struct loop;
struct metrics;
struct work_pool;

enum audit_kind {
    AUDIT_AUTHENTICATION, /* result says how it went */
    AUDIT_CHANGE,  /* topics, configurations, rules, users, quotas, records, groups, leaders */
    AUDIT_REFUSAL, /* the identity may not do it */
    AUDIT_ACCESS,  /* it may, and did; sampled */
};

enum { AUDIT_TEXT_BYTES_MAX = 1024 }; /* of one text; the rest is cut off */

/* What is null or 0 is left out. Everything is copied. */
struct audit_event {
    enum audit_kind kind;
    uint64_t connection_id;
    struct string peer; /* address */
    struct string listener;
    struct string tls_version;
    struct string tls_cipher;
    struct string tls_subject;
    struct string mechanism;
    struct string principal;
    struct string client_id;
    struct string api;
    struct string operation;
    struct string resource_type;
    struct string resource;
    struct string rule; /* what decided */
    bool is_success;
    struct string error;  /* why not, as the client was told */
    struct string detail; /* what was changed, in words; never a secret */
};

struct audit_options {
    struct loop *loop;
    struct work_pool *pool;
    struct metrics *metrics; /* may be NULL */
    const char *path;        /* copied; NULL: no file */
    int32_t node_id;
    size_t waiting_bytes_max;
    uint64_t refusal_window_us;
    int32_t access_sample; /* one of so many AUDIT_ACCESS is written; 0: none */
    /* Each block of whole lines, once, as it is handed to the file. May be NULL. */
    void (*publish)(void *context, struct string lines);
    void *context;
};

struct audit *audit_new(const struct audit_options *options);
/* Writes what waits, blocking. The pool must have ended. NULL is fine. */
void audit_free(struct audit *audit);

void audit_set_cluster_id(struct audit *audit, struct string cluster_id);
void audit_record(struct audit *audit, const struct audit_event *event);

/* Is this access one of those that are written? Ask once for each, and record it if so. */
bool audit_wants_access(struct audit *audit);

/* Lines were dropped, or would be soon: the file cannot be written as fast as they come. */
bool audit_is_behind(const struct audit *audit);

#endif

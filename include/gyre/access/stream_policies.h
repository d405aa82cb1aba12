/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies of a region's streams, compiled: who may produce to, consume from, make topics in,
 * administer and copy a stream.
 *
 *     produce   WRITE and DESCRIBE of topics
 *     consume   READ and DESCRIBE of topics, and of groups that are named like them
 *     topics    CREATE, DELETE, ALTER, ALTER_CONFIGS and DESCRIBE of topics
 *     admin     DESCRIBE of topics and groups, ALTER_CONFIGS; the stream itself
 *     copy      mirrors of the stream
 *
 * A policy only ever allows. In a stream that enforces it, no access control entry allows instead;
 * in an additive one either is enough.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_ACCESS_STREAM_POLICIES_H
#define GYRE_ACCESS_STREAM_POLICIES_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/access/acl.h"
#include "gyre/access/expression.h"

enum stream_permission {
    STREAM_PRODUCE,
    STREAM_CONSUME,
    STREAM_TOPICS,
    STREAM_ADMIN,
    STREAM_COPY,
    STREAM_PERMISSIONS,
};
const char *stream_permission_name(enum stream_permission permission); /* "produce" */

/* A stream as the catalog keeps it; expressions by permission. */
struct stream_rules {
    struct string name; /* "/ads/clicks" */
    bool is_additive;
    struct string expressions[STREAM_PERMISSIONS];
};

struct stream_policies; /* opaque */
struct stream_policy;   /* opaque */

struct stream_policies *stream_policies_new(void);
void stream_policies_free(struct stream_policies *policies);

/* Enter or replace. INVALID: the name is none. An expression that cannot be read lets nobody
 * through; MALFORMED then, and the rest counts. */
MUST_USE
enum error stream_policies_put(struct stream_policies *policies, const struct stream_rules *rules);
/* Forget all: what the catalog holds is put anew. */
void stream_policies_clear(struct stream_policies *policies);
/* Something that expressions ask for has changed: roles. */
void stream_policies_touch(struct stream_policies *policies);
/* Like acl_set_epoch(), from the same numbers. */
uint64_t stream_policies_epoch(const struct stream_policies *policies);

/* The policy of a stream, by its path; of the stream that a topic or group lies in, by its name in
 * either spelling. NULL: none. */
const struct stream_policy *stream_policies_find(const struct stream_policies *policies,
                                                 struct string path);
const struct stream_policy *stream_policies_find_around(const struct stream_policies *policies,
                                                        struct string name);

struct string stream_policy_name(const struct stream_policy *policy); /* "/ads/clicks" */
bool stream_policy_is_additive(const struct stream_policy *policy);
/* NULL: it could not be read. */
const struct expression *stream_policy_expression(const struct stream_policy *policy,
                                                  enum stream_permission permission);

bool stream_policy_grants(const struct stream_policy *policy, enum stream_permission permission,
                          const struct expression_subject *subject);

/* Bit N: permission N would allow it. 0: no policy does. */
unsigned stream_policies_permissions_for(enum acl_resource resource, enum acl_operation operation);

/* Does some stream grant it? */
bool stream_policies_any_grants(const struct stream_policies *policies,
                                enum stream_permission permission,
                                const struct expression_subject *subject,
                                bool (*is_denied)(void *context, struct string stream_prefix),
                                void *context);

#endif

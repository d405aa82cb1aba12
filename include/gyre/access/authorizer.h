/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorizer decides whether an identity may carry out an operation on a resource, in Kafka's
 * order: super users; any DENY that applies; any ALLOW that applies; and where no entry of anybody
 * names the resource, the choice of the configuration.
 *
 * A DENY never implies anything. An ALLOW of READ, WRITE, DELETE or ALTER implies DESCRIBE, one of
 * ALTER_CONFIGS implies DESCRIBE_CONFIGS. Hosts are compared as text.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_ACCESS_AUTHORIZER_H
#define GYRE_ACCESS_AUTHORIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/access/acl.h"

struct authorizer; /* opaque */
struct identity;

struct authorizer_options {
    struct string super_users; /* "User:alice;User:bob", copied */
    bool allow_everyone_if_no_acl_found;
    const struct acl_set *acls; /* borrowed; outlives the authorizer */
};

struct access_question {
    const struct identity *identity;
    struct string host; /* textual address of the client */
    enum acl_operation operation;
    enum acl_resource resource;
    struct string name;
};

/* What a decision rests on. */
enum access_basis {
    ACCESS_BY_SUPER_USER,
    ACCESS_BY_DENY,
    ACCESS_BY_ALLOW,
    ACCESS_BY_NO_ACL,  /* nothing names the resource: the configuration decides */
    ACCESS_BY_DEFAULT, /* something names the resource, nothing applies: no */
};

struct access_decision {
    bool is_allowed;
    enum access_basis basis;
    struct acl rule; /* of DENY and ALLOW; borrowed from the set until it changes */
};

struct authorizer *authorizer_new(const struct authorizer_options *options);
void authorizer_free(struct authorizer *authorizer);

/* The answer alone; remembered until the rules change. */
bool authorizer_allows(struct authorizer *authorizer, const struct access_question *question);

/* The answer and its reason, always worked out anew. */
void authorizer_decide(const struct authorizer *authorizer, const struct access_question *question,
                       struct access_decision *decision);

/* May the identity do this to at least one resource of the type? The name of the question does not
 * count (KIP-679: who may write to some topic may have a producer id). */
bool authorizer_allows_any(struct authorizer *authorizer, const struct access_question *question);

/* "User:alice;User:bob": is the principal one of them? */
bool authorizer_is_super_user(const struct authorizer *authorizer, struct string principal);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorizer decides whether an identity may carry out an operation on a resource: super users;
 * any DENY that applies; any ALLOW that applies; the policy of the stream that the resource lies
 * in; and where no entry of anybody names the resource, the choice of the configuration. In a
 * stream that enforces its policy an ALLOW does not suffice, in an additive one either does.
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
#include "gyre/access/stream_policies.h"

struct authorizer; /* opaque */
struct identity;

struct authorizer_options {
    struct string super_users; /* "User:alice;User:bob", copied */
    bool allow_everyone_if_no_acl_found;
    /* Borrowed; they outlive the authorizer. */
    const struct acl_set *acls;
    const struct stream_policies *streams; /* NULL: none */
    /* Groups and roles that the catalog knows of a principal, borrowed until it changes. May be
     * NULL. Whoever changes them touches `streams`. */
    void (*find_roles)(void *context, struct string principal, struct expression_subject *out);
    void *context;
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
    ACCESS_BY_STREAM,  /* the policy of its stream allows it */
    ACCESS_BY_STREAM_REFUSAL,
};

struct access_decision {
    bool is_allowed;
    enum access_basis basis;
    struct acl rule; /* of DENY and ALLOW; borrowed from the set until it changes */
    /* Of STREAM and its refusal: borrowed until policies change. */
    const struct stream_policy *stream;
    enum stream_permission permission; /* that allows, or the first that would */
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

/* Groups and roles that count for an identity. */
void authorizer_subject(const struct authorizer *authorizer, const struct identity *identity,
                        struct expression_subject *subject);

/* Does a stream of its own stand in for rules about the cluster here? Creating and deleting need
 * the stream's permission then. */
bool authorizer_stands_alone(const struct authorizer *authorizer, struct string topic);

/* "User:alice;User:bob": is the principal one of them? */
bool authorizer_is_super_user(const struct authorizer *authorizer, struct string principal);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the catalog knows of who may do what and how much of it: credentials, access rules, quotas,
 * delegation tokens, streams, roles. It keeps them and tells of changes; it decides nothing, and
 * whether a name or an expression makes sense was judged by the one who submitted it.
 *
 * What is returned is borrowed until the end of the loop's turn. Thread: the shard's own.
 */
#ifndef GYRE_METADATA_CATALOG_SECURITY_H
#define GYRE_METADATA_CATALOG_SECURITY_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/access/acl.h"
#include "gyre/base/bytes.h"
#include "gyre/sasl/credential.h"

struct catalog;

enum {
    CATALOG_PRINCIPAL_BYTES_MAX = 1024, /* also users, client ids, addresses */
    CATALOG_EXPRESSION_BYTES_MAX = 64 * 1024,
    CATALOG_CREDENTIALS_MAX = 200000,
    CATALOG_QUOTAS_MAX = 100000,
    CATALOG_QUOTA_VALUES_MAX = 16,
    CATALOG_TOKENS_MAX = 100000,
    CATALOG_TOKEN_RENEWERS_MAX = 100,
    CATALOG_STREAMS_MAX = 10000,
    CATALOG_STREAM_PROPERTIES_MAX = 100,
    CATALOG_ROLES_MAX = 10000,
    CATALOG_ROLE_MEMBERS_MAX = 10000,
    CATALOG_SECRET_BYTES = 32,
};

/* What listeners are told has changed. */
enum catalog_security {
    CATALOG_SCRAM,
    CATALOG_ACL,
    CATALOG_QUOTA,
    CATALOG_TOKEN,
    CATALOG_STREAM,
    CATALOG_ROLE,
    CATALOG_SECURITY_KINDS,
};

struct catalog_scram {
    struct string user;
    struct scram_credential credential;
};

/* One part of a quota's entity. */
struct catalog_quota_part {
    bool is_given;
    struct string name; /* null: the default of its kind */
};

struct catalog_quota_value {
    struct string key; /* "producer_byte_rate" */
    double value;
};

struct catalog_quota {
    struct catalog_quota_part user;
    struct catalog_quota_part client_id;
    struct catalog_quota_part ip;
    const struct catalog_quota_value *values; /* sorted by key */
    int32_t value_count;
};

struct catalog_stream_property {
    struct string name;
    struct string value;
};

/* A container of topics with five policy expressions; an empty one lets nobody through. */
struct catalog_stream {
    struct string name;  /* "/ads/clicks" */
    struct string owner; /* principal; may be empty */
    bool is_additive;    /* ace.mode=additive: Kafka's own rules suffice */
    struct string produce;
    struct string consume;
    struct string topics;
    struct string admin;
    struct string copy;
    const struct catalog_stream_property *properties; /* as they were given */
    int32_t property_count;
    uint64_t version; /* grows with every change, never 0 */
};

/* A group or role that policy expressions ask for, by the name that they use: "g:ads". */
struct catalog_role {
    struct string name;
    const struct string *members; /* principals, sorted; never none */
    int32_t member_count;
};

/* The names of all roles of one principal, in no order. */
struct catalog_groups {
    const struct string *names;
    int32_t count;
};

/* What no client is told and every broker of the region knows, made by chance when the region
 * formed; empty before. */
struct bytes catalog_region_secret(const struct catalog *catalog);

/*
 * The credential of a user, or with false in `out_is_theirs` that of somebody else, by as much
 * work: the time does not tell who exists. NULL: nobody has one.
 */
const struct scram_credential *catalog_find_scram_or_other(const struct catalog *catalog,
                                                           struct string user,
                                                           enum scram_mechanism mechanism,
                                                           bool *out_is_theirs);

/*
 * How the credential of one of the region's users looks, chosen by the number; the same on all
 * brokers, and each look as often as there are users of it. Zeros: there are none.
 */
struct scram_shape catalog_scram_shape(const struct catalog *catalog,
                                       enum scram_mechanism mechanism, uint64_t number);

/* ---- looking things up: NULL where there is none ---- */
const struct scram_credential *catalog_find_scram(const struct catalog *catalog, struct string user,
                                                  enum scram_mechanism mechanism);
const struct delegation_token *catalog_find_token(const struct catalog *catalog, struct string id);
/* Parts that are not given need not be set. */
const struct catalog_quota *catalog_find_quota(const struct catalog *catalog,
                                               const struct catalog_quota *entity);
const struct catalog_stream *catalog_find_stream(const struct catalog *catalog, struct string name);
/* The stream that a topic lies in, by its name in either spelling; it need not exist. */
const struct catalog_stream *catalog_find_stream_around(const struct catalog *catalog,
                                                        struct string topic);
/* Looks at every topic. */
int32_t catalog_stream_topic_count(const struct catalog *catalog, struct string path);
/* Null: it was not given. */
struct string catalog_stream_property(const struct catalog_stream *stream, struct string name);
const struct catalog_role *catalog_find_role(const struct catalog *catalog, struct string name);
struct catalog_groups catalog_groups_of(const struct catalog *catalog, struct string principal);
const struct acl_set *catalog_acls(const struct catalog *catalog); /* as old as the catalog */
int32_t catalog_security_count(const struct catalog *catalog, enum catalog_security kind);

/* ---- all of a kind, in no order ---- */
void catalog_for_each_scram(const struct catalog *catalog,
                            void (*visit)(void *context, const struct catalog_scram *scram),
                            void *context);
void catalog_for_each_token(const struct catalog *catalog,
                            void (*visit)(void *context, const struct delegation_token *token),
                            void *context);
void catalog_for_each_quota(const struct catalog *catalog,
                            void (*visit)(void *context, const struct catalog_quota *quota),
                            void *context);
void catalog_for_each_stream(const struct catalog *catalog,
                             void (*visit)(void *context, const struct catalog_stream *stream),
                             void *context);
void catalog_for_each_role(const struct catalog *catalog,
                           void (*visit)(void *context, const struct catalog_role *role),
                           void *context);

#endif

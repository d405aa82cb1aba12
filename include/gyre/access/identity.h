/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An identity is who stands behind a connection: a principal, and the groups and roles that policy
 * expressions ask for. It is fixed when the client authenticates and never changes afterwards;
 * authenticating again makes a new one.
 *
 * Ownership: reference-counted; everything that it points to is its own. Thread: the shard's own
 * (references are not atomic).
 */
#ifndef GYRE_ACCESS_IDENTITY_H
#define GYRE_ACCESS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

enum {
    IDENTITY_PRINCIPAL_BYTES_MAX = 1024,
    IDENTITY_GROUPS_MAX = 256,
};

struct identity {
    int32_t references;
    struct string principal; /* "User:alice": what ACLs, quotas and the audit name */
    struct string name;      /* "alice": the part behind the colon */
    const char *mechanism;   /* "SCRAM-SHA-256", "SSL", "PLAINTEXT", ...; static */
    struct string *groups;
    int32_t group_count;
    bool are_groups_known;  /* false: the source of groups could not be asked; expressions then
                             * take every question for a group as unknown */
    bool is_token;          /* by a delegation token: may not make further tokens (KIP-48) */
    struct string token_id; /* null unless is_token */
    /*
     * The version of the credential that was proved, from its store; 0 where there is none
     * (PLAINTEXT, certificates, Kerberos, JWT). A connection whose credential has another version
     * now, or none, is closed.
     */
    uint64_t credential_version;
    int64_t expires_ms; /* wall clock, since 1970: of ticket, token or certificate; 0: never */
    uint64_t serial;    /* unique in this process: a key for caches of decisions */
};

/* What identity_new() copies. */
struct identity_options {
    struct string type; /* null: "User" */
    struct string name;
    const char *mechanism;
    const struct string *groups;
    int32_t group_count;
    bool are_groups_known;
    struct string token_id; /* null: no token */
    uint64_t credential_version;
    int64_t expires_ms;
};

/* INVALID: the name is empty or too long, or there are too many groups. */
MUST_USE
enum error identity_new(const struct identity_options *options, struct identity **out_identity);

/* "User:ANONYMOUS", with one reference for the caller. */
struct identity *identity_anonymous(void);

struct identity *identity_ref(struct identity *identity);
void identity_unref(struct identity *identity); /* NULL is fine */

bool identity_has_group(const struct identity *identity, struct string group);

#endif

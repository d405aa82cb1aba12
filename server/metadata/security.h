/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The security part of the state: credentials, access rules, quotas, tokens, streams, roles. Each
 * thing is kept as its row's bytes, decoded once beside them, so that snapshot and store need to
 * know no kind; what a kind is stands in security_kinds.c.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_METADATA_SECURITY_H
#define GYRE_METADATA_SECURITY_H

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/metadata/catalog_security.h"

#include "metadata/scram_index.h"
#include "metadata/scram_shapes.h"

struct catalog_state;
struct message_layout;

enum { SECURITY_DIGEST_BYTES = 32 }; /* SHA-256 of kind and identity */

struct security {
    struct map by_identity;
    struct map by_digest;
    struct list objects[CATALOG_SECURITY_KINDS];
    int32_t counts[CATALOG_SECURITY_KINDS];
    struct scram_index scrams; /* all credentials */
    struct scram_shapes scram_shapes;
    struct acl_set *acls;   /* owned; the same entries, to decide with */
    struct map memberships; /* struct security_membership, by principal */
};

struct security_object {
    struct map_link by_identity;
    struct map_link by_digest;
    struct list link; /* among its kind */
    enum catalog_security kind;
    struct arena arena;    /* what follows, but for the bytes */
    struct buffer *bytes;  /* owned: the row */
    struct bytes identity; /* which thing it is */
    const void *view;      /* as catalog_security.h shows it */
    uint8_t digest[SECURITY_DIGEST_BYTES];
};

struct security_membership {
    struct map_link by_principal;
    struct string principal; /* owned */
    struct string *names;    /* owned; the texts are the roles' */
    int32_t count;
    int32_t capacity;
};

void security_init(struct security *security);
void security_release(struct security *security);

/* `row` is the kind's row; only what identifies the thing need be set. NULL: there is none. */
const struct security_object *security_find(const struct security *security,
                                            enum catalog_security kind, const void *row);
/* Of a credential's row: it, or another one with as much work. NULL: there are none. */
const struct security_object *security_find_scram_or_other(const struct security *security,
                                                           const void *row, bool *out_is_it);
const struct security_object *security_find_digest(const struct security *security,
                                                   const void *digest);

/* Is there exactly this already? */
bool security_holds(const struct security *security, enum catalog_security kind, const void *row);

/* Enter or replace; listeners hear of it unless it is the same. INVALID: the row breaks a limit of
 * its kind. LIMIT: there are too many. */
MUST_USE
enum error security_put(struct catalog_state *state, enum catalog_security kind, const void *row);
/* The same of a row's bytes, from a snapshot or the store. CORRUPT, VERSION. */
MUST_USE
enum error security_put_bytes(struct catalog_state *state, struct bytes bytes);
/* Nothing is done where there is no such thing. */
void security_remove(struct catalog_state *state, enum catalog_security kind, const void *row);
void security_remove_object(struct catalog_state *state, struct security_object *object);

bool security_is_row(int16_t record);
/* Which thing these bytes are a row of. CORRUPT, VERSION. */
MUST_USE
enum error security_digest_of(struct bytes bytes, uint8_t *out_digest);

/* ---- security_kinds.c ---- */
struct security_kind {
    int16_t record;
    const struct message_layout *layout;
    int32_t count_max;
    bool (*is_sound)(const void *row);
    /* Fields of the identity, one after another. */
    void (*identify)(const void *row, void (*field)(void *context, struct string value),
                     void *context);
    const void *(*show)(struct arena *arena, const void *row);
};
const struct security_kind *security_kinds_get(enum catalog_security kind);

/* ---- security_members.c ---- */
void security_members_enter(struct security *security, const struct catalog_role *role);
void security_members_leave(struct security *security, const struct catalog_role *role);
void security_members_release(struct security *security);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/security.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "gyre/wire/frame.h"
#include "gyre/wire/message.h"
#include "gyre/wire/reader.h"

#include "metadata/catalog_commands.h"
#include "metadata/catalog_state.h"
#include "wire_messages/catalog_row.h"

/* ---- which thing a row is of ---- */

enum { FIELD_LENGTH_BYTES = 4 };

struct identity_writer {
    char *bytes; /* NULL: only measure */
    int32_t length;
};

static void write_field(void *context, struct string value)
{
    struct identity_writer *writer = context;

    if (writer->bytes != NULL) {
        char *at = writer->bytes + writer->length;
        /* The length of a null string is that of no other. */
        store_be32(at, value.bytes == NULL ? UINT32_MAX : (uint32_t)value.length);
        if (value.length > 0) {
            memcpy(at + FIELD_LENGTH_BYTES, value.bytes, (size_t)value.length);
        }
    }
    writer->length += FIELD_LENGTH_BYTES + value.length;
}

static struct bytes identity_of(enum catalog_security kind, const void *row, struct arena *arena)
{
    struct identity_writer writer = {.length = 1};

    security_kinds_get(kind)->identify(row, write_field, &writer);
    writer.bytes = arena_alloc(arena, (size_t)writer.length);
    CHECK(writer.bytes != NULL); /* the arena has no limit */
    writer.bytes[0] = (char)kind;
    writer.length = 1;
    security_kinds_get(kind)->identify(row, write_field, &writer);
    return (struct bytes){writer.bytes, writer.length};
}

static void digest_identity(struct bytes identity, uint8_t *out_digest)
{
    (void)SHA256((const unsigned char *)identity.bytes, (size_t)identity.length, out_digest);
}

static bool find_kind(int16_t record, enum catalog_security *out_kind)
{
    for (int kind = 0; kind < CATALOG_SECURITY_KINDS; kind++) {
        if (security_kinds_get((enum catalog_security)kind)->record == record) {
            *out_kind = (enum catalog_security)kind;
            return true;
        }
    }
    return false;
}

bool security_is_row(int16_t record)
{
    enum catalog_security kind;

    return find_kind(record, &kind);
}

/* ---- rows and their bytes ---- */

static enum error decode(struct bytes bytes, struct arena *arena, enum catalog_security *out_kind,
                         void **out_row)
{
    struct reader reader;
    int16_t record = 0;
    int16_t version = 0;

    enum error error = catalog_commands_head(bytes, &record, &version);
    if (error != ERROR_NONE) {
        return ERROR_CORRUPT;
    }
    if (!find_kind(record, out_kind)) {
        return ERROR_VERSION;
    }
    const struct security_kind *kind = security_kinds_get(*out_kind);
    if (version > kind->layout->version_max) {
        return ERROR_VERSION;
    }
    *out_row = arena_alloc(arena, kind->layout->root->size);
    CHECK(*out_row != NULL); /* the arena has no limit */
    reader_init(&reader, bytes.bytes + CATALOG_RECORD_HEAD_BYTES,
                (size_t)bytes.length - CATALOG_RECORD_HEAD_BYTES);
    error = message_decode(kind->layout, version, &reader, arena, *out_row);
    if (error != ERROR_NONE || reader_left(&reader) > 0 || !kind->is_sound(*out_row)) {
        return ERROR_CORRUPT;
    }
    return ERROR_NONE;
}

static enum error encode(enum catalog_security kind, const void *row, struct buffer **out_bytes)
{
    const struct security_kind *description = security_kinds_get(kind);

    return catalog_commands_encode(description->layout, description->record, row, out_bytes);
}

enum error security_digest_of(struct bytes bytes, uint8_t *out_digest)
{
    enum catalog_security kind;
    struct arena arena;
    void *row = NULL;

    arena_init(&arena, SIZE_MAX / 2);
    enum error error = decode(bytes, &arena, &kind, &row);
    if (error == ERROR_NONE) {
        digest_identity(identity_of(kind, row, &arena), out_digest);
    }
    arena_release(&arena);
    return error;
}

/* ---- things ---- */

static void free_object(struct security_object *object)
{
    buffer_unref(object->bytes);
    arena_release(&object->arena);
    free(object);
}

/* Takes `bytes`. */
static enum error new_object(struct buffer *bytes, struct security_object **out_object)
{
    struct security_object *object = check_alloc_zero(sizeof *object);
    void *row = NULL;

    object->bytes = bytes;
    arena_init(&object->arena, SIZE_MAX / 2);
    enum error error = decode((struct bytes){bytes->bytes, (int32_t)bytes->size}, &object->arena,
                              &object->kind, &row);
    if (error != ERROR_NONE) {
        free_object(object);
        return error;
    }
    object->identity = identity_of(object->kind, row, &object->arena);
    digest_identity(object->identity, object->digest);
    object->view = security_kinds_get(object->kind)->show(&object->arena, row);
    *out_object = object;
    return ERROR_NONE;
}

static bool is_identity(const struct security_object *object, struct bytes identity)
{
    return object->identity.length == identity.length &&
           memcmp(object->identity.bytes, identity.bytes, (size_t)identity.length) == 0;
}

static struct security_object *find_identity(const struct security *security, struct bytes identity)
{
    uint64_t hash = hash_bytes(identity.bytes, (size_t)identity.length);

    map_for_each_match(link, &security->by_identity, hash) {
        struct security_object *object = CONTAINER_OF(link, struct security_object, by_identity);
        if (is_identity(object, identity)) {
            return object;
        }
    }
    return NULL;
}

static struct security_object *find_row(const struct security *security, enum catalog_security kind,
                                        const void *row)
{
    struct arena arena;

    arena_init(&arena, SIZE_MAX / 2);
    struct security_object *object = find_identity(security, identity_of(kind, row, &arena));
    arena_release(&arena);
    return object;
}

const struct security_object *security_find(const struct security *security,
                                            enum catalog_security kind, const void *row)
{
    return find_row(security, kind, row);
}

/* By another way than the others are found: one of the same length for all. */
const struct security_object *security_find_scram_or_other(const struct security *security,
                                                           const void *row, bool *out_is_it)
{
    const struct security_object *object;
    struct arena arena;
    struct bytes identity;
    uint64_t hash;

    arena_init(&arena, SIZE_MAX / 2);
    identity = identity_of(CATALOG_SCRAM, row, &arena);
    hash = hash_bytes(identity.bytes, (size_t)identity.length);
    object = scram_index_find(&security->scrams, hash);
    *out_is_it = object != NULL && is_identity(object, identity);
    if (!*out_is_it && object != NULL && object->by_identity.hash == hash) {
        const struct security_object *other = find_identity(security, identity);
        *out_is_it = other != NULL; /* two have one hash: no one will live to see it */
        object = other != NULL ? other : object;
    }
    arena_release(&arena);
    return object;
}

bool security_holds(const struct security *security, enum catalog_security kind, const void *row)
{
    const struct security_object *object = find_row(security, kind, row);
    struct buffer *bytes = NULL;

    if (object == NULL || encode(kind, row, &bytes) != ERROR_NONE) {
        return false;
    }
    bool is_same = bytes->size == object->bytes->size &&
                   memcmp(bytes->bytes, object->bytes->bytes, bytes->size) == 0;
    buffer_unref(bytes);
    return is_same;
}

const struct security_object *security_find_digest(const struct security *security,
                                                   const void *digest)
{
    map_for_each_match(link, &security->by_digest, hash_bytes(digest, SECURITY_DIGEST_BYTES)) {
        const struct security_object *object =
            CONTAINER_OF(link, struct security_object, by_digest);
        if (memcmp(object->digest, digest, SECURITY_DIGEST_BYTES) == 0) {
            return object;
        }
    }
    return NULL;
}

/* ---- coming and going ---- */

static void enter(struct security *security, struct security_object *object)
{
    uint64_t hash = hash_bytes(object->identity.bytes, (size_t)object->identity.length);

    map_insert(&security->by_identity, &object->by_identity, hash);
    map_insert(&security->by_digest, &object->by_digest,
               hash_bytes(object->digest, sizeof object->digest));
    list_append(&security->objects[object->kind], &object->link);
    security->counts[object->kind]++;
    if (object->kind == CATALOG_ACL) {
        /* As many as the set takes, and each once: their identity is all of their fields. */
        enum error error = acl_set_add(security->acls, object->view);
        CHECK(error == ERROR_NONE);
    } else if (object->kind == CATALOG_ROLE) {
        security_members_enter(security, object->view);
    } else if (object->kind == CATALOG_SCRAM) {
        scram_index_add(&security->scrams, hash, object);
        scram_shapes_add(&security->scram_shapes,
                         &((const struct catalog_scram *)object->view)->credential);
    }
}

static void leave(struct security *security, struct security_object *object)
{
    if (object->kind == CATALOG_ACL) {
        enum error error = acl_set_remove(security->acls, object->view);
        CHECK(error == ERROR_NONE);
    } else if (object->kind == CATALOG_ROLE) {
        security_members_leave(security, object->view);
    } else if (object->kind == CATALOG_SCRAM) {
        scram_shapes_remove(&security->scram_shapes,
                            &((const struct catalog_scram *)object->view)->credential);
        scram_index_remove(&security->scrams,
                           hash_bytes(object->identity.bytes, (size_t)object->identity.length),
                           object);
    }
    map_remove(&security->by_identity, &object->by_identity);
    map_remove(&security->by_digest, &object->by_digest);
    list_remove(&object->link);
    security->counts[object->kind]--;
}

static void changed(struct catalog_state *state, const struct security_object *object)
{
    catalog_state_touch(state, ROW_SECURITY, object->digest, sizeof object->digest);
    list_for_each_safe(link, &state->listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->security_changed != NULL) {
            listener->security_changed(listener->context, object->kind);
        }
    }
}

/* Takes `object`. */
static enum error put_object(struct catalog_state *state, struct security_object *object)
{
    struct security *security = &state->security;
    struct security_object *old = find_identity(security, object->identity);

    if (old != NULL && old->bytes->size == object->bytes->size &&
        memcmp(old->bytes->bytes, object->bytes->bytes, old->bytes->size) == 0) {
        free_object(object);
        return ERROR_NONE;
    }
    if (old == NULL &&
        security->counts[object->kind] >= security_kinds_get(object->kind)->count_max) {
        free_object(object);
        return ERROR_LIMIT;
    }
    if (old != NULL) {
        leave(security, old);
        free_object(old);
    }
    enter(security, object);
    changed(state, object);
    return ERROR_NONE;
}

enum error security_put(struct catalog_state *state, enum catalog_security kind, const void *row)
{
    struct security_object *object = NULL;
    struct buffer *bytes = NULL;

    if (!security_kinds_get(kind)->is_sound(row)) {
        return ERROR_INVALID;
    }
    enum error error = encode(kind, row, &bytes);
    if (error != ERROR_NONE) {
        return error;
    }
    error = new_object(bytes, &object);
    return error == ERROR_NONE ? put_object(state, object) : error;
}

enum error security_put_bytes(struct catalog_state *state, struct bytes bytes)
{
    struct security_object *object = NULL;

    enum error error = new_object(buffer_copy(bytes.bytes, (size_t)bytes.length), &object);
    return error == ERROR_NONE ? put_object(state, object) : error;
}

void security_remove_object(struct catalog_state *state, struct security_object *object)
{
    leave(&state->security, object);
    changed(state, object);
    free_object(object);
}

void security_remove(struct catalog_state *state, enum catalog_security kind, const void *row)
{
    struct security_object *object = find_row(&state->security, kind, row);

    if (object != NULL) {
        security_remove_object(state, object);
    }
}

/* ---- from birth to death ---- */

void security_init(struct security *security)
{
    *security = (struct security){.acls = acl_set_new()};
    map_init(&security->by_identity);
    map_init(&security->by_digest);
    map_init(&security->memberships);
    for (int kind = 0; kind < CATALOG_SECURITY_KINDS; kind++) {
        list_init(&security->objects[kind]);
    }
}

void security_release(struct security *security)
{
    map_for_each_safe(link, &security->by_identity) {
        free_object(CONTAINER_OF(link, struct security_object, by_identity));
    }
    map_release(&security->by_identity);
    map_release(&security->by_digest);
    security_members_release(security);
    scram_index_release(&security->scrams);
    acl_set_free(security->acls);
}

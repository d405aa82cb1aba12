/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about credentials, access rules, quotas, tokens, streams and roles. All of a command is
 * judged before any of it is carried out. */
#include <stdlib.h>

#include "metadata/catalog_apply.h"
#include "metadata/catalog_commands.h"
#include "metadata/catalog_state.h"
#include "metadata/streams.h"
#include "wire_messages/catalog_row.h"

static bool is_sound(enum catalog_security kind, const void *row, struct catalog_result *result)
{
    if (security_kinds_get(kind)->is_sound(row)) {
        return true;
    }
    catalog_refuse(result, KAFKA_ERROR_INVALID_REQUEST, "A name or value is too long or missing.");
    return false;
}

/* Would `more` of them fit? Those that replace others are counted too: a refusal that comes a
 * little early harms nobody. */
static bool has_room(const struct catalog_state *state, enum catalog_security kind, int32_t more,
                     struct catalog_result *result)
{
    int32_t count_max = security_kinds_get(kind)->count_max;

    if (more <= count_max - state->security.counts[kind]) {
        return true;
    }
    catalog_refuse(result, KAFKA_ERROR_POLICY_VIOLATION, "There are at most %d of these.",
                   count_max);
    return false;
}

/* What was judged before goes in. */
static void put(struct catalog_state *state, enum catalog_security kind, const void *row)
{
    enum error error = security_put(state, kind, row);

    CHECK(error == ERROR_NONE);
}

/* ---- credentials ---- */

static struct catalog_scram_row scram_row(const struct catalog_set_scram_upsertions *in,
                                          uint64_t version)
{
    return (struct catalog_scram_row){
        .user = in->user,
        .mechanism = in->mechanism,
        .iterations = in->iterations,
        .salt = in->salt,
        .stored_key = in->stored_key,
        .server_key = in->server_key,
        .version = (int64_t)version,
    };
}

/* The same keys again are no change: connections that proved them stay. */
static void put_credential(struct catalog_state *state,
                           const struct catalog_set_scram_upsertions *in)
{
    struct catalog_scram_row row = scram_row(in, state->applied_index);
    const struct security_object *object = security_find(&state->security, CATALOG_SCRAM, &row);

    if (object != NULL) {
        const struct catalog_scram *scram = object->view;
        row.version = (int64_t)scram->credential.version;
        if (security_holds(&state->security, CATALOG_SCRAM, &row)) {
            return;
        }
        row.version = (int64_t)state->applied_index;
    }
    put(state, CATALOG_SCRAM, &row);
}

static bool has_credential(const struct catalog_state *state, struct string user)
{
    for (int mechanism = SCRAM_SHA_256; mechanism <= SCRAM_SHA_512; mechanism++) {
        struct catalog_scram_row row = {.user = user, .mechanism = (int8_t)mechanism};

        if (security_find(&state->security, CATALOG_SCRAM, &row) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_users(struct string principal, struct string user)
{
    static const char type[] = "User:";
    const int32_t type_bytes = (int32_t)sizeof type - 1;

    return principal.length == type_bytes + user.length &&
           memcmp(principal.bytes, type, sizeof type - 1) == 0 &&
           memcmp(principal.bytes + type_bytes, user.bytes, (size_t)user.length) == 0;
}

/* Whoever is removed does not live on in the tokens that stand for him: nobody but he could end
 * them. */
static void remove_tokens_of(struct catalog_state *state, struct string user)
{
    list_for_each_safe(link, &state->security.objects[CATALOG_TOKEN]) {
        struct security_object *object = list_entry(link, struct security_object, link);
        const struct delegation_token *token = object->view;

        if (is_users(token->owner, user)) {
            security_remove_object(state, object);
        }
    }
}

void catalog_apply_set_scram(struct catalog_state *state, const void *message,
                             struct catalog_result *result)
{
    const struct catalog_set_scram *in = message;

    for (int32_t i = 0; i < in->upsertions.count; i++) {
        struct catalog_scram_row row = scram_row(&in->upsertions.items[i], state->applied_index);
        if (!is_sound(CATALOG_SCRAM, &row, result)) {
            return;
        }
    }
    if (!has_room(state, CATALOG_SCRAM, in->upsertions.count, result)) {
        return;
    }
    for (int32_t i = 0; i < in->deletions.count; i++) {
        struct catalog_scram_row row = {.user = in->deletions.items[i].user,
                                        .mechanism = in->deletions.items[i].mechanism};
        security_remove(state, CATALOG_SCRAM, &row);
    }
    for (int32_t i = 0; i < in->upsertions.count; i++) {
        put_credential(state, &in->upsertions.items[i]);
    }
    for (int32_t i = 0; i < in->deletions.count; i++) {
        if (!has_credential(state, in->deletions.items[i].user)) {
            remove_tokens_of(state, in->deletions.items[i].user);
        }
    }
}

_Static_assert(sizeof(struct catalog_form_region_credentials) ==
                       sizeof(struct catalog_set_scram_upsertions) &&
                   offsetof(struct catalog_form_region_credentials, server_key) ==
                       offsetof(struct catalog_set_scram_upsertions, server_key),
               "credentials have one shape");

void catalog_apply_first_credentials(struct catalog_state *state,
                                     const struct catalog_form_region *in,
                                     struct catalog_result *result)
{
    struct catalog_set_scram scram = {0};

    scram.upsertions.items = (struct catalog_set_scram_upsertions *)(void *)in->credentials.items;
    scram.upsertions.count = in->credentials.count;
    catalog_apply_set_scram(state, &scram, result);
}

/* ---- access rules ---- */

static struct catalog_acl_row acl_row(const struct catalog_set_acls_additions *in)
{
    return (struct catalog_acl_row){
        .resource = in->resource,
        .pattern = in->pattern,
        .name = in->name,
        .principal = in->principal,
        .host = in->host,
        .operation = in->operation,
        .permission = in->permission,
    };
}

_Static_assert(sizeof(struct catalog_set_acls_additions) ==
                       sizeof(struct catalog_set_acls_removals) &&
                   offsetof(struct catalog_set_acls_additions, permission) ==
                       offsetof(struct catalog_set_acls_removals, permission),
               "access rules have one shape");

void catalog_apply_set_acls(struct catalog_state *state, const void *message,
                            struct catalog_result *result)
{
    const struct catalog_set_acls *in = message;

    for (int32_t i = 0; i < in->additions.count; i++) {
        struct catalog_acl_row row = acl_row(&in->additions.items[i]);
        if (!is_sound(CATALOG_ACL, &row, result)) {
            return;
        }
    }
    if (!has_room(state, CATALOG_ACL, in->additions.count, result)) {
        return;
    }
    for (int32_t i = 0; i < in->removals.count; i++) {
        const void *removal = &in->removals.items[i];
        struct catalog_acl_row row = acl_row(removal);
        security_remove(state, CATALOG_ACL, &row);
    }
    for (int32_t i = 0; i < in->additions.count; i++) {
        struct catalog_acl_row row = acl_row(&in->additions.items[i]);
        put(state, CATALOG_ACL, &row);
    }
}

/* ---- quotas ---- */

static struct catalog_quota_row quota_entity(const struct catalog_set_quotas_entries *in)
{
    return (struct catalog_quota_row){
        .has_user = in->has_user,
        .user = in->user,
        .has_client_id = in->has_client_id,
        .client_id = in->client_id,
        .has_ip = in->has_ip,
        .ip = in->ip,
    };
}

/* Sorted by key, so that equal quotas encode equally. */
static void set_value(struct catalog_quota_row *row, struct string key, double value)
{
    int32_t at = 0;

    while (at < row->values.count && string_compare(row->values.items[at].key, key) < 0) {
        at++;
    }
    if (at == row->values.count || !string_equal(row->values.items[at].key, key)) {
        memmove(&row->values.items[at + 1], &row->values.items[at],
                (size_t)(row->values.count - at) * sizeof *row->values.items);
        row->values.count++;
    }
    row->values.items[at].key = key;
    row->values.items[at].value = value;
}

static void remove_value(struct catalog_quota_row *row, struct string key)
{
    for (int32_t i = 0; i < row->values.count; i++) {
        if (string_equal(row->values.items[i].key, key)) {
            row->values.count--;
            memmove(&row->values.items[i], &row->values.items[i + 1],
                    (size_t)(row->values.count - i) * sizeof *row->values.items);
            return;
        }
    }
}

/* What the entity has now, with the changes. `row` gets memory in the arena. */
static void merge_quota(const struct catalog_state *state,
                        const struct catalog_set_quotas_entries *in, struct arena *arena,
                        struct catalog_quota_row *row)
{
    const struct security_object *object;
    const struct catalog_quota *quota;

    *row = quota_entity(in);
    object = security_find(&state->security, CATALOG_QUOTA, row);
    quota = object == NULL ? NULL : object->view;
    row->values.items = arena_alloc_array(
        arena, (size_t)in->changes.count + CATALOG_QUOTA_VALUES_MAX, sizeof *row->values.items);
    CHECK(row->values.items != NULL); /* the arena has no limit */
    for (int32_t i = 0; quota != NULL && i < quota->value_count; i++) {
        set_value(row, quota->values[i].key, quota->values[i].value);
    }
    for (int32_t i = 0; i < in->changes.count; i++) {
        if (in->changes.items[i].is_removal) {
            remove_value(row, in->changes.items[i].key);
        } else {
            set_value(row, in->changes.items[i].key, in->changes.items[i].value);
        }
    }
}

static bool quotas_are_sound(const struct catalog_state *state, const struct catalog_set_quotas *in,
                             struct arena *arena, struct catalog_result *result)
{
    struct catalog_quota_row row;

    for (int32_t i = 0; i < in->entries.count; i++) {
        merge_quota(state, &in->entries.items[i], arena, &row);
        if (row.values.count > 0 && !is_sound(CATALOG_QUOTA, &row, result)) {
            return false;
        }
    }
    return has_room(state, CATALOG_QUOTA, in->entries.count, result);
}

void catalog_apply_set_quotas(struct catalog_state *state, const void *message,
                              struct catalog_result *result)
{
    const struct catalog_set_quotas *in = message;
    struct catalog_quota_row row;
    struct arena arena;

    arena_init(&arena, SIZE_MAX / 2);
    if (quotas_are_sound(state, in, &arena, result)) {
        for (int32_t i = 0; i < in->entries.count; i++) {
            merge_quota(state, &in->entries.items[i], &arena, &row);
            /* An entity named twice may have become too much by its first entry. */
            if (row.values.count > 0 && is_sound(CATALOG_QUOTA, &row, result)) {
                put(state, CATALOG_QUOTA, &row);
            } else if (row.values.count == 0) {
                security_remove(state, CATALOG_QUOTA, &row);
            }
        }
    }
    arena_release(&arena);
}

/* ---- delegation tokens ---- */

void catalog_apply_set_token(struct catalog_state *state, const void *message,
                             struct catalog_result *result)
{
    const struct catalog_set_token *in = message;
    struct catalog_token_row row = {
        .id = in->id,
        .owner = in->owner,
        .requester = in->requester,
        .renewers = in->renewers,
        .issued_ms = in->issued_ms,
        .expires_ms = in->expires_ms,
        .limit_ms = in->limit_ms,
    };

    bool is_new = security_find(&state->security, CATALOG_TOKEN, &row) == NULL;
    if (is_sound(CATALOG_TOKEN, &row, result) &&
        (!is_new || has_room(state, CATALOG_TOKEN, 1, result))) {
        put(state, CATALOG_TOKEN, &row);
    }
}

void catalog_apply_remove_tokens(struct catalog_state *state, const void *message,
                                 struct catalog_result *result)
{
    const struct catalog_remove_tokens *in = message;

    (void)result;
    for (int32_t i = 0; i < in->ids.count; i++) {
        struct catalog_token_row row = {.id = in->ids.items[i]};
        const struct security_object *object = security_find(&state->security, CATALOG_TOKEN, &row);
        const struct delegation_token *token = object == NULL ? NULL : object->view;
        if (token != NULL &&
            (in->expires_before_ms == 0 || token->expires_ms < in->expires_before_ms)) {
            security_remove(state, CATALOG_TOKEN, &row);
        }
    }
}

/* ---- streams ---- */

static struct catalog_stream_row stream_row(const struct catalog_set_stream *in, uint64_t version,
                                            struct arena *arena)
{
    struct catalog_stream_row row = {
        .name = in->name,
        .owner = in->owner,
        .is_additive = in->is_additive,
        .produce = in->produce,
        .consume = in->consume,
        .topics = in->topics,
        .admin = in->admin,
        .copy = in->copy,
        .version = (int64_t)version,
    };

    enum error error =
        catalog_stream_row_properties_array_alloc(&row.properties, arena, in->properties.count);
    CHECK(error == ERROR_NONE); /* the arena has no limit */
    for (int32_t i = 0; i < in->properties.count; i++) {
        row.properties.items[i].name = in->properties.items[i].name;
        row.properties.items[i].value = in->properties.items[i].value;
    }
    return row;
}

static void return_version(struct catalog_result *result, uint64_t version)
{
    store_be64(result->value, version);
    result->value_length = sizeof version;
}

void catalog_apply_set_stream(struct catalog_state *state, const void *message,
                              struct catalog_result *result)
{
    const struct catalog_set_stream *in = message;
    struct arena arena;

    arena_init(&arena, SIZE_MAX / 2);
    struct catalog_stream_row row = stream_row(in, state->applied_index, &arena);
    const struct security_object *object = security_find(&state->security, CATALOG_STREAM, &row);
    const struct catalog_stream *stream = object == NULL ? NULL : object->view;
    int64_t version = stream == NULL ? 0 : (int64_t)stream->version;
    row.version = version;
    if (stream != NULL && security_holds(&state->security, CATALOG_STREAM, &row)) {
        return_version(result, stream->version); /* a repetition */
        arena_release(&arena);
        return;
    }
    row.version = (int64_t)state->applied_index;
    if (in->seen_version >= 0 && in->seen_version != version) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_UPDATE_VERSION,
                       version == 0            ? "The stream was deleted meanwhile."
                       : in->seen_version == 0 ? "The stream exists already."
                                               : "The stream was changed meanwhile.");
    } else if (is_sound(CATALOG_STREAM, &row, result) &&
               (stream != NULL || has_room(state, CATALOG_STREAM, 1, result))) {
        put(state, CATALOG_STREAM, &row);
        topics_compute_all(state); /* those inside of it inherit its settings */
        return_version(result, state->applied_index);
    }
    arena_release(&arena);
}

void catalog_apply_remove_stream(struct catalog_state *state, const void *message,
                                 struct catalog_result *result)
{
    const struct catalog_remove_stream *in = message;
    struct catalog_stream_row row = {.name = in->name};

    if (security_find(&state->security, CATALOG_STREAM, &row) == NULL) {
        catalog_refuse(result, KAFKA_ERROR_RESOURCE_NOT_FOUND, "There is no such stream.");
        return;
    }
    if (streams_count_topics(state, in->name) > 0) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_REQUEST, "The stream has topics.");
        return;
    }
    security_remove(state, CATALOG_STREAM, &row);
}

/* ---- roles ---- */

static int compare_principals(const void *a, const void *b)
{
    return string_compare(*(const struct string *)a, *(const struct string *)b);
}

static bool is_among(const struct string_array *texts, struct string text)
{
    for (int32_t i = 0; i < texts->count; i++) {
        if (string_equal(texts->items[i], text)) {
            return true;
        }
    }
    return false;
}

/* Sorted and each once. */
static void merge_members(struct catalog_role_row *row, const struct catalog_role *role,
                          const struct catalog_set_role *in)
{
    struct string *members = row->members.items;
    int32_t count = 0;
    int32_t kept = 0;

    for (int32_t i = 0; role != NULL && i < role->member_count; i++) {
        if (!is_among(&in->removals, role->members[i])) {
            members[count++] = role->members[i];
        }
    }
    for (int32_t i = 0; i < in->additions.count; i++) {
        members[count++] = in->additions.items[i];
    }
    qsort(members, (size_t)count, sizeof *members, compare_principals);
    for (int32_t i = 0; i < count; i++) {
        if (kept == 0 || !string_equal(members[kept - 1], members[i])) {
            members[kept++] = members[i];
        }
    }
    row->members.count = kept;
}

void catalog_apply_set_role(struct catalog_state *state, const void *message,
                            struct catalog_result *result)
{
    const struct catalog_set_role *in = message;
    struct catalog_role_row row = {.name = in->name};
    struct arena arena;

    arena_init(&arena, SIZE_MAX / 2);
    const struct security_object *object = security_find(&state->security, CATALOG_ROLE, &row);
    const struct catalog_role *role = object == NULL ? NULL : object->view;
    size_t room = (size_t)in->additions.count + (role == NULL ? 0 : (size_t)role->member_count);
    row.members.items = arena_alloc_array(&arena, room + 1, sizeof *row.members.items);
    CHECK(row.members.items != NULL); /* the arena has no limit */
    merge_members(&row, role, in);
    if (row.members.count == 0) {
        security_remove(state, CATALOG_ROLE, &row);
    } else if (is_sound(CATALOG_ROLE, &row, result) &&
               (role != NULL || has_room(state, CATALOG_ROLE, 1, result))) {
        put(state, CATALOG_ROLE, &row);
    }
    arena_release(&arena);
}

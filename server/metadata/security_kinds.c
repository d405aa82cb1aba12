/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of security things are: which rows are sound, what identifies them, and how their
 * rows are shown. The rows' texts belong to the object, so that what is shown only points to them.
 */
#include <math.h>

#include "gyre/base/check.h"

#include "metadata/catalog_state.h"
#include "metadata/security.h"
#include "wire_messages/catalog_row.h"

enum {
    SHA_256_BYTES = 32,
    SHA_512_BYTES = 64,
    ROLE_NAME_BYTES_MAX = 255,
    QUOTA_KEY_BYTES_MAX = 64
};

static bool is_name(struct string text)
{
    return text.length >= 1 && text.length <= CATALOG_PRINCIPAL_BYTES_MAX;
}

static void *take(struct arena *arena, size_t count, size_t size)
{
    void *memory = arena_alloc_array(arena, count + 1, size);

    CHECK(memory != NULL); /* the arena has no limit */
    return memory;
}

static void number_field(int64_t number, void (*field)(void *context, struct string value),
                         void *context)
{
    char text[sizeof number];

    store_be64(text, (uint64_t)number);
    field(context, (struct string){text, sizeof text});
}

/* ---- credentials ---- */

static bool scram_is_sound(const void *bytes)
{
    const struct catalog_scram_row *row = bytes;
    int32_t key = row->mechanism == SCRAM_SHA_256 ? SHA_256_BYTES : SHA_512_BYTES;

    return is_name(row->user) &&
           (row->mechanism == SCRAM_SHA_256 || row->mechanism == SCRAM_SHA_512) &&
           row->iterations >= SCRAM_ITERATIONS_MIN && row->iterations <= SCRAM_ITERATIONS_MAX &&
           row->salt.length >= 1 && row->salt.length <= SCRAM_SALT_BYTES_MAX &&
           row->stored_key.length == key && row->server_key.length == key;
}

static void scram_identify(const void *bytes, void (*field)(void *context, struct string value),
                           void *context)
{
    const struct catalog_scram_row *row = bytes;

    field(context, row->user);
    number_field(row->mechanism, field, context);
}

static const void *scram_show(struct arena *arena, const void *bytes)
{
    const struct catalog_scram_row *row = bytes;
    struct catalog_scram *scram = take(arena, 1, sizeof *scram);
    struct scram_credential *credential = &scram->credential;

    scram->user = row->user;
    credential->mechanism = (enum scram_mechanism)row->mechanism;
    credential->iterations = row->iterations;
    credential->salt_length = row->salt.length;
    credential->version = (uint64_t)row->version;
    memcpy(credential->salt, row->salt.bytes, (size_t)row->salt.length);
    memcpy(credential->stored_key, row->stored_key.bytes, (size_t)row->stored_key.length);
    memcpy(credential->server_key, row->server_key.bytes, (size_t)row->server_key.length);
    return scram;
}

/* ---- access rules ---- */

static bool acl_is_sound(const void *bytes)
{
    const struct catalog_acl_row *row = bytes;

    return row->resource >= ACL_TOPIC && row->resource <= ACL_USER &&
           (row->pattern == ACL_LITERAL || row->pattern == ACL_PREFIXED) &&
           row->name.length <= ACL_NAME_BYTES_MAX && is_name(row->principal) &&
           is_name(row->host) && row->operation >= ACL_ALL &&
           row->operation <= ACL_DESCRIBE_TOKENS &&
           (row->permission == ACL_DENY || row->permission == ACL_ALLOW);
}

static void acl_identify(const void *bytes, void (*field)(void *context, struct string value),
                         void *context)
{
    const struct catalog_acl_row *row = bytes;

    number_field(row->resource, field, context);
    number_field(row->pattern, field, context);
    field(context, row->name);
    field(context, row->principal);
    field(context, row->host);
    number_field(row->operation, field, context);
    number_field(row->permission, field, context);
}

static const void *acl_show(struct arena *arena, const void *bytes)
{
    const struct catalog_acl_row *row = bytes;
    struct acl *acl = take(arena, 1, sizeof *acl);

    *acl = (struct acl){
        .resource = (enum acl_resource)row->resource,
        .pattern = (enum acl_pattern)row->pattern,
        .name = row->name,
        .principal = row->principal,
        .host = row->host,
        .operation = (enum acl_operation)row->operation,
        .permission = (enum acl_permission)row->permission,
    };
    return acl;
}

/* ---- quotas ---- */

/* A part without a name is the default; a part that is not given has none. */
static bool part_is_sound(bool is_given, struct string name)
{
    return name.bytes == NULL || (is_given && is_name(name));
}

static bool quota_is_sound(const void *bytes)
{
    const struct catalog_quota_row *row = bytes;

    for (int32_t i = 0; i < row->values.count; i++) {
        if (row->values.items[i].key.length < 1 ||
            row->values.items[i].key.length > QUOTA_KEY_BYTES_MAX ||
            !isfinite(row->values.items[i].value)) {
            return false;
        }
    }
    return (row->has_user || row->has_client_id || row->has_ip) && row->values.count >= 1 &&
           row->values.count <= CATALOG_QUOTA_VALUES_MAX &&
           part_is_sound(row->has_user, row->user) &&
           part_is_sound(row->has_client_id, row->client_id) && part_is_sound(row->has_ip, row->ip);
}

static void quota_identify(const void *bytes, void (*field)(void *context, struct string value),
                           void *context)
{
    const struct catalog_quota_row *row = bytes;

    number_field(row->has_user, field, context);
    field(context, row->user);
    number_field(row->has_client_id, field, context);
    field(context, row->client_id);
    number_field(row->has_ip, field, context);
    field(context, row->ip);
}

static const void *quota_show(struct arena *arena, const void *bytes)
{
    const struct catalog_quota_row *row = bytes;
    struct catalog_quota *quota = take(arena, 1, sizeof *quota);
    struct catalog_quota_value *values = take(arena, (size_t)row->values.count, sizeof *values);

    for (int32_t i = 0; i < row->values.count; i++) {
        values[i].key = row->values.items[i].key;
        values[i].value = row->values.items[i].value;
    }
    *quota = (struct catalog_quota){
        .user = {row->has_user, row->user},
        .client_id = {row->has_client_id, row->client_id},
        .ip = {row->has_ip, row->ip},
        .values = values,
        .value_count = row->values.count,
    };
    return quota;
}

/* ---- delegation tokens ---- */

static bool token_is_sound(const void *bytes)
{
    const struct catalog_token_row *row = bytes;

    for (int32_t i = 0; i < row->renewers.count; i++) {
        if (!is_name(row->renewers.items[i])) {
            return false;
        }
    }
    return is_name(row->id) && is_name(row->owner) && is_name(row->requester) &&
           row->renewers.count <= CATALOG_TOKEN_RENEWERS_MAX;
}

static void token_identify(const void *bytes, void (*field)(void *context, struct string value),
                           void *context)
{
    const struct catalog_token_row *row = bytes;

    field(context, row->id);
}

static const void *token_show(struct arena *arena, const void *bytes)
{
    const struct catalog_token_row *row = bytes;
    struct delegation_token *token = take(arena, 1, sizeof *token);

    *token = (struct delegation_token){
        .id = row->id,
        .owner = row->owner,
        .requester = row->requester,
        .renewers = row->renewers.items,
        .renewer_count = row->renewers.count,
        .issued_ms = row->issued_ms,
        .expires_ms = row->expires_ms,
        .limit_ms = row->limit_ms,
    };
    return token;
}

/* ---- streams ---- */

static bool stream_is_sound(const void *bytes)
{
    const struct catalog_stream_row *row = bytes;
    const struct string expressions[] = {row->produce, row->consume, row->topics, row->admin,
                                         row->copy};

    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        if (expressions[i].length > CATALOG_EXPRESSION_BYTES_MAX) {
            return false;
        }
    }
    for (int32_t i = 0; i < row->properties.count; i++) {
        if (!is_name(row->properties.items[i].name) ||
            row->properties.items[i].value.length > CATALOG_PRINCIPAL_BYTES_MAX) {
            return false;
        }
    }
    return is_name(row->name) && row->owner.length <= CATALOG_PRINCIPAL_BYTES_MAX &&
           row->properties.count <= CATALOG_STREAM_PROPERTIES_MAX;
}

static void stream_identify(const void *bytes, void (*field)(void *context, struct string value),
                            void *context)
{
    const struct catalog_stream_row *row = bytes;

    field(context, row->name);
}

static const void *stream_show(struct arena *arena, const void *bytes)
{
    const struct catalog_stream_row *row = bytes;
    struct catalog_stream *stream = take(arena, 1, sizeof *stream);
    int32_t count = row->properties.count;
    struct catalog_stream_property *properties = take(arena, (size_t)count, sizeof *properties);

    for (int32_t i = 0; i < count; i++) {
        properties[i].name = row->properties.items[i].name;
        properties[i].value = row->properties.items[i].value;
    }
    *stream = (struct catalog_stream){
        .name = row->name,
        .owner = row->owner,
        .is_additive = row->is_additive,
        .produce = row->produce,
        .consume = row->consume,
        .topics = row->topics,
        .admin = row->admin,
        .copy = row->copy,
        .properties = properties,
        .property_count = count,
        .version = (uint64_t)row->version,
    };
    return stream;
}

/* ---- roles ---- */

static bool role_is_sound(const void *bytes)
{
    const struct catalog_role_row *row = bytes;

    for (int32_t i = 0; i < row->members.count; i++) {
        if (!is_name(row->members.items[i])) {
            return false;
        }
    }
    return row->name.length >= 1 && row->name.length <= ROLE_NAME_BYTES_MAX &&
           row->members.count >= 1 && row->members.count <= CATALOG_ROLE_MEMBERS_MAX;
}

static void role_identify(const void *bytes, void (*field)(void *context, struct string value),
                          void *context)
{
    const struct catalog_role_row *row = bytes;

    field(context, row->name);
}

static const void *role_show(struct arena *arena, const void *bytes)
{
    const struct catalog_role_row *row = bytes;
    struct catalog_role *role = take(arena, 1, sizeof *role);

    *role = (struct catalog_role){
        .name = row->name,
        .members = row->members.items,
        .member_count = row->members.count,
    };
    return role;
}

const struct security_kind *security_kinds_get(enum catalog_security kind)
{
    static const struct security_kind kinds[CATALOG_SECURITY_KINDS] = {
        [CATALOG_SCRAM] = {CATALOG_SCRAM_ROW_RECORD, &catalog_scram_row_layout,
                           CATALOG_CREDENTIALS_MAX, scram_is_sound, scram_identify, scram_show},
        [CATALOG_ACL] = {CATALOG_ACL_ROW_RECORD, &catalog_acl_row_layout, ACLS_MAX, acl_is_sound,
                         acl_identify, acl_show},
        [CATALOG_QUOTA] = {CATALOG_QUOTA_ROW_RECORD, &catalog_quota_row_layout, CATALOG_QUOTAS_MAX,
                           quota_is_sound, quota_identify, quota_show},
        [CATALOG_TOKEN] = {CATALOG_TOKEN_ROW_RECORD, &catalog_token_row_layout, CATALOG_TOKENS_MAX,
                           token_is_sound, token_identify, token_show},
        [CATALOG_STREAM] = {CATALOG_STREAM_ROW_RECORD, &catalog_stream_row_layout,
                            CATALOG_STREAMS_MAX, stream_is_sound, stream_identify, stream_show},
        [CATALOG_ROLE] = {CATALOG_ROLE_ROW_RECORD, &catalog_role_row_layout, CATALOG_ROLES_MAX,
                          role_is_sound, role_identify, role_show},
    };

    return &kinds[kind];
}

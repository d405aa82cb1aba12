/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/stream_name.h"

#include "metadata/catalog_internal.h"
#include "metadata/streams.h"
#include "wire_messages/catalog_row.h"

static const void *find(const struct catalog *catalog, enum catalog_security kind, const void *row)
{
    const struct security_object *object = security_find(&catalog->state.security, kind, row);

    return object == NULL ? NULL : object->view;
}

const struct scram_credential *catalog_find_scram(const struct catalog *catalog, struct string user,
                                                  enum scram_mechanism mechanism)
{
    struct catalog_scram_row row = {.user = user, .mechanism = (int8_t)mechanism};
    const struct catalog_scram *scram = find(catalog, CATALOG_SCRAM, &row);

    return scram == NULL ? NULL : &scram->credential;
}

struct bytes catalog_region_secret(const struct catalog *catalog)
{
    const struct catalog_state *state = &catalog->state;

    return (struct bytes){(char *)(uintptr_t)state->secret,
                          state->has_secret ? CATALOG_SECRET_BYTES : 0};
}

const struct scram_credential *catalog_find_scram_or_other(const struct catalog *catalog,
                                                           struct string user,
                                                           enum scram_mechanism mechanism,
                                                           bool *out_is_theirs)
{
    struct catalog_scram_row row = {.user = user, .mechanism = (int8_t)mechanism};
    const struct security_object *object =
        security_find_scram_or_other(&catalog->state.security, &row, out_is_theirs);
    const struct catalog_scram *scram = object == NULL ? NULL : object->view;

    return scram == NULL ? NULL : &scram->credential;
}

struct scram_shape catalog_scram_shape(const struct catalog *catalog,
                                       enum scram_mechanism mechanism, uint64_t number)
{
    return scram_shapes_choose(&catalog->state.security.scram_shapes, mechanism, number);
}

const struct delegation_token *catalog_find_token(const struct catalog *catalog, struct string id)
{
    struct catalog_token_row row = {.id = id};

    return find(catalog, CATALOG_TOKEN, &row);
}

const struct catalog_quota *catalog_find_quota(const struct catalog *catalog,
                                               const struct catalog_quota *entity)
{
    struct catalog_quota_row row = {
        .has_user = entity->user.is_given,
        .user = entity->user.name,
        .has_client_id = entity->client_id.is_given,
        .client_id = entity->client_id.name,
        .has_ip = entity->ip.is_given,
        .ip = entity->ip.name,
    };

    return find(catalog, CATALOG_QUOTA, &row);
}

const struct catalog_stream *catalog_find_stream(const struct catalog *catalog, struct string name)
{
    struct catalog_stream_row row = {.name = name};

    return find(catalog, CATALOG_STREAM, &row);
}

const struct catalog_role *catalog_find_role(const struct catalog *catalog, struct string name)
{
    struct catalog_role_row row = {.name = name};

    return find(catalog, CATALOG_ROLE, &row);
}

const struct catalog_stream *catalog_find_stream_around(const struct catalog *catalog,
                                                        struct string topic)
{
    struct stream_name_text legal;

    return streams_find_around(&catalog->state, stream_name_legal(topic, &legal));
}

int32_t catalog_stream_topic_count(const struct catalog *catalog, struct string path)
{
    return streams_count_topics(&catalog->state, path);
}

struct string catalog_stream_property(const struct catalog_stream *stream, struct string name)
{
    for (int32_t i = 0; i < stream->property_count; i++) {
        if (string_equal(stream->properties[i].name, name)) {
            return stream->properties[i].value;
        }
    }
    return STRING_NULL;
}

struct catalog_groups catalog_groups_of(const struct catalog *catalog, struct string principal)
{
    map_for_each_match(link, &catalog->state.security.memberships, string_hash(principal)) {
        const struct security_membership *membership =
            CONTAINER_OF(link, struct security_membership, by_principal);
        if (string_equal(membership->principal, principal)) {
            return (struct catalog_groups){membership->names, membership->count};
        }
    }
    return (struct catalog_groups){0};
}

const struct acl_set *catalog_acls(const struct catalog *catalog)
{
    return catalog->state.security.acls;
}

int32_t catalog_security_count(const struct catalog *catalog, enum catalog_security kind)
{
    return catalog->state.security.counts[kind];
}

/* ---- all of a kind ---- */

#define FOR_EACH_VIEW(kind)                                                                        \
    list_for_each_safe(link, &catalog->state.security.objects[kind]) {                             \
        visit(context, list_entry(link, struct security_object, link)->view);                      \
    }

void catalog_for_each_scram(const struct catalog *catalog,
                            void (*visit)(void *context, const struct catalog_scram *scram),
                            void *context)
{
    FOR_EACH_VIEW(CATALOG_SCRAM)
}

void catalog_for_each_token(const struct catalog *catalog,
                            void (*visit)(void *context, const struct delegation_token *token),
                            void *context)
{
    FOR_EACH_VIEW(CATALOG_TOKEN)
}

void catalog_for_each_quota(const struct catalog *catalog,
                            void (*visit)(void *context, const struct catalog_quota *quota),
                            void *context)
{
    FOR_EACH_VIEW(CATALOG_QUOTA)
}

void catalog_for_each_stream(const struct catalog *catalog,
                             void (*visit)(void *context, const struct catalog_stream *stream),
                             void *context)
{
    FOR_EACH_VIEW(CATALOG_STREAM)
}

void catalog_for_each_role(const struct catalog *catalog,
                           void (*visit)(void *context, const struct catalog_role *role),
                           void *context)
{
    FOR_EACH_VIEW(CATALOG_ROLE)
}

/* SPDX-License-Identifier: Apache-2.0 */
/* AlterClientQuotas (49): each entity is judged for itself and becomes a command of its own. */
#include "wire_messages/alter_client_quotas.h"

#include <math.h>

#include "gyre/base/ip_address.h"
#include "gyre/base/map.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/quota_entities.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"
#include "metadata/catalog_commands.h"

enum { ENTRIES_MAX = 10000 };

/* A double is a little more than INT64_MAX here: it has no such number. */
static const double long_max = 9223372036854775807.0;
static const double fraction_max = 1e-6;

/* An entity of the request, in its arena. */
struct quota_entry {
    struct map_link link;
    struct catalog_quota entity;
    struct alter_client_quotas_response_entries *out;
    bool is_twice;
};

struct quota_alteration {
    struct request *request; /* we live in its arena */
    struct alter_client_quotas_request in;
    struct alter_client_quotas_response out;
    struct quota_entry *entries; /* as many as the answer has */
    struct catalog_changes changes;
};

static bool refuse(struct alter_client_quotas_response_entries *out, struct string message)
{
    out->error_code = KAFKA_ERROR_INVALID_REQUEST;
    out->error_message = message;
    return false;
}

/* ---- the entity ---- */

/* Numbers only: to ask DNS would block the loop. Limits are looked up by the usual spelling. */
static bool take_address(struct quota_alteration *self, struct string *text)
{
    struct ip_address_text usual;

    return ip_address_normalise(*text, &usual) &&
           arena_copy_string(&self->request->arena, string_from(usual.bytes), text);
}

static bool take_part(struct quota_alteration *self,
                      const struct alter_client_quotas_request_entries_entity *in,
                      struct alter_client_quotas_response_entries *out,
                      struct catalog_quota *entity)
{
    enum quota_entity_part part;

    if (!quota_entities_find_part(in->entity_type, &part)) {
        return refuse(out, catalog_changes_text(self->request,
                                                "Unhandled client quota entity type: %.*s",
                                                STRING_ARGUMENTS(in->entity_type)));
    }
    struct catalog_quota_part *ours = part == QUOTA_USER        ? &entity->user
                                      : part == QUOTA_CLIENT_ID ? &entity->client_id
                                                                : &entity->ip;
    /* Named twice, the last one counts, as in Kafka's map. */
    *ours = (struct catalog_quota_part){.is_given = true, .name = in->entity_name};
    if (in->entity_name.bytes != NULL && in->entity_name.length == 0) {
        return refuse(out, catalog_changes_text(self->request, "Empty %.*s not supported",
                                                STRING_ARGUMENTS(in->entity_type)));
    }
    if (in->entity_name.length > CATALOG_PRINCIPAL_BYTES_MAX) {
        return refuse(out, STRING("The name of the entity is too long"));
    }
    return true;
}

static bool take_entity(struct quota_alteration *self,
                        const struct alter_client_quotas_request_entries *in,
                        struct alter_client_quotas_response_entries *out,
                        struct catalog_quota *entity)
{
    for (int32_t i = 0; i < in->entity.count; i++) {
        if (!take_part(self, &in->entity.items[i], out, entity)) {
            return false;
        }
    }
    if (in->entity.count <= 0) {
        return refuse(out, STRING("Invalid empty client quota entity"));
    }
    if (entity->ip.is_given && (entity->user.is_given || entity->client_id.is_given)) {
        return refuse(out, STRING("Invalid quota entity combination, IP entity shouldnot be "
                                  "combined with User or ClientId"));
    }
    if (entity->ip.name.bytes != NULL && !take_address(self, &entity->ip.name)) {
        return refuse(out, catalog_changes_text(self->request,
                                                "%.*s is not a valid IP or resolvable host.",
                                                STRING_ARGUMENTS(entity->ip.name)));
    }
    return true;
}

/* Kafka's: what its map prints, by the names that are hashed to the front. */
static struct string duplicate_text(struct quota_alteration *self,
                                    const struct catalog_quota *entity)
{
    const struct catalog_quota_part *parts[] = {&entity->client_id, &entity->user, &entity->ip};
    static const char *const names[] = {"client-id", "user", "ip"};
    struct string text = STRING("");

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct string name = parts[i]->name.bytes == NULL ? STRING("null") : parts[i]->name;

        if (parts[i]->is_given) {
            text =
                catalog_changes_text(self->request, "%.*s%s%s=%.*s", STRING_ARGUMENTS(text),
                                     text.length > 0 ? ", " : "", names[i], STRING_ARGUMENTS(name));
        }
    }
    return catalog_changes_text(self->request,
                                "Ignoring duplicate entity ClientQuotaEntity(entries={%.*s})",
                                STRING_ARGUMENTS(text));
}

/* ---- the quotas ---- */

static bool check_value(struct quota_alteration *self,
                        const struct alter_client_quotas_request_entries_ops *in, bool is_of_ip,
                        struct alter_client_quotas_response_entries *out)
{
    enum quota_value_type type = quota_entities_value_type(in->key, is_of_ip);
    const char *before = "";
    const char *after = "";

    if (type == QUOTA_VALUE_UNKNOWN) {
        before = "Invalid configuration key ";
    } else if (!(in->value > 0) || !isfinite(in->value)) {
        before = "Quota ";
        after = " must be greater than 0";
    } else if (type == QUOTA_VALUE_INT && in->value > INT32_MAX) {
        before = "Proposed value for ";
        after = " is too large for an INT.";
    } else if (type == QUOTA_VALUE_LONG && in->value > long_max) {
        before = "Proposed value for ";
        after = " is too large for a LONG.";
    } else if (type != QUOTA_VALUE_DOUBLE && fmod(in->value, 1.0) > fraction_max) {
        after = " cannot be a fractional value.";
    } else {
        return true;
    }
    return refuse(out, catalog_changes_text(self->request, "%s%.*s%s", before,
                                            STRING_ARGUMENTS(in->key), after));
}

static bool check_values(struct quota_alteration *self,
                         const struct alter_client_quotas_request_entries *in,
                         const struct catalog_quota *entity,
                         struct alter_client_quotas_response_entries *out)
{
    if (in->ops.count > CATALOG_QUOTA_VALUES_MAX) {
        return refuse(out, STRING("Too many quotas of one entity"));
    }
    for (int32_t i = 0; i < in->ops.count; i++) {
        for (int32_t j = 0; j < i; j++) {
            if (string_equal(in->ops.items[i].key, in->ops.items[j].key)) {
                return refuse(out, duplicate_text(self, entity));
            }
        }
        if (!in->ops.items[i].remove &&
            !check_value(self, &in->ops.items[i], entity->ip.is_given, out)) {
            return false;
        }
    }
    return true;
}

/* ---- carrying out ---- */

static bool submit(struct quota_alteration *self,
                   const struct alter_client_quotas_request_entries *in,
                   const struct catalog_quota *entity,
                   struct alter_client_quotas_response_entries *out)
{
    struct catalog_set_quotas command;
    struct catalog_set_quotas_entries entry = {
        .has_user = entity->user.is_given,
        .user = entity->user.name,
        .has_client_id = entity->client_id.is_given,
        .client_id = entity->client_id.name,
        .has_ip = entity->ip.is_given,
        .ip = entity->ip.name,
    };

    catalog_set_quotas_init(&command);
    if (catalog_set_quotas_entries_changes_array_alloc(&entry.changes, &self->request->arena,
                                                       in->ops.count) != ERROR_NONE) {
        return refuse(out, STRING("The request is too large"));
    }
    for (int32_t i = 0; i < in->ops.count; i++) {
        entry.changes.items[i].key = in->ops.items[i].key;
        entry.changes.items[i].value = in->ops.items[i].remove ? 0 : in->ops.items[i].value;
        entry.changes.items[i].is_removal = in->ops.items[i].remove;
    }
    command.entries.items = &entry;
    command.entries.count = 1;
    catalog_changes_make(&self->changes, &catalog_set_quotas_layout, CATALOG_SET_QUOTAS_RECORD,
                         &command, &out->error_code, &out->error_message);
    return true;
}

/* ---- entities ---- */

static bool part_equal(const struct catalog_quota_part *a, const struct catalog_quota_part *b)
{
    return a->is_given == b->is_given && (a->name.bytes == NULL) == (b->name.bytes == NULL) &&
           (a->name.bytes == NULL || string_equal(a->name, b->name));
}

static uint64_t entity_hash(const struct catalog_quota *entity)
{
    const struct catalog_quota_part *parts[] = {&entity->user, &entity->client_id, &entity->ip};
    uint64_t hash = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        hash = hash * 31 + (uint64_t)parts[i]->is_given;
        hash = hash * 31 + (parts[i]->name.bytes == NULL ? 0 : string_hash(parts[i]->name));
    }
    return hash;
}

static struct quota_entry *find_same(const struct map *map, const struct catalog_quota *entity)
{
    map_for_each_match(link, map, entity_hash(entity)) {
        struct quota_entry *entry = CONTAINER_OF(link, struct quota_entry, link);

        if (part_equal(&entry->entity.user, &entity->user) &&
            part_equal(&entry->entity.client_id, &entity->client_id) &&
            part_equal(&entry->entity.ip, &entity->ip)) {
            return entry;
        }
    }
    return NULL;
}

/* What is asked twice is answered once; its first change counts. False: no answer of its own. */
static bool alter(struct quota_alteration *self, struct map *map,
                  const struct alter_client_quotas_request_entries *in,
                  struct alter_client_quotas_response_entries *out, struct quota_entry *entry)
{
    *entry = (struct quota_entry){.out = out}; /* it may have been a duplicate's */
    bool is_sound = take_entity(self, in, out, &entry->entity);
    struct quota_entry *same = is_sound ? find_same(map, &entry->entity) : NULL;

    if (same != NULL) {
        same->is_twice = true;
        return false;
    }
    if (is_sound) {
        map_insert(map, &entry->link, entity_hash(&entry->entity));
        if (check_values(self, in, &entry->entity, out) && !self->in.validate_only) {
            (void)submit(self, in, &entry->entity, out);
        }
    }
    return true;
}

static void alter_all(struct quota_alteration *self)
{
    struct alter_client_quotas_response_entries *items = self->out.entries.items;
    struct map map;
    int32_t kept = 0;

    map_init(&map);
    for (int32_t i = 0; i < self->in.entries.count; i++) {
        items[kept] = items[i];
        kept += alter(self, &map, &self->in.entries.items[i], &items[kept], &self->entries[kept]);
    }
    self->out.entries.count = kept;
    map_release(&map);
}

static void reply(struct catalog_changes *changes)
{
    struct quota_alteration *self = changes->context;

    for (int32_t i = 0; i < self->out.entries.count; i++) {
        if (self->entries[i].is_twice) {
            (void)refuse(self->entries[i].out, duplicate_text(self, &self->entries[i].entity));
        }
    }
    request_reply(self->request, &alter_client_quotas_response_layout, &self->out);
}

/* The answer names the entities as the request did. */
static bool prepare(struct quota_alteration *self)
{
    struct arena *arena = &self->request->arena;
    size_t count = (size_t)(self->in.entries.count < 0 ? 0 : self->in.entries.count);

    self->entries = arena_alloc_array(arena, count + 1, sizeof *self->entries);
    if (self->entries == NULL ||
        alter_client_quotas_response_entries_array_alloc(&self->out.entries, arena,
                                                         self->in.entries.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < self->in.entries.count; i++) {
        const struct alter_client_quotas_request_entries *in = &self->in.entries.items[i];
        struct alter_client_quotas_response_entries *out = &self->out.entries.items[i];
        out->error_message = STRING_NULL;
        if (alter_client_quotas_response_entries_entity_array_alloc(
                &out->entity, arena, in->entity.count) != ERROR_NONE) {
            return false;
        }
        for (int32_t j = 0; j < in->entity.count; j++) {
            out->entity.items[j].entity_type = in->entity.items[j].entity_type;
            out->entity.items[j].entity_name = in->entity.items[j].entity_name;
        }
    }
    return true;
}

static void refuse_all(struct quota_alteration *self, enum kafka_error error)
{
    for (int32_t i = 0; i < self->out.entries.count; i++) {
        self->out.entries.items[i].error_code = (int16_t)error;
        self->out.entries.items[i].error_message = string_from(kafka_error_text((int16_t)error));
    }
    request_reply(self->request, &alter_client_quotas_response_layout, &self->out);
}

void alter_client_quotas_handle(struct request *request)
{
    struct quota_alteration *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &alter_client_quotas_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    alter_client_quotas_response_init(&self->out);
    if (!prepare(self)) {
        request_close(request);
        return;
    }
    if (!access_allows(request, ACCESS_ALTER_CONFIGS, ACCESS_CLUSTER, ACL_CLUSTER_NAME)) {
        refuse_all(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED);
        return;
    }
    if (self->in.entries.count > ENTRIES_MAX) {
        refuse_all(self, KAFKA_ERROR_POLICY_VIOLATION);
        return;
    }
    catalog_changes_init(&self->changes, request, reply, self);
    alter_all(self);
    catalog_changes_all_made(&self->changes);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_refusals.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

void audit_refusals_init(struct audit_refusals *refusals)
{
    map_init(&refusals->by_key);
    list_init(&refusals->ages);
}

void audit_refusals_release(struct audit_refusals *refusals)
{
    struct audit_refusal *refusal;

    while ((refusal = audit_refusals_take(refusals, UINT64_MAX)) != NULL) {
        free(refusal);
    }
    map_release(&refusals->by_key);
}

static uint64_t key_hash(const struct audit_event *event)
{
    uint64_t hash = hash_u64(string_hash(event->principal) + string_hash(event->operation));

    hash = hash_u64(hash + string_hash(event->resource_type) + (uint64_t)event->kind);
    hash = hash_u64(hash + string_hash(event->mechanism) + string_hash(event->error));
    return hash_u64(hash_u64(hash + string_hash(event->resource)) + string_hash(event->peer));
}

static bool is_equal(const struct audit_event *a, const struct audit_event *b)
{
    return a->kind == b->kind && string_equal(a->mechanism, b->mechanism) &&
           string_equal(a->error, b->error) && string_equal(a->principal, b->principal) &&
           string_equal(a->operation, b->operation) &&
           string_equal(a->resource_type, b->resource_type) &&
           string_equal(a->resource, b->resource) && string_equal(a->peer, b->peer);
}

bool audit_refusals_count(struct audit_refusals *refusals, const struct audit_event *event)
{
    map_for_each_match(link, &refusals->by_key, key_hash(event)) {
        struct audit_refusal *refusal = CONTAINER_OF(link, struct audit_refusal, link);

        if (is_equal(&refusal->event, event)) {
            refusal->again++;
            return true;
        }
    }
    return false;
}

bool audit_refusals_are_full(const struct audit_refusals *refusals)
{
    return refusals->by_key.count >= AUDIT_REFUSALS_MAX;
}

static void keep(struct string *text, char **to)
{
    if (text->length > 0) {
        memcpy(*to, text->bytes, (size_t)text->length);
        text->bytes = *to;
        *to += text->length;
    }
}

void audit_refusals_add(struct audit_refusals *refusals, const struct audit_event *event,
                        uint64_t now_us)
{
    size_t bytes = 0;
    struct audit_refusal *refusal;
    struct audit_event copy = *event;
    struct string *texts[] = {&copy.peer,      &copy.listener, &copy.mechanism, &copy.principal,
                              &copy.client_id, &copy.api,      &copy.operation, &copy.resource_type,
                              &copy.resource,  &copy.rule,     &copy.error,     &copy.detail};
    char *to;

    copy.tls_version = copy.tls_cipher = copy.tls_subject = STRING_NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bytes += (size_t)texts[i]->length;
    }
    refusal = check_alloc_zero(sizeof *refusal + bytes);
    to = (char *)(refusal + 1);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        keep(texts[i], &to);
    }
    refusal->event = copy;
    refusal->since_us = now_us;
    map_insert(&refusals->by_key, &refusal->link, key_hash(&refusal->event));
    list_append(&refusals->ages, &refusal->age);
}

struct audit_refusal *audit_refusals_take(struct audit_refusals *refusals, uint64_t before_us)
{
    struct audit_refusal *oldest;

    if (list_is_empty(&refusals->ages)) {
        return NULL;
    }
    oldest = list_first(&refusals->ages, struct audit_refusal, age);
    if (oldest->since_us >= before_us) {
        return NULL;
    }
    map_remove(&refusals->by_key, &oldest->link);
    list_remove(&oldest->age);
    return oldest;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/token_index.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "gyre/base/map.h"
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"
#include "gyre/metadata/catalog_security.h"

struct token_entry {
    struct map_link by_hmac;
    struct map_link by_id;
    uint8_t hmac[DELEGATION_TOKEN_HMAC_BYTES];
    uint64_t round; /* of the walk that saw it last */
    int32_t id_length;
    char id[];
};

struct token_index {
    struct catalog *catalog;
    const struct broker_config *config;
    struct catalog_listener listener;
    struct map by_hmac;
    struct map by_id;
    uint64_t round;
    bool is_stale; /* tokens came or went since the last walk */
};

static struct string id_of(const struct token_entry *entry)
{
    return (struct string){entry->id, entry->id_length};
}

static uint64_t hash_of(const uint8_t *hmac)
{
    return hash_bytes(hmac, DELEGATION_TOKEN_HMAC_BYTES);
}

/* ---- keeping up ---- */

static void on_security_changed(void *context, enum catalog_security kind)
{
    struct token_index *index = context;

    index->is_stale = index->is_stale || kind == CATALOG_TOKEN;
}

static struct token_entry *find_id(const struct token_index *index, struct string id)
{
    map_for_each_match(link, &index->by_id, string_hash(id)) {
        struct token_entry *entry = CONTAINER_OF(link, struct token_entry, by_id);

        if (string_equal(id_of(entry), id)) {
            return entry;
        }
    }
    return NULL;
}

static struct token_entry *add(struct token_index *index, struct string id)
{
    struct token_entry *entry = check_alloc_zero(sizeof *entry + (size_t)id.length + 1);

    entry->id_length = id.length;
    memcpy(entry->id, id.bytes, (size_t)id.length);
    if (credential_token_hmac(index->config->delegation_token_secret_key, id, entry->hmac) !=
        ERROR_NONE) {
        free(entry);
        return NULL;
    }
    map_insert(&index->by_id, &entry->by_id, string_hash(id));
    map_insert(&index->by_hmac, &entry->by_hmac, hash_of(entry->hmac));
    return entry;
}

static void drop(struct token_index *index, struct token_entry *entry)
{
    map_remove(&index->by_id, &entry->by_id);
    map_remove(&index->by_hmac, &entry->by_hmac);
    OPENSSL_cleanse(entry->hmac, sizeof entry->hmac);
    free(entry);
}

static void note(void *context, const struct delegation_token *token)
{
    struct token_index *index = context;
    struct token_entry *entry = find_id(index, token->id);

    if (entry == NULL) {
        entry = add(index, token->id);
    }
    if (entry != NULL) {
        entry->round = index->round;
    }
}

static void keep_up(struct token_index *index)
{
    index->is_stale = false;
    index->round++;
    catalog_for_each_token(index->catalog, note, index);
    map_for_each_safe(link, &index->by_id) {
        struct token_entry *entry = CONTAINER_OF(link, struct token_entry, by_id);

        if (entry->round != index->round) {
            drop(index, entry);
        }
    }
}

/* ---- looking up ---- */

static const struct token_entry *find_hmac(const struct token_index *index, struct bytes hmac)
{
    map_for_each_match(link, &index->by_hmac, hash_of((const uint8_t *)hmac.bytes)) {
        const struct token_entry *entry = CONTAINER_OF(link, struct token_entry, by_hmac);

        if (CRYPTO_memcmp(entry->hmac, hmac.bytes, sizeof entry->hmac) == 0) {
            return entry;
        }
    }
    return NULL;
}

const struct delegation_token *token_index_find(struct token_index *index, struct bytes hmac)
{
    const struct token_entry *entry;

    if (hmac.length != DELEGATION_TOKEN_HMAC_BYTES) {
        return NULL;
    }
    entry = find_hmac(index, hmac);
    if (entry == NULL && index->is_stale) {
        keep_up(index);
        entry = find_hmac(index, hmac);
    }
    return entry == NULL ? NULL : catalog_find_token(index->catalog, id_of(entry));
}

/* ---- life ---- */

struct token_index *token_index_new(struct catalog *catalog, const struct broker_config *config)
{
    struct token_index *index = check_alloc_zero(sizeof *index);

    index->catalog = catalog;
    index->config = config;
    index->is_stale = true;
    map_init(&index->by_hmac);
    map_init(&index->by_id);
    index->listener =
        (struct catalog_listener){.security_changed = on_security_changed, .context = index};
    catalog_add_listener(catalog, &index->listener);
    return index;
}

void token_index_free(struct token_index *index)
{
    if (index == NULL) {
        return;
    }
    list_remove(&index->listener.link);
    map_for_each_safe(link, &index->by_id) {
        drop(index, CONTAINER_OF(link, struct token_entry, by_id));
    }
    map_release(&index->by_id);
    map_release(&index->by_hmac);
    free(index);
}

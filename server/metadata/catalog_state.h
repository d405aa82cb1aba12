/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the catalog knows, without a word of how it came to know it: no Raft, no network, no time.
 * Equal commands in equal order give equal states, so nothing in here may depend on this broker but
 * the effective configurations, which are computed and not replicated.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_METADATA_CATALOG_STATE_H
#define GYRE_METADATA_CATALOG_STATE_H

#include "gyre/metadata/catalog.h"

#include "metadata/security.h"

/* A topic with the index that only the state needs. */
struct topic_object {
    struct catalog_topic topic;
    struct map_link by_folded_name; /* '.' as '_': Kafka lets no two topics agree in it */
};

/* The settings of one owner: a broker, all brokers, a group. */
struct settings_object {
    struct map_link by_owner;
    struct string owner;
    struct list settings; /* struct catalog_setting, sorted by name */
};

/* Names one row of the store: kind, then node id, topic id or owner. */
enum row_kind {
    ROW_REGION = 'r',
    ROW_BROKER = 'b',
    ROW_TOPIC = 't',
    ROW_BROKER_SETTINGS = 's',
    ROW_GROUP_SETTINGS = 'g',
    ROW_SECURITY = 'x' /* the digest of what identifies it */
};
enum { ROW_KEY_BYTES_MAX = 256 }; /* LMDB takes 511 */

struct row_key {
    struct map_link by_key;
    int32_t length;
    char bytes[ROW_KEY_BYTES_MAX];
};

struct catalog_state {
    struct uuid cluster_id;
    struct string region; /* owned */
    int32_t region_index;
    int64_t next_producer_id; /* without the region's bits */
    char secret[CATALOG_SECRET_BYTES];
    bool has_secret;

    struct map topics_by_name;
    struct map topics_by_id;
    struct map topics_by_folded_name;
    struct map brokers;
    struct map broker_settings;
    struct map group_settings;
    struct security security;
    int64_t partition_count;
    uint64_t applied_index;

    struct list listeners;              /* struct catalog_listener, borrowed */
    const struct broker_config *config; /* borrowed; NULL: Kafka's defaults */
    char node_text[12];                 /* the owner of this broker's settings */

    struct map dirty; /* struct row_key: rows that the store has not seen */
    bool keeps_dirty;
};

void catalog_state_init(struct catalog_state *state, const struct broker_config *config,
                        int32_t node_id);
void catalog_state_release(struct catalog_state *state); /* listeners hear nothing */

/* Remember that the store must be told. `owner` may hold any bytes. */
void catalog_state_touch(struct catalog_state *state, enum row_kind kind, const void *owner,
                         size_t length);
void catalog_state_forget_dirty(struct catalog_state *state);

/* An owned copy, and its end. Null stays null. */
struct string string_keep(struct string text);
void string_drop(struct string *text);

/* ---- topics.c ---- */
struct topic_object *topics_find(const struct catalog_state *state, struct string name);
struct topic_object *topics_find_id(const struct catalog_state *state, struct uuid id);
struct topic_object *topics_find_folded(const struct catalog_state *state, struct string name);
/* Takes nothing; the topic has no partitions and settings yet and is in no index. */
struct topic_object *topics_new(struct string name, struct uuid id, bool is_internal);
void topics_free(struct topic_object *topic);
void topics_resize(struct topic_object *topic, int32_t partition_count);
void topics_enter(struct catalog_state *state, struct topic_object *topic); /* and tell */
void topics_remove(struct catalog_state *state, struct topic_object *topic);
void topics_changed(struct catalog_state *state, struct topic_object *topic);
void topics_compute_config(const struct catalog_state *state, struct topic_object *topic);
/* After the brokers' settings changed: topics that say nothing themselves follow them. */
void topics_compute_all(struct catalog_state *state);

/* ---- brokers.c ---- */
void brokers_settings_changed(struct catalog_state *state); /* topics follow; tells */
struct catalog_broker *brokers_find(const struct catalog_state *state, int32_t node_id);
struct catalog_broker *brokers_new(int32_t node_id);
void brokers_free(struct catalog_broker *broker);
void brokers_clear(struct catalog_broker *broker); /* its strings */
void brokers_enter(struct catalog_state *state, struct catalog_broker *broker);
void brokers_remove(struct catalog_state *state, struct catalog_broker *broker);
void brokers_changed(struct catalog_state *state, const struct catalog_broker *broker);

/* ---- settings.c ---- */
struct string settings_find(const struct list *settings, struct string name);
/* Null value: removes it. */
void settings_put(struct list *settings, struct string name, struct string value);
void settings_clear(struct list *settings);
struct settings_object *settings_find_owner(const struct map *map, struct string owner);
struct settings_object *settings_get_owner(struct map *map, struct string owner); /* made if new */
void settings_remove_owner(struct map *map, struct settings_object *owner);

#endif

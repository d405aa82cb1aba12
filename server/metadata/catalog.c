/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/metadata/catalog.h"

#include <stdlib.h>

#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/storage/storage.h"

#include "metadata/catalog_commands.h"
#include "metadata/catalog_internal.h"
#include "metadata/catalog_rows.h"

/* ---- the state machine ---- */

/* What the store held is told once, before anything newer. */
static void announce(struct catalog *catalog)
{
    struct catalog_state *state = &catalog->state;

    if (catalog->was_announced) {
        return;
    }
    catalog->was_announced = true;
    list_for_each_safe(link, &state->listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->broker_changed != NULL) {
            map_for_each(at, &state->brokers) {
                listener->broker_changed(listener->context,
                                         CONTAINER_OF(at, struct catalog_broker, by_id));
            }
        }
        if (listener->topic_created != NULL) {
            map_for_each(at, &state->topics_by_id) {
                listener->topic_created(listener->context,
                                        CONTAINER_OF(at, struct catalog_topic, by_id));
            }
        }
        for (int kind = 0; listener->security_changed != NULL && kind < CATALOG_SECURITY_KINDS;
             kind++) {
            listener->security_changed(listener->context, (enum catalog_security)kind);
        }
        if (listener->broker_settings_changed != NULL) {
            listener->broker_settings_changed(listener->context);
        }
        if (listener->loaded != NULL) {
            listener->loaded(listener->context);
        }
    }
}

static void run_announce(struct task *task)
{
    announce(CONTAINER_OF(task, struct catalog, announce));
}

static void machine_apply(void *context, const struct log_entry *entry)
{
    struct catalog *catalog = context;

    announce(catalog);
    if (entry->index <= catalog->state.applied_index) {
        return; /* the store had it */
    }
    if (entry->kind == ENTRY_COMMAND) {
        catalog_apply(&catalog->state, entry->index,
                      (struct bytes){entry->payload.bytes, (int32_t)entry->payload.length},
                      &catalog->result);
    } else {
        catalog->state.applied_index = entry->index;
    }
    catalog_submit_applied(catalog, entry->index, entry->term);
    catalog_spread_applied(catalog);
    catalog_flush_note(catalog);
}

static void on_region_formed(void *context, const struct catalog_outcome *outcome)
{
    (void)context;
    if (outcome->error != ERROR_NONE || outcome->kafka_error != KAFKA_ERROR_NONE) {
        log_warning(LOG_METADATA, "the region's name is not in the catalog yet",
                    field_error(outcome->error));
    }
}

/* `encoded` was checked by the one who gave it to us. */
static void add_first_credentials(const struct buffer *encoded, struct arena *arena,
                                  struct catalog_form_region *command)
{
    void *message = NULL;
    int16_t record = 0;

    if (encoded == NULL) {
        return;
    }
    enum error error = catalog_commands_decode(
        (struct bytes){encoded->bytes, (int32_t)encoded->size}, arena, &record, &message);
    CHECK(error == ERROR_NONE);
    CHECK(record == CATALOG_SET_SCRAM_RECORD);
    const struct catalog_set_scram *scram = message;
    error = catalog_form_region_credentials_array_alloc(&command->credentials, arena,
                                                        scram->upsertions.count);
    CHECK(error == ERROR_NONE);
    for (int32_t i = 0; i < scram->upsertions.count; i++) {
        const struct catalog_set_scram_upsertions *from = &scram->upsertions.items[i];
        command->credentials.items[i] = (struct catalog_form_region_credentials){
            .user = from->user,
            .mechanism = from->mechanism,
            .iterations = from->iterations,
            .salt = from->salt,
            .stored_key = from->stored_key,
            .server_key = from->server_key,
        };
    }
}

/* The first leader writes down which region this is; producer ids carry its index. A region that an
 * older release has formed gets its secret from the first leader that knows of secrets. */
static void form_region(struct catalog *catalog)
{
    const struct broker_config *config = catalog->services.config;
    struct catalog_form_region command;
    struct buffer *bytes = NULL;
    struct arena arena;

    catalog_form_region_init(&command);
    if (config == NULL || (!uuid_is_zero(catalog->state.cluster_id) &&
                           (catalog->state.has_secret || catalog->services.secret == NULL))) {
        return;
    }
    if (catalog->services.secret != NULL) {
        command.secret =
            (struct bytes){(char *)(uintptr_t)catalog->services.secret, CATALOG_SECRET_BYTES};
    }
    command.cluster_id = storage_identity(catalog->services.storage)->cluster_id;
    command.region = config->gyre_region;
    command.region_index = config->gyre_region_index;
    arena_init(&arena, SIZE_MAX / 2);
    add_first_credentials(catalog->services.first_credentials, &arena, &command);
    if (!uuid_is_zero(command.cluster_id) &&
        catalog_commands_of(form_region, FORM_REGION, &command, &bytes) == ERROR_NONE) {
        catalog_submit(catalog, bytes, on_region_formed, NULL);
    }
    arena_release(&arena);
}

static void machine_lead(void *context, uint64_t term)
{
    struct catalog *catalog = context;

    catalog->leads = true;
    form_region(catalog);
    catalog_submit_leader_changed(catalog);
    log_info(LOG_METADATA, "this broker leads the catalog", field_u64("term", term));
}

static void machine_follow(void *context)
{
    struct catalog *catalog = context;

    catalog->leads = false;
}

static void machine_leader_changed(void *context, int32_t node, uint64_t term)
{
    struct catalog *catalog = context;

    (void)term;
    catalog->leader = node;
    catalog_news_look(catalog);
    catalog_submit_leader_changed(catalog);
    list_for_each_safe(link, &catalog->state.listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->leader_changed != NULL) {
            listener->leader_changed(listener->context, node);
        }
    }
}

static struct buffer *machine_take_snapshot(void *context)
{
    const struct catalog *catalog = context;

    return catalog_rows_snapshot(&catalog->state);
}

static int64_t machine_start_offset(void *context)
{
    (void)context;
    return 0; /* the catalog has no batches */
}

static enum error machine_restore(void *context, const struct log_snapshot *snapshot)
{
    struct catalog *catalog = context;

    announce(catalog);
    if (snapshot->index <= catalog->state.applied_index) {
        return ERROR_NONE; /* the store is further */
    }
    if (snapshot->state.length > INT32_MAX) {
        return ERROR_CORRUPT;
    }
    enum error error = catalog_rows_restore(
        &catalog->state, (struct bytes){snapshot->state.bytes, (int32_t)snapshot->state.length},
        snapshot->index);
    if (error != ERROR_NONE) {
        log_error(LOG_METADATA, "a snapshot of the catalog cannot be read", field_error(error));
        return ERROR_CORRUPT;
    }
    catalog_submit_restored(catalog, snapshot->index);
    catalog_spread_applied(catalog);
    catalog_flush_note(catalog);
    return ERROR_NONE;
}

static void machine_failed(void *context, const char *reason)
{
    struct catalog *catalog = context;

    catalog->leads = false;
    log_error(LOG_METADATA, "the catalog cannot go on here", field_string("reason", reason));
}

/* ---- from birth to death ---- */

struct catalog *catalog_new(const struct catalog_services *services)
{
    struct catalog *catalog = check_alloc_zero(sizeof *catalog);

    catalog->services = *services;
    catalog->leader = -1;
    catalog_state_init(&catalog->state, services->config, services->node_id);
    catalog_flush_load(catalog);
    catalog_flush_init(catalog);
    catalog_submit_init(catalog);
    catalog_spread_init(catalog);
    catalog_news_init(catalog);
    task_init(&catalog->announce, run_announce);
    return catalog;
}

enum error catalog_open(struct catalog *catalog, const struct consensus_member *members, int count)
{
    static const struct state_machine machine = {
        .apply = machine_apply,
        .lead = machine_lead,
        .follow = machine_follow,
        .leader_changed = machine_leader_changed,
        .take_snapshot = machine_take_snapshot,
        .start_offset = machine_start_offset,
        .restore = machine_restore,
        .failed = machine_failed,
    };
    static const struct group_id group = {.partition = 0};
    struct storage *storage = catalog->services.storage;
    struct partition_log *log = storage_find_log(storage, group);

    CHECK(catalog->group == NULL);
    if (log == NULL) {
        log = storage_create_log(storage, group);
    }
    enum error error = consensus_open_group(catalog->services.consensus, log, members, count,
                                            &machine, catalog, &catalog->group);
    if (error == ERROR_NONE) {
        loop_defer(catalog->services.loop, &catalog->announce);
        catalog_news_start(catalog);
    }
    return error;
}

void catalog_free(struct catalog *catalog)
{
    if (catalog == NULL) {
        return;
    }
    task_cancel(&catalog->announce);
    catalog_news_release(catalog);
    if (catalog->group != NULL) {
        consensus_close_group(catalog->group);
    }
    catalog_submit_release(catalog);
    catalog_spread_release(catalog);
    catalog_flush_release(catalog);
    catalog_state_release(&catalog->state);
    free(catalog);
}

struct consensus_group *catalog_group(const struct catalog *catalog)
{
    return catalog->group;
}

void catalog_add_listener(struct catalog *catalog, struct catalog_listener *listener)
{
    list_append(&catalog->state.listeners, &listener->link);
}

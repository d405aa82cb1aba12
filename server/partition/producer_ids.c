/* SPDX-License-Identifier: Apache-2.0 */
#include "partition/producer_ids.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/metadata/catalog.h"
#include "gyre/observe/log.h"

#include "metadata/catalog_commands.h"

/* The next block is asked for when so few are left, so that nobody waits for it. */
enum { LEFT_MIN = CATALOG_PRODUCER_ID_BLOCK / 10 };

struct producer_ids {
    struct catalog *catalog;
    struct list waiting; /* struct producer_id_wait */
    int64_t next;
    int64_t end;
    int64_t spare; /* first of the block behind it, -1: none */
    bool is_asking;
};

struct producer_ids *producer_ids_new(struct catalog *catalog)
{
    struct producer_ids *ids = check_alloc_zero(sizeof *ids);

    ids->catalog = catalog;
    ids->spare = -1;
    list_init(&ids->waiting);
    return ids;
}

void producer_ids_free(struct producer_ids *ids)
{
    if (ids != NULL) {
        CHECK(!ids->is_asking);
        CHECK(list_is_empty(&ids->waiting));
        free(ids);
    }
}

static bool take(struct producer_ids *ids, int64_t *out_id)
{
    if (ids->next == ids->end && ids->spare >= 0) {
        ids->next = ids->spare;
        ids->end = ids->spare + CATALOG_PRODUCER_ID_BLOCK;
        ids->spare = -1;
    }
    if (ids->next == ids->end) {
        return false;
    }
    *out_id = ids->next++;
    return true;
}

static void ask(struct producer_ids *ids);

static void answer_waiting(struct producer_ids *ids, enum kafka_error error)
{
    struct list answered;

    list_init(&answered);
    list_append_all(&answered, &ids->waiting);
    while (!list_is_empty(&answered)) {
        struct producer_id_wait *wait = list_first(&answered, struct producer_id_wait, link);

        list_remove(&wait->link);
        wait->error = error;
        if (error == KAFKA_ERROR_NONE && !take(ids, &wait->producer_id)) {
            list_append(&ids->waiting, &wait->link);
            continue;
        }
        wait->done(wait);
    }
    if (!list_is_empty(&ids->waiting)) {
        ask(ids);
    }
}

static void on_block(void *context, const struct catalog_outcome *outcome)
{
    struct producer_ids *ids = context;

    ids->is_asking = false;
    if (outcome->error != ERROR_NONE || outcome->kafka_error != KAFKA_ERROR_NONE ||
        outcome->value.length != (int32_t)sizeof ids->spare) {
        log_warning(LOG_PARTITION, "no block of producer ids",
                    field_string("reason", error_text(outcome->error)));
        answer_waiting(ids, KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS);
        return;
    }
    ids->spare = (int64_t)load_be64(outcome->value.bytes);
    answer_waiting(ids, KAFKA_ERROR_NONE);
}

static void ask(struct producer_ids *ids)
{
    struct catalog_allocate_producer_ids command;
    struct buffer *bytes;
    enum error error;

    if (ids->is_asking || ids->spare >= 0) {
        return;
    }
    catalog_allocate_producer_ids_init(&command);
    command.count = CATALOG_PRODUCER_ID_BLOCK;
    error = catalog_commands_of(allocate_producer_ids, ALLOCATE_PRODUCER_IDS, &command, &bytes);
    CHECK(error == ERROR_NONE);
    ids->is_asking = true;
    catalog_submit(ids->catalog, bytes, on_block, ids);
}

bool producer_ids_take(struct producer_ids *ids, struct producer_id_wait *wait)
{
    bool is_there = list_is_empty(&ids->waiting) && take(ids, &wait->producer_id);

    wait->error = KAFKA_ERROR_NONE;
    if (!is_there) {
        list_append(&ids->waiting, &wait->link);
    }
    if (ids->end - ids->next < LEFT_MIN) {
        ask(ids);
    }
    return is_there;
}

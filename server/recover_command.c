/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog's majority is gone for good, and this stopped broker has a copy. The operator is told
 * what it holds and what may be lost, and says yes; then one record of the journal makes this
 * broker the only member of the catalog, which takes in the others when they come.
 */
#include "recover_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "gyre/base/map.h"
#include "gyre/base/random.h"
#include "gyre/config/config.h"
#include "gyre/runtime/boot.h"
#include "gyre/runtime/directory_lock.h"
#include "gyre/runtime/disk_engine.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_uv.h"
#include "gyre/storage/storage.h"

#include "format_command.h"
#include "metadata/catalog_recovery.h"

enum { MESSAGE_BYTES = 256, ANSWER_BYTES = 16 };

struct recover {
    const struct broker_config *config;
    const char *directory;
    int lock_fd;
    uv_loop_t uv;
    struct loop loop;
    struct loop_uv driver;
    struct disk *disk;
    struct storage *storage;
    struct catalog_recovery *catalog;
    /* what the loop turns for */
    bool is_done;
    enum error error;
    uint64_t durable;
};

static int fail(const struct recover *recover, const char *sentence)
{
    (void)fprintf(stderr, "%s: %s; nothing was changed\n", recover->directory, sentence);
    return EXIT_FAILURE;
}

/* ---- the ground ---- */

static void start_ground(struct recover *recover)
{
    struct random random;

    random_seed_from_system(&random);
    hash_set_seed(random_u64(&random));
    CHECK(uv_loop_init(&recover->uv) == 0);
    loop_init(&recover->loop, clock_system());
    loop_uv_start(&recover->driver, &recover->uv, &recover->loop);
}

static void on_storage_closed(void *context)
{
    struct recover *recover = context;

    disk_engine_free(recover->disk);
    loop_uv_stop(&recover->driver);
}

static void end_ground(struct recover *recover)
{
    catalog_recovery_free(recover->catalog);
    if (recover->storage != NULL) {
        storage_close(recover->storage, on_storage_closed, recover);
    } else {
        if (recover->disk != NULL) {
            disk_engine_free(recover->disk);
        }
        loop_uv_stop(&recover->driver);
    }
    (void)uv_run(&recover->uv, UV_RUN_DEFAULT);
    loop_release(&recover->loop);
    (void)uv_loop_close(&recover->uv);
}

static void turn_until_done(struct recover *recover)
{
    while (!recover->is_done) {
        (void)uv_run(&recover->uv, UV_RUN_ONCE);
    }
}

static void on_durable(void *log_context, uint64_t sequence)
{
    struct recover *recover = log_context;

    if (recover != NULL) {
        recover->durable = sequence;
    }
}

static void on_corrupt(void *log_context, const char *reason)
{
    (void)log_context;
    (void)reason; /* the log says so, and the copy is found damaged when it is read */
}

static void on_space(void *context, bool has_space)
{
    (void)context;
    (void)has_space;
}

static int open_storage(struct recover *recover)
{
    const struct broker_config *config = recover->config;
    const struct storage_options options = {
        .directory = recover->directory,
        .journal_file_bytes = config->gyre_journal_file_bytes,
        .journal_file_count = config->gyre_journal_file_count,
        .cache_bytes_max = (size_t)config->gyre_cache_bytes,
        .reserved_bytes = config->gyre_disk_reserved_bytes,
        .memory_sync_us = (uint64_t)config->gyre_memory_sync_ms * 1000,
        .boot_id = boot_id_system(),
    };
    const struct storage_listener listener = {
        .durable = on_durable, .corrupt = on_corrupt, .space = on_space};
    char message[MESSAGE_BYTES] = "";
    const char *engine;

    if (disk_engine_new(&recover->uv, config->gyre_disk_engine, &recover->disk, &engine) !=
        ERROR_NONE) {
        return fail(recover, "the disk engine does not work on this system");
    }
    enum error error =
        storage_open(&recover->loop, recover->disk, &options, message, &recover->storage);
    if (error != ERROR_NONE) {
        return fail(recover, message[0] == '\0' ? error_text(error) : message);
    }
    storage_set_listener(recover->storage, &listener);
    if (storage_identity(recover->storage)->node_id != config->node_id) {
        return fail(recover, "belongs to another node id than node.id of this configuration");
    }
    return EXIT_SUCCESS;
}

/* ---- reading ---- */

static void on_read(void *context, enum error error)
{
    struct recover *recover = context;

    recover->is_done = true;
    recover->error = error;
}

static int read_catalog(struct recover *recover, struct catalog_summary *out_summary)
{
    const struct catalog_recovery_services services = {
        .loop = &recover->loop,
        .storage = recover->storage,
        .config = recover->config,
        .node_id = recover->config->node_id,
    };

    recover->catalog = catalog_recovery_read(&services, on_read, recover);
    if (recover->catalog == NULL) {
        return fail(recover, "has no copy of a catalog: this broker was never in a region");
    }
    turn_until_done(recover);
    if (recover->error != ERROR_NONE) {
        return fail(recover, "its copy of the catalog is damaged and cannot be the truth; "
                             "recover on another surviving broker");
    }
    catalog_recovery_summary(recover->catalog, out_summary);
    return EXIT_SUCCESS;
}

/* NULL: it is no member. */
static const struct consensus_member *find_member(const struct consensus_copy *copy, int32_t node)
{
    for (int i = 0; i < copy->member_count; i++) {
        if (copy->members[i].node == node) {
            return &copy->members[i];
        }
    }
    return NULL;
}

static int voter_count(const struct consensus_copy *copy)
{
    int count = 0;

    for (int i = 0; i < copy->member_count; i++) {
        count += copy->members[i].role == MEMBER_VOTER;
    }
    return count;
}

static bool is_voter(const struct consensus_copy *copy, int32_t node)
{
    const struct consensus_member *member = find_member(copy, node);

    return member != NULL && member->role == MEMBER_VOTER;
}

static bool is_only_voter(const struct consensus_copy *copy, int32_t node)
{
    return voter_count(copy) == 1 && is_voter(copy, node);
}

/* ---- what the operator is told ---- */

static void print_members(const struct consensus_copy *copy, int32_t ourselves)
{
    (void)printf("  members:      ");
    for (int i = 0; i < copy->member_count; i++) {
        (void)printf("%s%d%s%s", i == 0 ? "" : ", ", copy->members[i].node,
                     copy->members[i].role == MEMBER_VOTER ? "" : " (no vote)",
                     copy->members[i].node == ourselves ? " (this broker)" : "");
    }
    (void)printf("\n");
}

static void tell(const struct recover *recover, const struct catalog_summary *summary)
{
    const struct consensus_copy *copy = &summary->copy;
    int voters = voter_count(copy);

    (void)printf("%s: the catalog as broker %d has it\n", recover->directory,
                 recover->config->node_id);
    print_members(copy, recover->config->node_id);
    (void)printf("  goes up to:   term %" PRIu64 ", index %" PRIu64 "\n", copy->last_term,
                 copy->last_index);
    (void)printf("  holds:        %d brokers, %d topics, %" PRId64 " partitions\n",
                 summary->broker_count, summary->topic_count, summary->partition_count);
    (void)printf(
        "\n"
        "What may be lost: every change of the catalog (topics, settings, credentials,\n"
        "access rules, brokers) behind that index that only the others have.\n"
        "\n"
        "WARNING: whether the majority (%d of %d voters) is lost for good cannot be known\n"
        "here. Go on only if it is: the others' disks must never come back. Of several\n"
        "survivors take the one with the greatest term, then the greatest index; run\n"
        "this on one only. The others follow it.\n",
        voters / 2 + 1, voters);
    if (!is_voter(copy, recover->config->node_id)) {
        (void)printf("\nWARNING: this broker had no vote: it may lack what was decided.\n");
    }
}

static bool is_agreed(const struct recover *recover)
{
    char answer[ANSWER_BYTES] = "";

    (void)printf("\nMake broker %d the only member of the catalog? Type yes: ",
                 recover->config->node_id);
    (void)fflush(stdout);
    return fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0;
}

/* ---- the deed ---- */

static int take_over(struct recover *recover)
{
    uint64_t sequence = catalog_recovery_take_over(recover->catalog, recover);

    while (recover->durable < sequence) {
        (void)uv_run(&recover->uv, UV_RUN_ONCE);
    }
    (void)printf("broker %d is the only member of the catalog now: start it, then recover the\n"
                 "partitions without a leader (kafka-leader-election --election-type unclean)\n",
                 recover->config->node_id);
    return EXIT_SUCCESS;
}

static int work(struct recover *recover, bool is_confirmed)
{
    struct catalog_summary summary;
    int status = open_storage(recover);

    if (status == EXIT_SUCCESS) {
        status = read_catalog(recover, &summary);
    }
    if (status != EXIT_SUCCESS) {
        return status;
    }
    if (find_member(&summary.copy, recover->config->node_id) == NULL) {
        return fail(recover, "this broker is no member of the catalog");
    }
    tell(recover, &summary);
    if (is_only_voter(&summary.copy, recover->config->node_id)) {
        return fail(recover, "this broker is the only voter already: start it");
    }
    if (!is_confirmed && !is_agreed(recover)) {
        return fail(recover, "not confirmed");
    }
    return take_over(recover);
}

int recover_command(const struct broker_config *config, bool is_confirmed)
{
    struct recover *recover = check_alloc_zero(sizeof *recover);
    enum error error;
    int status;

    recover->config = config;
    recover->directory = data_directory(config);
    error = directory_lock_take(recover->directory, &recover->lock_fd);
    if (error != ERROR_NONE) {
        status = fail(recover, error == ERROR_BUSY ? "a gyred is using it: stop that first"
                                                   : error_text(error));
        free(recover);
        return status;
    }
    start_ground(recover);
    status = work(recover, is_confirmed);
    end_ground(recover);
    directory_lock_release(recover->lock_fd);
    free(recover);
    return status;
}

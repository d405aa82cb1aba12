/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of random changes to a few logs, interrupted by crashes, kills and closes. A model
 * keeps what each change meant. After each start, every log must be what the model was after some
 * change that is no older than the last one reported durable, and every byte must be right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "storage_model.h"
#include "support/storage_world.h"
#include "support/test.h"

enum { LOGS = 5, STEPS = 1500 };

/* MAYBE: it was trusted, and the record of that may not have been written. */
enum doubt { DOUBT_NO, DOUBT_MAYBE, DOUBT_YES };

struct run {
    struct storage_world world;
    struct model_log logs[LOGS];
    bool uses_outside;
    bool uses_installs;
    bool uses_removals;
    bool uses_memory; /* logs with an even number */
    enum doubt doubts[LOGS];
    int crashes;
    int doubted;
};

static void on_durable(void *context, uint64_t sequence)
{
    struct model_log *model = context;

    assert_non_null(model);
    assert_true(sequence > model->durable);
    assert_true(sequence <= model->sequence);
    model->durable = sequence;
}

static void on_corrupt(void *context, const char *reason)
{
    struct model_log *model = context;

    print_error("log %d is corrupt: %s\n", model == NULL ? -1 : model->number, reason);
    fail();
}

static uint64_t below(struct run *run, uint64_t bound)
{
    return random_below(&run->world.random, bound);
}

/* ---- start and stop ---- */

static bool is_in_memory(const struct run *run, const struct model_log *model)
{
    return run->uses_memory && model->number % 2 == 0;
}

static void attach(struct run *run, struct model_log *model)
{
    struct log_options options = {.segment_bytes = 30000 + (int32_t)below(run, 100000),
                                  .segment_ms = INT64_MAX,
                                  .index_interval_bytes = 4096};

    if (is_in_memory(run, model)) {
        options.durability = LOG_DURABILITY_MEMORY;
    }
    partition_log_set_context(model->log, model);
    partition_log_set_options(model->log, &options);
}

static void check_doubt(struct run *run, const struct model_log *model)
{
    enum doubt *doubt = &run->doubts[model->number];
    bool is_doubtful = partition_log_is_doubtful(model->log);

    if (*doubt != DOUBT_MAYBE && partition_log_last_index(model->log) > 0) {
        assert_int_equal(is_doubtful, *doubt == DOUBT_YES);
    }
    *doubt = is_doubtful ? DOUBT_YES : DOUBT_NO;
    run->doubted += is_doubtful;
    if (is_doubtful && below(run, 2) == 0) {
        partition_log_trust(model->log);
        assert_false(partition_log_is_doubtful(model->log));
        *doubt = DOUBT_MAYBE;
    }
}

static bool is_in_snapshot(const struct model_log *model, uint64_t index)
{
    for (size_t i = 0; i < model->change_count; i++) {
        const struct model_change *change = &model->changes[i];

        if (change->kind == MODEL_SNAPSHOT && change->index >= index &&
            change->sequence <= model->durable) {
            return true;
        }
    }
    return false;
}

/* Whatever is no entry is stable when it is durable, with all before it but batches beside the
 * journal, which only a snapshot waits for. */
static void model_lose_power(struct model_log *model)
{
    for (size_t i = 0; i < model->change_count; i++) {
        const struct model_change *change = &model->changes[i];

        if (change->kind == MODEL_APPEND && change->entry.size >= 128 * 1024 &&
            !is_in_snapshot(model, change->index)) {
            break;
        }
        if (change->kind != MODEL_APPEND && change->sequence <= model->durable) {
            model->stable = change->sequence > model->stable ? change->sequence : model->stable;
        }
    }
    model->durable = model->stable;
}

static void lose_power(struct run *run)
{
    storage_world_crash(&run->world, below(run, 4) != 0);
    for (int i = 0; i < LOGS; i++) {
        if (is_in_memory(run, &run->logs[i])) {
            model_lose_power(&run->logs[i]);
            run->doubts[i] = DOUBT_YES;
        }
    }
}

static void start(struct run *run)
{
    storage_world_open(&run->world);
    for (int i = 0; i < LOGS; i++) {
        struct model_log *model = &run->logs[i];

        model->log = storage_find_log(run->world.storage, storage_world_group(i));
        model_recover(model, &run->world);
        if (model->log == NULL) {
            model->log = storage_create_log(run->world.storage, storage_world_group(i));
        }
        attach(run, model);
        check_doubt(run, model);
    }
}

static void stop(struct run *run)
{
    switch (below(run, 6)) {
    case 0:
        storage_world_close(&run->world);
        for (int i = 0; i < LOGS; i++) {
            model_all_durable(&run->logs[i]);
        }
        break;
    case 1: storage_world_kill(&run->world); break;
    default: lose_power(run); break;
    }
    run->crashes++;
    start(run);
    if (below(run, 5) == 0) {
        /* Again, at once: recovery may itself be interrupted. */
        lose_power(run);
        start(run);
    }
}

/* ---- changes ---- */

static void append(struct run *run, struct model_log *model)
{
    int count = 1 + (int)below(run, 8);

    for (int i = 0; i < count; i++) {
        struct model_entry entry = {.term = model->now.term == 0 ? 1 : model->now.term,
                                    .kind = ENTRY_BATCH,
                                    .content = random_u64(&run->world.random)};

        switch (below(run, 10)) {
        case 0: entry.kind = ENTRY_BARRIER; break;
        case 1:
        case 2:
            entry.kind = ENTRY_COMMAND;
            entry.size = 1 + (uint32_t)below(run, 300);
            break;
        default:
            entry.offset_count = 1 + (int32_t)below(run, 20);
            entry.size = 61 + (uint32_t)below(run, below(run, 4) == 0 ? 8000 : 500);
            if (run->uses_outside && below(run, 40) == 0) {
                entry.size = 128 * 1024 + (uint32_t)below(run, 20000);
            }
            break;
        }
        model_append(model, &entry);
    }
}

static void truncate(struct run *run, struct model_log *model)
{
    uint64_t first = model->now.snapshot_index + 1;
    uint64_t last = model->now.last_index;
    uint64_t index;

    if (last < first) {
        return;
    }
    index = last - below(run, last - first + 1 < 12 ? last - first + 1 : 12);
    model_truncate(model, index);
}

static void change(struct run *run, struct model_log *model)
{
    uint64_t kind = below(run, 100);

    if (kind < 60) {
        append(run, model);
    } else if (kind < 72) {
        truncate(run, model);
    } else if (kind < 82) {
        model_term_vote(model, model->now.term + below(run, 3), 1 + below(run, 3));
    } else if (kind < 90) {
        model_snapshot(model, &run->world.random);
    } else if (kind < 94) {
        model_check(model, &run->world);
    } else if (kind < 97 && run->uses_installs) {
        model_install(model, &run->world);
    } else if (kind == 99 && run->uses_removals && below(run, 4) == 0) {
        storage_remove_log(run->world.storage, model->log);
        storage_world_run(&run->world, 50000); /* its record is durable, its files are there */
        model->log = storage_create_log(run->world.storage, storage_world_group(model->number));
        model_forget(model);
        run->doubts[model->number] = DOUBT_NO;
        attach(run, model);
    }
}

static void one_seed(uint64_t seed, const struct run *kind)
{
    struct run *run = check_alloc_zero(sizeof *run);
    bool outside = kind->uses_outside;

    print_message("seed %llu\n", (unsigned long long)seed);
    *run = *kind;
    storage_world_init(&run->world, seed);
    if (outside) {
        run->world.options.journal_file_bytes = 1024 * 1024;
    }
    run->world.listener = (struct storage_listener){.durable = on_durable, .corrupt = on_corrupt};
    for (int i = 0; i < LOGS; i++) {
        model_init(&run->logs[i], i);
    }
    start(run);
    for (int step = 0; step < STEPS; step++) {
        change(run, &run->logs[below(run, LOGS)]);
        if (below(run, 3) != 0) {
            storage_world_run(&run->world, below(run, 3000));
        }
        if (below(run, 60) == 0) {
            stop(run);
        }
    }
    storage_world_run(&run->world, 5000000);
    for (int i = 0; i < LOGS; i++) {
        assert_int_equal(run->logs[i].durable, run->logs[i].sequence);
        model_check(&run->logs[i], &run->world);
        model_release(&run->logs[i]);
    }
    assert_true(run->crashes > 5);
    assert_true(run->doubted > 0 || !run->uses_memory);
    assert_string_equal(run->world.fatal, "");
    storage_world_release(&run->world);
    free(run);
}

static uint64_t first_seed(void)
{
    const char *text = getenv("GYRE_SEED"); /* NOLINT(concurrency-mt-unsafe) */

    return text == NULL ? 1 : strtoull(text, NULL, 10);
}

static int seed_count(void)
{
    const char *text = getenv("GYRE_SEEDS"); /* NOLINT(concurrency-mt-unsafe) */

    return text == NULL ? 2 : (int)strtol(text, NULL, 10);
}

static void entries_survive_crashes(void **state)
{
    (void)state;
    for (int i = 0; i < seed_count(); i++) {
        one_seed(first_seed() + (uint64_t)i, &(struct run){0});
    }
}

static void big_batches_beside_the_journal_survive_crashes(void **state)
{
    (void)state;
    for (int i = 0; i < seed_count(); i++) {
        one_seed(first_seed() + 1000 + (uint64_t)i, &(struct run){.uses_outside = true});
    }
}

static void removed_logs_stay_removed(void **state)
{
    (void)state;
    for (int i = 0; i < seed_count(); i++) {
        one_seed(first_seed() + 2000 + (uint64_t)i,
                 &(struct run){.uses_outside = true, .uses_removals = true});
    }
}

static void installs_happen_whole_or_not_at_all(void **state)
{
    (void)state;
    for (int i = 0; i < seed_count(); i++) {
        one_seed(first_seed() + 3000 + (uint64_t)i,
                 &(struct run){.uses_outside = true, .uses_installs = true, .uses_removals = true});
    }
}

static void logs_in_memory_lose_only_what_was_not_flushed(void **state)
{
    (void)state;
    for (int i = 0; i < seed_count(); i++) {
        one_seed(first_seed() + 4000 + (uint64_t)i, &(struct run){.uses_memory = true});
        one_seed(first_seed() + 5000 + (uint64_t)i, &(struct run){.uses_memory = true,
                                                                  .uses_outside = true,
                                                                  .uses_installs = true,
                                                                  .uses_removals = true});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_survive_crashes),
        cmocka_unit_test(big_batches_beside_the_journal_survive_crashes),
        cmocka_unit_test(removed_logs_stay_removed),
        cmocka_unit_test(installs_happen_whole_or_not_at_all),
        cmocka_unit_test(logs_in_memory_lose_only_what_was_not_flushed),
    };

    cmocka_set_test_filter(getenv("GYRE_TEST")); /* NOLINT(concurrency-mt-unsafe) */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

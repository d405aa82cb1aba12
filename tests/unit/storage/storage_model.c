/* SPDX-License-Identifier: Apache-2.0 */
#include "storage_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "support/test.h"

/* ---- states ---- */

static void state_init(struct model_state *state)
{
    *state = (struct model_state){.entries_first = 1};
}

static void state_release(struct model_state *state)
{
    free(state->entries);
    state->entries = NULL;
}

static void state_copy(struct model_state *to, const struct model_state *from)
{
    uint64_t count = from->last_index + 1 - from->entries_first;

    free(to->entries);
    *to = *from;
    to->capacity = count + 16;
    to->entries = check_alloc(to->capacity * sizeof *to->entries);
    if (count > 0) {
        memcpy(to->entries, from->entries, count * sizeof *to->entries);
    }
}

static const struct model_entry *state_entry(const struct model_state *state, uint64_t index)
{
    CHECK(index >= state->entries_first);
    CHECK(index <= state->last_index);
    return &state->entries[index - state->entries_first];
}

static void state_append(struct model_state *state, const struct model_entry *entry)
{
    uint64_t at = state->last_index + 1 - state->entries_first;

    if (at >= state->capacity) {
        state->capacity = (at + 1) * 2;
        state->entries = check_realloc(state->entries, state->capacity * sizeof *entry);
    }
    state->entries[at] = *entry;
    state->last_index++;
    state->end_offset = entry->base_offset + entry->offset_count;
}

static void state_truncate(struct model_state *state, uint64_t index)
{
    if (index <= state->last_index) {
        state->end_offset = state_entry(state, index)->base_offset;
        state->last_index = index - 1;
    }
}

static void state_apply(struct model_state *state, const struct model_change *change)
{
    switch (change->kind) {
    case MODEL_APPEND: state_append(state, &change->entry); break;
    case MODEL_TRUNCATE: state_truncate(state, change->index); break;
    case MODEL_TERM_VOTE:
        state->term = change->term;
        state->vote = change->vote;
        break;
    case MODEL_SNAPSHOT:
        state->snapshot_index = change->index;
        state->snapshot_content = change->content;
        state->snapshot_size = change->size;
        break;
    case MODEL_INSTALL_START: state_truncate(state, change->index + 1); break;
    case MODEL_INSTALL_FINISH:
        state->entries_first = change->index + 1;
        state->last_index = change->index;
        state->end_offset = change->offset;
        state->snapshot_index = change->index;
        state->snapshot_content = change->content;
        state->snapshot_size = change->size;
        break;
    case MODEL_REMOVE:
        state_release(state);
        state_init(state);
        break;
    }
}

/* ---- payloads ---- */

static struct buffer_slice random_bytes(uint64_t content, uint32_t size)
{
    struct buffer *buffer = buffer_new(size);
    struct buffer_slice slice = buffer_slice(buffer, 0, size);
    struct random random;

    random_seed(&random, content);
    for (uint32_t i = 0; i < size; i++) {
        buffer->bytes[i] = (char)random_u64(&random);
    }
    buffer_unref(buffer);
    return slice;
}

static struct buffer_slice payload_of(const struct model_entry *entry)
{
    if (entry->kind == ENTRY_BATCH) {
        return storage_world_batch(entry->base_offset, entry->offset_count, entry->size,
                                   entry->content, (int64_t)(entry->content % 100000));
    }
    return entry->size == 0 ? (struct buffer_slice){0} : random_bytes(entry->content, entry->size);
}

/* ---- life ---- */

void model_init(struct model_log *model, int number)
{
    *model = (struct model_log){.number = number};
    state_init(&model->base);
    state_init(&model->now);
}

void model_release(struct model_log *model)
{
    state_release(&model->base);
    state_release(&model->now);
    free(model->changes);
}

static void begin_anew(struct model_log *model)
{
    state_copy(&model->base, &model->now);
    model->change_count = 0;
    model->sequence = 0;
    model->durable = 0;
    model->stable = 0;
}

static void note(struct model_log *model, struct model_change change)
{
    if (model->change_count == model->change_capacity) {
        model->change_capacity = model->change_capacity == 0 ? 64 : model->change_capacity * 2;
        model->changes =
            check_realloc(model->changes, model->change_capacity * sizeof *model->changes);
    }
    assert_true(change.sequence > model->sequence);
    model->sequence = change.sequence;
    model->changes[model->change_count++] = change;
    state_apply(&model->now, &change);
    assert_int_equal(partition_log_last_index(model->log), model->now.last_index);
    assert_int_equal(partition_log_end_offset(model->log), model->now.end_offset);
}

void model_forget(struct model_log *model)
{
    state_release(&model->now);
    state_init(&model->now);
    begin_anew(model);
}

void model_all_durable(struct model_log *model)
{
    model->durable = model->sequence;
}

/* ---- changes ---- */

void model_append(struct model_log *model, const struct model_entry *entry)
{
    struct model_change change = {.kind = MODEL_APPEND, .entry = *entry};
    struct log_entry real = {.index = model->now.last_index + 1,
                             .term = entry->term,
                             .kind = entry->kind,
                             .offset_count = entry->offset_count,
                             .digest = entry->content ^ 0x55};

    change.entry.base_offset = model->now.end_offset;
    real.base_offset = change.entry.base_offset;
    if (entry->kind != ENTRY_BATCH) {
        real.digest = 0;
    }
    real.payload = payload_of(&change.entry);
    change.index = real.index;
    change.sequence = partition_log_append(model->log, &real, 1);
    note(model, change);
}

void model_truncate(struct model_log *model, uint64_t index)
{
    struct model_change change = {.kind = MODEL_TRUNCATE, .index = index};

    change.sequence = partition_log_truncate(model->log, index);
    note(model, change);
}

void model_term_vote(struct model_log *model, uint64_t term, uint64_t vote)
{
    struct model_change change = {.kind = MODEL_TERM_VOTE, .term = term, .vote = vote};

    change.sequence = partition_log_set_term_vote(model->log, term, vote);
    note(model, change);
}

static struct log_snapshot make_snapshot(const struct model_change *change, uint64_t term)
{
    return (struct log_snapshot){.index = change->index,
                                 .term = term,
                                 .next_offset = change->offset,
                                 .configuration_index = change->index,
                                 .configuration = random_bytes(change->content, 40),
                                 .state = random_bytes(change->content + 1, change->size)};
}

/* Raft applies no more here than is durable here, as long as it takes snapshots. */
static uint64_t durable_last_index(const struct model_log *model)
{
    uint64_t last = model->base.last_index;

    for (size_t i = 0; i < model->change_count; i++) {
        const struct model_change *change = &model->changes[i];
        uint64_t index = change->kind == MODEL_TRUNCATE ? change->index - 1 : change->index;

        if (change->kind == MODEL_APPEND ? change->sequence <= model->durable
                                         : change->kind == MODEL_INSTALL_FINISH) {
            last = index;
        } else if (change->kind == MODEL_TRUNCATE || change->kind == MODEL_INSTALL_START) {
            last = index < last ? index : last;
        }
    }
    return last;
}

void model_snapshot(struct model_log *model, struct random *random)
{
    struct model_change change = {.kind = MODEL_SNAPSHOT, .content = random_u64(random)};
    struct log_snapshot snapshot;
    uint64_t from = model->now.snapshot_index;
    uint64_t last = durable_last_index(model);
    const struct model_entry *entry;

    if (last <= from) {
        return;
    }
    change.index = from + 1 + random_below(random, last - from);
    change.size = (uint32_t)random_below(random, random_below(random, 3) == 0 ? 5000 : 1000);
    entry = state_entry(&model->now, change.index);
    change.offset = entry->base_offset + entry->offset_count;
    snapshot = make_snapshot(&change, entry->term);
    change.sequence = partition_log_set_snapshot(model->log, &snapshot);
    note(model, change);
    if (random_below(random, 2) == 0) {
        partition_log_forget(model->log, change.index);
    }
}

/* ---- installs ---- */

static void pull(struct model_log *model, struct model_change *finish, struct random *random)
{
    int batches = (int)random_below(random, 30);

    for (int i = 0; i < batches; i++) {
        struct model_entry entry = {
            .kind = ENTRY_BATCH,
            .offset_count = 1 + (int32_t)random_below(random, 9),
            .base_offset = finish->offset,
            .size = 61 + (uint32_t)random_below(random, 9000),
            .content = random_u64(random),
        };

        partition_log_install_append(model->log, payload_of(&entry));
        finish->offset += entry.offset_count;
        finish->index++;
    }
}

void model_install(struct model_log *model, struct storage_world *world)
{
    struct random *random = &world->random;
    uint64_t keep = model->now.snapshot_index;
    struct model_change start = {.kind = MODEL_INSTALL_START};
    struct model_change finish = {.kind = MODEL_INSTALL_FINISH, .content = random_u64(random)};
    struct log_snapshot snapshot;

    if (model->now.last_index == 0 || model->sequence != model->durable) {
        return;
    }
    keep += random_below(random, model->now.last_index - keep + 1);
    if (keep == 0) {
        return;
    }
    start.index = keep;
    start.sequence =
        partition_log_install_start(model->log, keep, partition_log_start_offset(model->log));
    note(model, start);
    finish.index = model->now.last_index;
    finish.offset = model->now.end_offset;
    finish.size = (uint32_t)random_below(random, 3000);
    pull(model, &finish, random);
    finish.index += 5;
    storage_world_run(world, random_below(random, 2000));
    snapshot = make_snapshot(&finish, model->now.term + 1);
    finish.sequence = partition_log_install_finish(model->log, &snapshot);
    model->sequence = finish.sequence;
    storage_world_run(world, 5000000);
    model->sequence = start.sequence;
    assert_int_equal(model->durable, finish.sequence);
    note(model, finish);
}

/* ---- comparing ---- */

static void on_entries(struct entries_read *read)
{
    *(bool *)read->private_state = true;
}

static void check_entry(const struct log_entry *entry, const struct model_entry *expected,
                        uint64_t index)
{
    struct buffer_slice payload = payload_of(expected);

    assert_int_equal(entry->index, index);
    assert_int_equal(entry->term, expected->term);
    assert_int_equal(entry->kind, expected->kind);
    assert_int_equal(entry->base_offset, expected->base_offset);
    assert_int_equal(entry->offset_count, expected->offset_count);
    assert_int_equal(entry->payload.length, payload.length);
    if (payload.length > 0) {
        assert_memory_equal(entry->payload.bytes, payload.bytes, payload.length);
    }
    buffer_slice_unref(&payload);
}

static void check_entries(struct model_log *model, struct storage_world *world)
{
    static struct entries_read read;
    uint64_t index = partition_log_first_index(model->log);

    assert_true(index <= model->now.snapshot_index + 1);
    while (index <= model->now.last_index) {
        bool is_done = false;

        read = (struct entries_read){.from_index = index,
                                     .bytes_max = 1 + random_below(&world->random, 50000),
                                     .done = on_entries,
                                     .private_state = &is_done};
        if (!partition_log_read_entries(model->log, &read)) {
            for (int i = 0; i < 100 && !is_done; i++) {
                storage_world_run(world, 1000);
            }
            assert_true(is_done);
        }
        assert_int_equal(read.error, ERROR_NONE);
        assert_true(read.entry_count > 0);
        for (int i = 0; i < read.entry_count; i++, index++) {
            check_entry(&read.entries[i], state_entry(&model->now, index), index);
        }
        entries_read_release(&read);
    }
}

static void check_terms(const struct model_log *model)
{
    for (uint64_t index = partition_log_first_index(model->log); index <= model->now.last_index;
         index++) {
        assert_int_equal(partition_log_term_at(model->log, index),
                         state_entry(&model->now, index)->term);
    }
}

static void on_batches(struct batches_read *read)
{
    *(bool *)read->private_state = true;
}

/* Offsets follow each other; bytes were compared as entries, and batches carry a CRC. */
static void check_batches(struct model_log *model, struct storage_world *world)
{
    static struct batches_read read;
    int64_t offset = partition_log_start_offset(model->log);

    while (offset < model->now.end_offset) {
        bool is_done = false;

        read = (struct batches_read){.offset = offset,
                                     .limit_offset = model->now.end_offset,
                                     .bytes_max = 1 + random_below(&world->random, 50000),
                                     .at_least_one = true,
                                     .done = on_batches,
                                     .private_state = &is_done};
        if (!partition_log_read_batches(model->log, &read)) {
            for (int i = 0; i < 200 && !is_done; i++) {
                storage_world_run(world, 1000);
            }
            assert_true(is_done);
        }
        assert_int_equal(read.error, ERROR_NONE);
        assert_true(read.slice_count > 0);
        for (int i = 0; i < read.slice_count; i++) {
            for (size_t at = 0; at < read.slices[i].length;) {
                const char *bytes = read.slices[i].bytes + at;

                assert_int_equal((int64_t)load_be64(bytes), offset);
                offset += (int32_t)load_be32(bytes + 23) + 1;
                at += load_be32(bytes + 8) + 12u;
            }
        }
        batches_read_release(&read);
    }
}

static void check_snapshot(const struct model_log *model, const struct model_state *state)
{
    const struct log_snapshot *snapshot = partition_log_snapshot(model->log);
    struct buffer_slice expected;

    assert_int_equal(snapshot->index, state->snapshot_index);
    if (snapshot->index == 0) {
        return;
    }
    expected = random_bytes(state->snapshot_content + 1, state->snapshot_size);
    assert_int_equal(snapshot->state.length, expected.length);
    assert_memory_equal(snapshot->state.bytes, expected.bytes, expected.length);
    buffer_slice_unref(&expected);
    expected = random_bytes(state->snapshot_content, 40);
    assert_int_equal(snapshot->configuration.length, 40);
    assert_memory_equal(snapshot->configuration.bytes, expected.bytes, 40);
    buffer_slice_unref(&expected);
}

void model_check(struct model_log *model, struct storage_world *world)
{
    assert_false(partition_log_is_corrupt(model->log));
    assert_int_equal(partition_log_last_index(model->log), model->now.last_index);
    assert_int_equal(partition_log_end_offset(model->log), model->now.end_offset);
    check_terms(model);
    check_entries(model, world);
    check_batches(model, world);
    if (model->durable == model->sequence) {
        check_snapshot(model, &model->now);
    }
}

/* ---- after a start ---- */

/* Do index, offsets and terms of the log fit this state? */
static bool resembles(const struct partition_log *log, const struct model_state *state)
{
    if (partition_log_last_index(log) != state->last_index ||
        partition_log_end_offset(log) != state->end_offset) {
        return false;
    }
    for (uint64_t i = partition_log_first_index(log); i <= state->last_index; i++) {
        if (i >= state->entries_first &&
            partition_log_term_at(log, i) != state_entry(state, i)->term) {
            return false;
        }
    }
    return true;
}

/* Compare contents of a candidate without failing the test. */
static bool matches(struct model_log *model, struct storage_world *world,
                    const struct model_state *state)
{
    static struct entries_read read;
    uint64_t index = partition_log_first_index(model->log);

    if (!resembles(model->log, state) || index < state->entries_first) {
        return false;
    }
    while (index <= state->last_index) {
        bool is_done = false;

        read = (struct entries_read){.from_index = index,
                                     .bytes_max = 100000,
                                     .done = on_entries,
                                     .private_state = &is_done};
        if (!partition_log_read_entries(model->log, &read)) {
            storage_world_run(world, 100000);
            assert_true(is_done);
        }
        assert_int_equal(read.error, ERROR_NONE);
        for (int i = 0; i < read.entry_count; i++, index++) {
            const struct model_entry *expected = state_entry(state, index);

            if (read.entries[i].kind != expected->kind ||
                (expected->kind == ENTRY_BATCH &&
                 read.entries[i].digest != (expected->content ^ 0x55))) {
                entries_read_release(&read);
                return false;
            }
        }
        entries_read_release(&read);
    }
    return true;
}

/* Term, vote and snapshot may be newer than the entries: a torn big batch cuts only those. */
static void recover_rest(struct model_log *model)
{
    struct model_state state = {0};
    const struct log_snapshot *snapshot = partition_log_snapshot(model->log);
    bool is_term_right = false;
    bool is_snapshot_right = false;

    state_copy(&state, &model->base);
    for (size_t i = 0;; i++) {
        if (i == 0 || i == model->change_count ||
            model->changes[i - 1].sequence >= model->durable) {
            bool counts = i == model->change_count || model->changes[i].sequence > model->durable;

            if (counts && partition_log_term(model->log) == state.term &&
                partition_log_vote(model->log) == state.vote) {
                is_term_right = true;
                model->now.term = state.term;
                model->now.vote = state.vote;
            }
            if (counts && snapshot->index == state.snapshot_index) {
                is_snapshot_right = true;
                model->now.snapshot_index = state.snapshot_index;
                model->now.snapshot_content = state.snapshot_content;
                model->now.snapshot_size = state.snapshot_size;
            }
        }
        if (i == model->change_count) {
            break;
        }
        state_apply(&state, &model->changes[i]);
    }
    state_release(&state);
    assert_true(is_term_right);
    assert_true(is_snapshot_right);
}

static void expect_nothing(struct model_log *model)
{
    assert_true(model->durable == 0);
    assert_true(model->base.last_index == 0);
    assert_true(model->base.term == 0);
    state_release(&model->now);
    state_init(&model->now);
    begin_anew(model);
}

void model_recover(struct model_log *model, struct storage_world *world)
{
    struct model_state state = {0};
    bool is_found = false;

    if (model->log == NULL) {
        expect_nothing(model);
        return;
    }
    if (partition_log_is_corrupt(model->log)) {
        storage_world_run(world, 1); /* the listener says why */
    }
    assert_false(partition_log_is_corrupt(model->log));
    state_copy(&state, &model->base);
    for (size_t i = 0; i <= model->change_count && !is_found; i++) {
        bool may_be = i == model->change_count || model->changes[i].sequence > model->durable;

        if (may_be && matches(model, world, &state)) {
            state_copy(&model->now, &state);
            is_found = true;
        }
        if (i < model->change_count) {
            state_apply(&state, &model->changes[i]);
        }
    }
    state_release(&state);
    if (!is_found) {
        print_error("log %d: recovered last index %llu, end offset %lld; durable %llu of %llu, "
                    "model's last %llu\n",
                    model->number, (unsigned long long)partition_log_last_index(model->log),
                    (long long)partition_log_end_offset(model->log),
                    (unsigned long long)model->durable, (unsigned long long)model->sequence,
                    (unsigned long long)model->now.last_index);
    }
    assert_true(is_found);
    recover_rest(model);
    check_snapshot(model, &model->now);
    begin_anew(model);
    model_check(model, world);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_group.h"

#include <stdlib.h>
#include <string.h>

#include "consensus_change.h"
#include "consensus_confirm.h"
#include "consensus_feed.h"
#include "consensus_install.h"
#include "consensus_lineage.h"
#include "consensus_sleep.h"
#include "consensus_snapshot.h"
#include "consensus_step.h"

enum { INSTALL_TIMEOUT_MS = 10 * 1000 };

/* ---- the engine's life ---- */

static void init_engine(struct consensus_group *group)
{
    const struct consensus_options *options = &group->consensus->options;
    raft_id id = consensus_engine_id(group->consensus->node);
    char address[CONSENSUS_ENGINE_ADDRESS_BYTES];
    int failed;

    consensus_engine_address(id, address);
    memset(&group->engine, 0, sizeof group->engine);
    failed = raft_init(&group->engine, NULL, NULL, id, address);
    CHECK(failed == 0);
    group->engine.tracer = NULL;
    raft_seed(&group->engine, (unsigned)random_u64(group->consensus->random));
    raft_set_pre_vote(&group->engine, true);
    raft_set_heartbeat_timeout(&group->engine, (unsigned)(options->tick_us / 1000));
    raft_set_install_snapshot_timeout(&group->engine, INSTALL_TIMEOUT_MS);
    raft_set_max_inflight_entries(&group->engine, (unsigned)options->inflight_entries_max);
    raft_set_capacity_threshold(&group->engine, 0);
    /* Last: it draws the first timeout. */
    group->engine.election_timeout = (unsigned)(options->election_timeout_us / 1000);
}

static void stop_engine(struct consensus_group *group)
{
    if (group->state == GROUP_RUNNING) {
        raft_close(&group->engine, NULL);
    }
    consensus_feed_release_all(group);
    consensus_confirm_refuse_all(group);
    consensus_change_leadership_lost(group);
    consensus_step_drop_held(group);
    group->flights.count = 0;
    group->is_elected = false;
    group->barrier_index = 0;
    group->state = GROUP_LOADING;
}

/* ---- LOADING ---- */

/* The newest two changes behind the snapshot: the engine needs both (the last may be undone). */
struct change_entry {
    uint64_t index;
    struct consensus_configuration configuration;
};

struct consensus_loading {
    uint64_t next_index;
    struct change_entry changes[2]; /* older, newer; index 0: none */
    bool is_raised;
};

static void note_change(struct consensus_group *group, const struct log_entry *entry)
{
    struct consensus_loading *loading = group->loading;
    struct consensus_configuration configuration;

    if (consensus_configuration_decode(entry->payload, &configuration) != ERROR_NONE) {
        group->needs_refill = true;
        return;
    }
    loading->changes[0] = loading->changes[1];
    loading->changes[1] =
        (struct change_entry){.index = entry->index, .configuration = configuration};
}

static void take_loaded(struct consensus_group *group, const struct entries_read *read)
{
    if (read->error != ERROR_NONE || read->entry_count == 0) {
        group->needs_refill = true;
        return;
    }
    for (int i = 0; i < read->entry_count; i++) {
        if (read->entries[i].kind == ENTRY_CHANGE) {
            note_change(group, &read->entries[i]);
        }
    }
    group->loading->next_index = read->entries[read->entry_count - 1].index + 1;
}

static void load_read_done(struct consensus_reader *reader)
{
    struct consensus_group *group = reader->group;

    group->reader = NULL;
    take_loaded(group, &reader->read);
    consensus_reader_return(reader);
    consensus_work_later(group);
}

/* True: all entries were looked at. */
static bool read_changes(struct consensus_group *group)
{
    while (!group->needs_refill &&
           group->loading->next_index <= consensus_group_last_index(group)) {
        struct consensus_reader *reader = consensus_reader_take(group->consensus, group);

        reader->done = load_read_done;
        reader->read.from_index = group->loading->next_index;
        reader->read.bytes_max = CONSENSUS_APPEND_BYTES_MAX;
        if (!partition_log_read_entries(group->log, &reader->read)) {
            group->reader = reader;
            return false;
        }
        take_loaded(group, &reader->read);
        consensus_reader_return(reader);
    }
    return true;
}

static struct consensus_configuration stored_configuration(struct consensus_group *group)
{
    const struct log_snapshot *snapshot = partition_log_snapshot(group->log);
    struct consensus_configuration configuration = {0};

    if (snapshot->index > 0 &&
        consensus_configuration_decode(snapshot->configuration, &configuration) != ERROR_NONE) {
        group->needs_refill = true;
        return (struct consensus_configuration){0};
    }
    if (snapshot->index > 0) {
        bool is_short = configuration.no_vote_below > consensus_group_last_index(group);

        group->no_vote_below = is_short ? configuration.no_vote_below : 0;
    }
    if (group->loading->changes[1].index != 0) {
        return group->loading->changes[1].configuration;
    }
    return configuration;
}

/*
 * A single voter elects itself and keeps its term, and a term is an epoch: raise it first. True if
 * there is something to wait for.
 */
static bool raise_term_of_single_voter(struct consensus_group *group)
{
    struct consensus_configuration configuration = stored_configuration(group);
    uint64_t snapshot_term = partition_log_snapshot(group->log)->term;
    uint64_t term = partition_log_term(group->log);
    int32_t node = group->consensus->node;

    if (group->loading->is_raised || group->needs_refill || group->no_vote_below > 0 ||
        !consensus_configuration_votes(&configuration, node) ||
        consensus_configuration_voter_count(&configuration) != 1 || MUTATION(14)) {
        return false;
    }
    group->loading->is_raised = true;
    /* A group that was recovered has a snapshot of a lineage that its term does not know of yet. */
    term = term > snapshot_term ? term : snapshot_term;
    group->start_sequence =
        partition_log_set_term_vote(group->log, term + 1, consensus_engine_id(node));
    return true;
}

static void fill_change(struct raft_entry *entries, uint64_t first_index,
                        const struct change_entry *change)
{
    struct raft_configuration configuration;
    struct raft_entry *entry;

    if (change->index < first_index) {
        return;
    }
    entry = &entries[change->index - first_index];
    consensus_configuration_to_engine(&change->configuration, &configuration);
    CHECK(raft_configuration_encode(&configuration, &entry->buf) == 0);
    raft_configuration_close(&configuration);
    entry->type = RAFT_CHANGE;
}

/* Terms of what lies in the log; the engine copies what it needs during the step. */
static struct raft_entry *entries_for_start(struct consensus_group *group, uint64_t first_index,
                                            unsigned count)
{
    struct raft_entry *entries = raft_calloc(count + 1, sizeof *entries);
    void *batch = raft_malloc(1);

    for (unsigned i = 0; i < count; i++) {
        entries[i].term = partition_log_term_at(group->log, first_index + i);
        entries[i].type = RAFT_COMMAND;
        entries[i].batch = batch;
        CHECK(entries[i].term != 0);
    }
    entries[count].batch = batch;
    fill_change(entries, first_index, &group->loading->changes[0]);
    fill_change(entries, first_index, &group->loading->changes[1]);
    return entries;
}

static void free_entries_for_start(struct raft_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        raft_free(entries[i].buf.base);
    }
    raft_free(entries[count].batch);
    raft_free(entries);
}

static void start_engine(struct consensus_group *group)
{
    const struct log_snapshot *snapshot = partition_log_snapshot(group->log);
    struct raft_snapshot_metadata metadata = {.index = snapshot->index, .term = snapshot->term};
    struct raft_event event = {.type = RAFT_START};
    struct consensus_configuration configuration = {0};
    unsigned count = 0;

    event.start.term = partition_log_term(group->log);
    event.start.voted_for = partition_log_vote(group->log);
    event.start.start_index = 1;
    if (!group->needs_refill || MUTATION(16)) {
        event.start.start_index = partition_log_first_index(group->log);
        count = (unsigned)(consensus_group_last_index(group) + 1 - event.start.start_index);
        if (snapshot->index > 0) {
            CHECK(consensus_configuration_decode(snapshot->configuration, &configuration) ==
                  ERROR_NONE);
            consensus_configuration_to_engine(&configuration, &metadata.configuration);
            metadata.configuration_index = snapshot->configuration_index;
            event.start.metadata = &metadata;
        }
    }
    event.start.entries = entries_for_start(group, event.start.start_index, count);
    event.start.n_entries = count;
    init_engine(group);
    group->state = GROUP_RUNNING;
    group->vote_sequence = 0;
    if (!consensus_step(group, &event, &(struct consensus_step){0})) {
        return;
    }
    free_entries_for_start(event.start.entries, count);
    free(group->loading);
    group->loading = NULL;
    list_append(&group->consensus->awake, &group->walk_link);
    if (group->engine.configuration_uncommitted_index != 0 &&
        group->engine.configuration_uncommitted_index == group->configuration_index) {
        consensus_group_confirm_change(group, group->configuration_index, &group->configuration);
    }
    if (group->prefers_to_lead) {
        consensus_group_stand_first(group);
    }
    consensus_work_later(group);
}

void consensus_group_load(struct consensus_group *group)
{
    if (group->reader != NULL || group->durable_sequence < group->start_sequence) {
        return;
    }
    if (group->loading == NULL) {
        group->loading = check_alloc_zero(sizeof *group->loading);
        group->loading->next_index = partition_log_snapshot(group->log)->index + 1;
    }
    group->needs_refill = group->needs_refill || partition_log_is_corrupt(group->log) ||
                          lineage_is_over(group->log, partition_log_term(group->log)) ||
                          (partition_log_is_doubtful(group->log) && !MUTATION(70));
    if (!read_changes(group) || raise_term_of_single_voter(group)) {
        return;
    }
    start_engine(group);
}

void consensus_group_restart(struct consensus_group *group)
{
    bool was_leading = group->is_elected;

    if (group->reader != NULL) {
        group->reader->group = NULL;
        group->reader = NULL;
    }
    consensus_sleep_wake(group);
    list_remove(&group->walk_link);
    list_remove(&group->fresh_link);
    stop_engine(group);
    group->start_sequence = was_leading ? group->durable_sequence : group->start_sequence;
    group->prefers_to_lead = false;
    free(group->loading);
    group->loading = NULL;
    consensus_work_later(group);
}

void consensus_group_release(struct consensus_group *group)
{
    if (group->reader != NULL) {
        group->reader->group = NULL;
    }
    consensus_sleep_wake(group);
    list_remove(&group->fresh_link);
    consensus_install_cancel(group);
    consensus_snapshot_cancel(group);
    consensus_confirm_drop_all(group);
    stop_engine(group);
    consensus_receive_drop_waiting(group);
    consensus_change_drop(group);
    free(group->flights.items);
    free(group->loading);
    free(group->failure);
    list_remove(&group->walk_link);
    list_remove(&group->work_link);
}

void consensus_group_fail(struct consensus_group *group, const char *reason)
{
    if (group->state == GROUP_FAILED) {
        return;
    }
    consensus_sleep_wake(group);
    consensus_install_cancel(group);
    stop_engine(group);
    list_remove(&group->walk_link);
    group->state = GROUP_FAILED;
    group->failure = strdup(reason);
    CHECK(group->failure != NULL);
    consensus_work_later(group);
}

void consensus_group_corrupt(struct consensus_group *group, const char *reason)
{
    (void)reason;
    if (group->state == GROUP_FAILED || (group->install != NULL && group->needs_refill)) {
        return;
    }
    /* One that was only behind pulls what is newer than all it has acknowledged; one that is
     * damaged must ask for that, and has no vote meanwhile. */
    consensus_install_cancel(group);
    group->needs_refill = true;
    consensus_group_restart(group);
}

/* ---- events that come from our own side ---- */

void consensus_group_durable(struct consensus_group *group, uint64_t sequence)
{
    consensus_step_durable(group, sequence);
    consensus_snapshot_durable(group);
    consensus_install_durable(group);
    consensus_receive_waiting(group);
    consensus_receive_maybe_vote_again(group, UINT64_MAX);
    if (group->state == GROUP_LOADING) {
        consensus_work_later(group);
    }
}

void consensus_group_submit(struct consensus_group *group, struct log_entry *entries, int count)
{
    struct raft_entry *engine_entries = group->consensus->engine_entries;
    struct raft_event event = {.type = RAFT_SUBMIT};
    struct consensus_step step = {
        .entries = entries, .count = count, .first_index = consensus_group_last_index(group) + 1};
    struct raft_buffer change = {.base = NULL, .len = 0};

    CHECK(count <= MESSAGE_ENTRIES_MAX);
    if (entries[0].kind == ENTRY_CHANGE) {
        struct consensus_configuration configuration;
        struct raft_configuration engine;

        CHECK(count == 1);
        CHECK(consensus_configuration_decode(entries[0].payload, &configuration) == ERROR_NONE);
        consensus_configuration_to_engine(&configuration, &engine);
        CHECK(raft_configuration_encode(&engine, &change) == 0);
        raft_configuration_close(&engine);
    }
    for (int i = 0; i < count; i++) {
        engine_entries[i] =
            (struct raft_entry){.term = raft_current_term(&group->engine), .type = RAFT_COMMAND};
    }
    engine_entries[0].buf = change;
    engine_entries[0].batch = change.base != NULL ? change.base : raft_malloc(1);
    if (entries[0].kind == ENTRY_CHANGE) {
        engine_entries[0].type = RAFT_CHANGE;
    } else if (entries[0].kind == ENTRY_BARRIER) {
        engine_entries[0].type = RAFT_BARRIER;
    }
    event.submit.entries = engine_entries;
    event.submit.n = (unsigned)count;
    if (!consensus_step(group, &event, &step) && step.taken_count == 0) {
        for (int i = 0; i < count; i++) {
            buffer_slice_unref(&entries[i].payload);
        }
    }
}

void consensus_group_confirm_change(struct consensus_group *group, uint64_t index,
                                    const struct consensus_configuration *configuration)
{
    struct raft_event event = {.type = RAFT_CONFIGURATION};

    event.configuration.index = index;
    consensus_configuration_to_engine(configuration, &event.configuration.conf);
    (void)consensus_step(group, &event, &(struct consensus_step){0});
}

void consensus_group_confirm_snapshot(struct consensus_group *group, uint64_t trailing)
{
    const struct log_snapshot *snapshot = partition_log_snapshot(group->log);
    struct raft_event event = {.type = RAFT_SNAPSHOT};
    struct consensus_configuration configuration;

    if (snapshot->index <= group->engine.trail.snapshot.index ||
        consensus_configuration_decode(snapshot->configuration, &configuration) != ERROR_NONE) {
        return;
    }
    event.snapshot.metadata.index = snapshot->index;
    event.snapshot.metadata.term = snapshot->term;
    event.snapshot.metadata.configuration_index = snapshot->configuration_index;
    consensus_configuration_to_engine(&configuration, &event.snapshot.metadata.configuration);
    event.snapshot.trailing = (unsigned)trailing;
    (void)consensus_step(group, &event, &(struct consensus_step){0});
}

void consensus_group_transfer(struct consensus_group *group, int32_t node)
{
    struct raft_event event = {.type = RAFT_TRANSFER};

    event.transfer.server_id = consensus_engine_id(node);
    (void)consensus_step(group, &event, &(struct consensus_step){0});
}

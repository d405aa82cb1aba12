/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_apply.h"

#include <stdlib.h>

#include "consensus_change.h"
#include "consensus_confirm.h"
#include "consensus_feed.h"
#include "consensus_group.h"
#include "consensus_install.h"
#include "consensus_sleep.h"
#include "consensus_snapshot.h"

/* A callback may close its own group; nothing of it may be touched then. */
static bool is_open(const struct consensus *consensus, const struct consensus_group *group)
{
    return consensus->running == group;
}

/* ---- the snapshot first ---- */

static bool restore(struct consensus_group *group)
{
    struct consensus *consensus = group->consensus;
    const struct log_snapshot *snapshot = partition_log_snapshot(group->log);
    struct consensus_configuration configuration;
    enum error error;

    group->is_restored = true;
    group->applied_bytes = 0;
    if (group->needs_refill || snapshot->index <= group->applied_index) {
        return true;
    }
    if (consensus_configuration_decode(snapshot->configuration, &configuration) != ERROR_NONE) {
        consensus_group_fail(group, "the snapshot's configuration is not readable");
        return true;
    }
    group->applied_index = snapshot->index;
    group->applied_offset = snapshot->next_offset;
    group->configuration = configuration;
    group->configuration_index = snapshot->configuration_index;
    group->configuration_moved = true;
    error = group->machine.restore(group->context, snapshot);
    if (is_open(consensus, group) && error != ERROR_NONE) {
        consensus_group_fail(group, "the snapshot's state is not readable");
    }
    return is_open(consensus, group);
}

/* ---- then the entries ---- */

static bool apply_change(struct consensus_group *group, const struct log_entry *entry)
{
    struct consensus_configuration configuration;

    if (consensus_configuration_decode(entry->payload, &configuration) != ERROR_NONE) {
        consensus_group_fail(group, "a membership entry is not readable");
        return false;
    }
    group->configuration = configuration;
    group->configuration_index = entry->index;
    group->configuration_moved = true;
    consensus_group_confirm_change(group, entry->index, &configuration);
    return group->state == GROUP_RUNNING;
}

/* False: stop here; the group failed or is gone. */
static bool apply_entry(struct consensus_group *group, const struct log_entry *entry)
{
    struct consensus *consensus = group->consensus;
    size_t length = entry->payload.length;

    group->applied_index = entry->index;
    group->applied_offset = entry->base_offset + (MUTATION(25) ? 0 : entry->offset_count);
    group->applied_bytes += length;
    group->open_bytes -= length < group->open_bytes ? length : group->open_bytes;
    switch (entry->kind) {
    case ENTRY_BARRIER: return true;
    case ENTRY_CHANGE: return apply_change(group, entry);
    case ENTRY_BATCH:
    case ENTRY_COMMAND: group->machine.apply(group->context, entry); break;
    }
    return is_open(consensus, group) && group->state == GROUP_RUNNING;
}

static void apply_read(struct consensus_group *group, const struct entries_read *read)
{
    uint64_t limit = consensus_group_apply_limit(group);

    if (read->error != ERROR_NONE) {
        /* Storage reports corruption by itself; anything else is asked for again. */
        return;
    }
    for (int i = 0; i < read->entry_count; i++) {
        const struct log_entry *entry = &read->entries[i];

        if (entry->index > limit || entry->index != group->applied_index + 1 ||
            !apply_entry(group, entry)) {
            return;
        }
    }
}

static void apply_read_done(struct consensus_reader *reader)
{
    struct consensus_group *group = reader->group;
    struct consensus *consensus = reader->consensus;

    group->reader = NULL;
    consensus->running = group;
    apply_read(group, &reader->read);
    if (is_open(consensus, group)) {
        consensus_work_later(group);
    }
    consensus->running = NULL;
    consensus_reader_return(reader);
}

/* True: there may be more to apply now. */
static bool apply_some(struct consensus_group *group)
{
    struct consensus *consensus = group->consensus;
    struct consensus_reader *reader;
    uint64_t before = group->applied_index;

    if (group->reader != NULL || group->install != NULL ||
        group->applied_index >= consensus_group_apply_limit(group)) {
        return false;
    }
    reader = consensus_reader_take(consensus, group);
    reader->done = apply_read_done;
    reader->read.from_index = group->applied_index + 1;
    reader->read.bytes_max = CONSENSUS_APPLY_BYTES_MAX;
    if (!partition_log_read_entries(group->log, &reader->read)) {
        group->reader = reader;
        return false;
    }
    reader->group = NULL;
    apply_read(group, &reader->read);
    consensus_reader_return(reader);
    return is_open(consensus, group) && group->state == GROUP_RUNNING &&
           group->applied_index > before &&
           group->applied_index < consensus_group_apply_limit(group);
}

/* ---- who leads ---- */

static void tell_follow(struct consensus_group *group)
{
    bool still_leads = group->state == GROUP_RUNNING && group->is_elected &&
                       group->lead_term == raft_current_term(&group->engine);

    if (group->leads && !still_leads) {
        group->leads = false;
        consensus_change_leadership_lost(group);
        group->machine.follow(group->context);
    }
}

static void tell_lead(struct consensus_group *group)
{
    if (!group->leads && group->is_elected && group->barrier_index != 0 &&
        (group->applied_index >= group->barrier_index || MUTATION(15))) {
        group->leads = true;
        group->lead_term = raft_current_term(&group->engine);
        group->machine.lead(group->context, group->lead_term);
    }
}

static void tell_leader(struct consensus_group *group)
{
    int32_t leader = consensus_group_leader(group);
    uint64_t term =
        group->state == GROUP_RUNNING ? raft_current_term(&group->engine) : group->told_term;
    bool moved = leader != group->told_leader || (leader != -1 && term != group->told_term);

    group->told_leader = leader;
    group->told_term = term;
    if (moved) {
        consensus_change_leader_known(group, leader);
        group->machine.leader_changed(group->context, leader, term);
    }
}

static void tell_members(struct consensus_group *group)
{
    if (group->configuration_moved) {
        group->configuration_moved = false;
        if (group->machine.members_changed != NULL) {
            group->machine.members_changed(group->context, group->configuration.members,
                                           group->configuration.count);
        }
    }
}

static void tell_progress(struct consensus_group *group)
{
    if (group->progress_moved) {
        group->progress_moved = false;
        if (group->leads && group->machine.progressed != NULL) {
            group->machine.progressed(group->context);
        }
    }
}

static void tell_failure(struct consensus_group *group)
{
    if (group->state == GROUP_FAILED && group->failure != NULL) {
        char *reason = group->failure;

        group->failure = NULL;
        group->machine.failed(group->context, reason);
        free(reason);
    }
}

static void submit_barrier(struct consensus_group *group)
{
    if (group->is_elected && group->barrier_index == 0) {
        struct log_entry barrier = {.kind = ENTRY_BARRIER};

        consensus_group_submit(group, &barrier, 1);
    }
}

/* Followers learn of the last commit before the next heartbeat. */
static void tell_commit(struct consensus_group *group)
{
    if (!group->is_elected ||
        raft_commit_index(&group->engine) < consensus_group_last_index(group)) {
        return;
    }
    for (int i = 0; i < group->feed_count; i++) {
        consensus_feed_tell_commit(&group->feeds[i]);
    }
}

typedef void (*consensus_apply_part)(struct consensus_group *group);

static const consensus_apply_part parts[] = {
    tell_follow,
    tell_lead,
    tell_leader,
    tell_members,
    tell_progress,
    tell_failure,
    tell_commit,
    consensus_change_advance,
    consensus_confirm_advance,
    consensus_snapshot_consider,
    consensus_sleep_consider,
};

bool consensus_apply_run(struct consensus_group *group)
{
    struct consensus *consensus = group->consensus;
    bool has_more = false;

    if (group->state == GROUP_LOADING) {
        consensus_group_load(group);
    }
    if (group->state == GROUP_RUNNING) {
        if (!group->is_restored && !restore(group)) {
            return false;
        }
        if (group->state == GROUP_RUNNING) {
            submit_barrier(group);
            has_more = apply_some(group);
        }
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && is_open(consensus, group); i++) {
        parts[i](group);
    }
    return has_more && is_open(consensus, group);
}

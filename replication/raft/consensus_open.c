/* SPDX-License-Identifier: Apache-2.0 */
/* What owners of groups call. */
#include <stdlib.h>

#include "consensus_change.h"
#include "consensus_feed.h"
#include "consensus_group.h"
#include "consensus_install.h"
#include "consensus_sleep.h"

/* The first entry of a new group is its configuration, the same on every first member. */
static void found_group(struct consensus_group *group, const struct consensus_member *members,
                        int count)
{
    struct consensus_configuration configuration = {.count = count};
    struct log_entry entry = {.index = 1, .term = 1, .kind = ENTRY_CHANGE};

    for (int i = 0; i < count; i++) {
        configuration.members[i] = members[i];
    }
    entry.payload = consensus_configuration_encode(&configuration);
    (void)partition_log_set_term_vote(group->log, 1, 0);
    group->start_sequence = partition_log_append(group->log, &entry, 1);
    group->prefers_to_lead = members[0].node == group->consensus->node;
}

static bool members_are_valid(const struct consensus_member *members, int count)
{
    struct consensus_configuration configuration = {0};

    if (count < 0 || count > CONSENSUS_MEMBERS_MAX) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (members[i].node < 0 ||
            consensus_configuration_index(&configuration, members[i].node) >= 0) {
            return false;
        }
        configuration.members[configuration.count++] = members[i];
    }
    return count == 0 || consensus_configuration_voter_count(&configuration) > 0;
}

/* NOLINTNEXTLINE(readability-function-size): all that a group is made of. */
enum error consensus_open_group(struct consensus *consensus, struct partition_log *log,
                                const struct consensus_member *members, int count,
                                const struct state_machine *machine, void *context,
                                struct consensus_group **out_group)
{
    struct group_id id = partition_log_group(log);
    struct consensus_group *group;

    if (!members_are_valid(members, count)) {
        return ERROR_INVALID;
    }
    if (consensus_find_group(consensus, id) != NULL) {
        return ERROR_EXISTS;
    }
    group = check_alloc_zero(sizeof *group);
    group->consensus = consensus;
    group->log = log;
    group->id = id;
    group->machine = *machine;
    group->context = context;
    group->told_leader = -1;
    list_init(&group->walk_link);
    list_init(&group->fresh_link);
    list_init(&group->work_link);
    list_init(&group->held);
    list_init(&group->confirms);
    list_init(&group->snapshot_waiters);
    map_insert(&consensus->groups, &group->by_id, group_id_hash(id));
    partition_log_set_context(log, group);
    if (count > 0 && partition_log_last_index(log) == 0 &&
        partition_log_snapshot(log)->index == 0 && !partition_log_is_corrupt(log) &&
        partition_log_term(log) == 0) {
        found_group(group, members, count);
    }
    consensus_work_later(group);
    *out_group = group;
    return ERROR_NONE;
}

void consensus_close_group(struct consensus_group *group)
{
    struct consensus *consensus;

    if (group == NULL) {
        return;
    }
    consensus = group->consensus;
    if (consensus->running == group) {
        consensus->running = NULL;
    }
    consensus_group_release(group);
    partition_log_set_context(group->log, NULL);
    map_remove(&consensus->groups, &group->by_id);
    free(group);
}

static enum error admit(struct consensus_group *group, size_t bytes, int count)
{
    const struct consensus_options *options = &group->consensus->options;
    uint64_t open = consensus_group_last_index(group) - group->applied_index;

    if (consensus_hands_over(group)) {
        return ERROR_STATE;
    }
    if (open > 0 && (open + (uint64_t)count > (uint64_t)options->inflight_entries_max ||
                     group->open_bytes + bytes > options->inflight_bytes_max)) {
        return ERROR_BUSY;
    }
    return storage_has_space(group->consensus->storage, bytes) || MUTATION(49) ? ERROR_NONE
                                                                               : ERROR_NO_SPACE;
}

enum error consensus_submit(struct consensus_group *group, struct log_entry *entries, int count)
{
    enum error error = ERROR_NOT_LEADER;
    size_t bytes = 0;

    CHECK(count > 0 && count <= MESSAGE_ENTRIES_MAX);
    for (int i = 0; i < count; i++) {
        CHECK(entries[i].kind == ENTRY_BATCH || entries[i].kind == ENTRY_COMMAND);
        bytes += entries[i].payload.length;
    }
    if (consensus_leads(group)) {
        error = admit(group, bytes, count);
    }
    if (error != ERROR_NONE) {
        for (int i = 0; i < count; i++) {
            buffer_slice_unref(&entries[i].payload);
        }
        return error;
    }
    consensus_sleep_wake(group);
    group->open_bytes += bytes;
    consensus_group_submit(group, entries, count);
    return group->state == GROUP_RUNNING ? ERROR_NONE : ERROR_NOT_LEADER;
}

bool consensus_leads(const struct consensus_group *group)
{
    return group->leads && group->is_elected && group->state == GROUP_RUNNING &&
           group->lead_term == raft_current_term(&group->engine);
}

bool consensus_will_lead(const struct consensus_group *group)
{
    return group->is_elected && group->state == GROUP_RUNNING && !group->leads;
}

bool consensus_hands_over(const struct consensus_group *group)
{
    return consensus_leads(group) &&
           (consensus_change_blocks_writes(group) || group->engine.leader_state.transferee != 0);
}

int32_t consensus_leader(const struct consensus_group *group)
{
    return consensus_group_leader(group);
}

uint64_t consensus_term(const struct consensus_group *group)
{
    return group->state == GROUP_RUNNING ? raft_current_term(&group->engine)
                                         : partition_log_term(group->log);
}

uint64_t consensus_commit_index(const struct consensus_group *group)
{
    return group->state == GROUP_RUNNING ? raft_commit_index(&group->engine) : group->applied_index;
}

uint64_t consensus_applied_index(const struct consensus_group *group)
{
    return group->applied_index;
}

static void fill_progress(const struct consensus_group *group, int32_t node,
                          struct member_progress *out_progress)
{
    const struct consensus_feed *feed = consensus_feed_find(group, node);
    const struct consensus_peer *peer = consensus_peer_find(group->consensus, node);

    out_progress->is_live = consensus_peer_is_live(group->consensus, node);
    if (node == group->consensus->node) {
        out_progress->match_index = group->is_elected ? group->engine.last_stored : 0;
        out_progress->last_seen_us = consensus_now_us(group->consensus);
        return;
    }
    out_progress->match_index = feed == NULL ? 0 : feed->match_index;
    out_progress->last_seen_us = feed == NULL ? 0 : feed->heard_us;
    if (peer != NULL && (feed == NULL || group->is_asleep)) {
        out_progress->last_seen_us = peer->heard_us;
    }
}

int consensus_members(const struct consensus_group *group, struct member_progress *out_members)
{
    struct consensus_configuration configuration;

    if (group->state == GROUP_RUNNING && !group->needs_refill) {
        consensus_configuration_from_engine(&group->engine.configuration, &configuration);
    } else {
        configuration = group->configuration;
    }
    for (int i = 0; i < configuration.count; i++) {
        out_members[i] = (struct member_progress){.node = configuration.members[i].node,
                                                  .role = configuration.members[i].role};
        fill_progress(group, configuration.members[i].node, &out_members[i]);
    }
    return configuration.count;
}

enum error consensus_may_force(const struct consensus_group *group, uint64_t *out_last_term)
{
    uint64_t last_index = consensus_group_last_index(group);

    if (group->state != GROUP_RUNNING || consensus_install_is_open(group)) {
        return ERROR_STATE;
    }
    if ((group->needs_refill && !partition_log_is_doubtful(group->log)) ||
        partition_log_is_corrupt(group->log) || last_index == 0) {
        return ERROR_CORRUPT;
    }
    *out_last_term = partition_log_term_at(group->log, last_index);
    return ERROR_NONE;
}

enum error consensus_force_single_member(struct consensus_group *group)
{
    struct consensus_configuration configuration = {
        .count = 1, .members = {{.node = group->consensus->node, .role = MEMBER_VOTER}}};
    struct log_entry entry = {.kind = ENTRY_CHANGE};
    uint64_t last_term;
    enum error error = consensus_may_force(group, &last_term);

    if (error != ERROR_NONE) {
        return error;
    }
    if (group->needs_refill) {
        /* The operator says that what is here is all there is. */
        partition_log_trust(group->log);
        group->needs_refill = false;
        group->is_restored = false;
    }
    consensus_install_cancel(group);
    consensus_sleep_wake(group);
    entry.index = consensus_group_last_index(group) + 1;
    entry.term = partition_log_term(group->log) + 1;
    entry.base_offset = partition_log_end_offset(group->log);
    entry.payload = consensus_configuration_encode(&configuration);
    (void)partition_log_set_term_vote(group->log, entry.term,
                                      consensus_engine_id(group->consensus->node));
    group->no_vote_below = 0;
    consensus_group_restart(group);
    group->start_sequence = partition_log_append(group->log, &entry, 1);
    return ERROR_NONE;
}

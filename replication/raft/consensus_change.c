/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_change.h"

#include <stdlib.h>

#include "consensus_feed.h"
#include "consensus_group.h"
#include "consensus_sleep.h"

enum change_step {
    CHANGE_PROPOSE,  /* the entry is not in the log yet */
    CHANGE_COMMIT,   /* it is; wait until it is applied */
    CHANGE_CATCH_UP, /* the standby reads the log, in rounds */
    TRANSFER_DRAIN,  /* the target reads the rest of the log */
    TRANSFER_ASKED,  /* it was told to ask for votes */
};

enum { TRANSFER_TIMEOUTS_MAX = 4 };

struct consensus_change {
    enum change_step step;
    int32_t node;
    bool removes;
    bool makes_way;        /* a transfer, so that another leader can remove or demote us */
    enum member_role role; /* wanted in the end */
    uint64_t index;        /* of the CHANGE entry */
    uint64_t round_us;     /* CATCH_UP: when the round began ... */
    uint64_t round_index;  /* ... and the last entry of that moment */
    uint64_t asked_us;
    uint64_t give_up_us; /* transfer */
    consensus_done done;
    void *context;
};

/* An answer that must not be given inside the call that asked. */
struct late_answer {
    struct list link; /* in consensus->answers */
    struct task task;
    struct consensus_group *group;
    consensus_done done;
    void *context;
    enum error error;
};

static void give_late_answer(struct task *task)
{
    struct late_answer *answer = CONTAINER_OF(task, struct late_answer, task);

    list_remove(&answer->link);
    answer->done(answer->context, answer->error);
    free(answer);
}

static void answer_later(struct consensus_group *group, consensus_done done, void *context,
                         enum error error)
{
    struct late_answer *answer;

    if (done == NULL) {
        return;
    }
    answer = check_alloc_zero(sizeof *answer);
    task_init(&answer->task, give_late_answer);
    answer->group = group;
    answer->done = done;
    answer->context = context;
    answer->error = error;
    list_append(&group->consensus->answers, &answer->link);
    loop_defer(group->consensus->loop, &answer->task);
}

static void finish(struct consensus_group *group, enum error error)
{
    struct consensus_change *change = group->change;

    group->change = NULL;
    answer_later(group, change->done, change->context, error);
    free(change);
}

static bool is_transfer(const struct consensus_change *change)
{
    return change->step == TRANSFER_DRAIN || change->step == TRANSFER_ASKED;
}

void consensus_change_drop(struct consensus_group *group)
{
    free(group->change);
    group->change = NULL;
    list_for_each_safe(link, &group->consensus->answers) {
        struct late_answer *answer = list_entry(link, struct late_answer, link);

        if (answer->group == group) {
            task_cancel(&answer->task);
            list_remove(link);
            free(answer);
        }
    }
}

void consensus_change_leadership_lost(struct consensus_group *group)
{
    if (group->change != NULL && !is_transfer(group->change)) {
        finish(group, ERROR_NOT_LEADER);
    }
}

void consensus_change_leader_known(struct consensus_group *group, int32_t leader)
{
    const struct consensus_change *change = group->change;

    if (change == NULL || !is_transfer(change) || leader == -1 ||
        leader == group->consensus->node) {
        return;
    }
    if (change->makes_way) {
        finish(group, ERROR_NOT_LEADER);
    } else {
        finish(group, leader == change->node ? ERROR_NONE : ERROR_STATE);
    }
}

bool consensus_change_blocks_writes(const struct consensus_group *group)
{
    return group->change != NULL && is_transfer(group->change);
}

/* ---- membership ---- */

static void current_members(const struct consensus_group *group,
                            struct consensus_configuration *out_configuration)
{
    consensus_configuration_from_engine(&group->engine.configuration, out_configuration);
}

/* The configuration one step nearer to what is wanted. False: nothing is left to do. */
static bool next_configuration(const struct consensus_group *group,
                               struct consensus_configuration *configuration)
{
    const struct consensus_change *change = group->change;
    int index;

    current_members(group, configuration);
    index = consensus_configuration_index(configuration, change->node);
    if (change->removes) {
        if (index < 0) {
            return false;
        }
        configuration->members[index] = configuration->members[--configuration->count];
        return true;
    }
    if (index < 0) {
        configuration->members[configuration->count++] =
            (struct consensus_member){.node = change->node, .role = MEMBER_STANDBY};
        return true;
    }
    if (configuration->members[index].role == change->role) {
        return false;
    }
    configuration->members[index].role = change->role;
    return true;
}

static void begin_round(struct consensus_group *group)
{
    group->change->step = CHANGE_CATCH_UP;
    group->change->round_us = consensus_now_us(group->consensus);
    group->change->round_index = consensus_group_last_index(group);
}

/*
 * Under load the log is always longer than what a member has acknowledged, and so is what others
 * have committed. So it catches up in rounds (Ongaro's thesis, 4.2.1): each ends when it has what
 * the log held at the round's begin. If that took less than an election does, it is near enough to
 * vote; if not, the next round is for what was written meanwhile.
 */
static bool has_caught_up(struct consensus_group *group)
{
    const struct consensus_feed *feed = consensus_feed_find(group, group->change->node);
    const struct consensus_change *change = group->change;

    if (change->step != CHANGE_CATCH_UP) {
        begin_round(group);
    }
    if (feed == NULL || feed->match_index < change->round_index) {
        return false;
    }
    if (consensus_now_us(group->consensus) - change->round_us >=
        group->consensus->options.election_timeout_us) {
        begin_round(group);
    }
    return feed->match_index >= change->round_index;
}

/* A voter that is added is a standby first. */
static bool is_promotion(const struct consensus_group *group)
{
    struct consensus_configuration configuration;
    int index;

    current_members(group, &configuration);
    index = consensus_configuration_index(&configuration, group->change->node);
    return !group->change->removes && group->change->role == MEMBER_VOTER && index >= 0 &&
           configuration.members[index].role == MEMBER_STANDBY;
}

static void propose(struct consensus_group *group)
{
    struct consensus_configuration configuration;
    struct log_entry entry = {.kind = ENTRY_CHANGE};

    if (!next_configuration(group, &configuration)) {
        finish(group, ERROR_NONE);
        return;
    }
    if (configuration.count > CONSENSUS_MEMBERS_MAX ||
        consensus_configuration_voter_count(&configuration) == 0) {
        finish(group, ERROR_LIMIT);
        return;
    }
    if (is_promotion(group) && !has_caught_up(group) && !MUTATION(58)) {
        return;
    }
    entry.payload = consensus_configuration_encode(&configuration);
    group->change->step = CHANGE_COMMIT;
    group->change->index = consensus_group_last_index(group) + 1;
    consensus_group_submit(group, &entry, 1);
}

/* ---- transfer ---- */

static void advance_transfer(struct consensus_group *group)
{
    struct consensus_change *change = group->change;
    const struct consensus_feed *feed = consensus_feed_find(group, change->node);
    uint64_t now_us = consensus_now_us(group->consensus);

    if (now_us >= change->give_up_us || (group->is_elected && feed == NULL)) {
        finish(group, ERROR_TIMEOUT);
        return;
    }
    if (feed == NULL || group->engine.leader_state.transferee != 0) {
        return;
    }
    change->step = TRANSFER_DRAIN;
    /* Fault N10: the engine asks once, and a target that is behind does not listen. */
    if (feed->peer->is_up && feed->match_index == consensus_group_last_index(group)) {
        change->step = TRANSFER_ASKED;
        change->asked_us = now_us;
        consensus_group_transfer(group, change->node);
    }
}

void consensus_change_advance(struct consensus_group *group)
{
    struct consensus_change *change = group->change;

    if (change == NULL || group->state != GROUP_RUNNING) {
        return;
    }
    if (is_transfer(change)) {
        advance_transfer(group);
        return;
    }
    if (!group->leads || group->engine.configuration_uncommitted_index != 0) {
        return;
    }
    if (change->step == CHANGE_COMMIT && group->configuration_index < change->index) {
        return;
    }
    propose(group);
}

/* ---- asked from outside ---- */

static void begin(struct consensus_group *group, struct consensus_change change)
{
    if (!group->leads) {
        answer_later(group, change.done, change.context, ERROR_NOT_LEADER);
        return;
    }
    if (group->change != NULL) {
        answer_later(group, change.done, change.context, ERROR_STATE);
        return;
    }
    consensus_sleep_wake(group);
    group->change = check_alloc(sizeof change);
    *group->change = change;
    consensus_work_later(group);
}

static int32_t best_successor(const struct consensus_group *group)
{
    const struct consensus_feed *best = NULL;

    for (int i = 0; i < group->feed_count; i++) {
        const struct consensus_feed *feed = &group->feeds[i];

        if (consensus_configuration_votes(&group->configuration, feed->peer->node) &&
            feed->peer->is_alive && (best == NULL || feed->match_index > best->match_index)) {
            best = feed;
        }
    }
    return best == NULL ? -1 : best->peer->node;
}

/*
 * A leader that left its own configuration could neither be elected again nor, with the longer
 * log, vote for those who stay. So it makes way first.
 */
static void make_way(struct consensus_group *group, consensus_done done, void *context)
{
    uint64_t patience_us = TRANSFER_TIMEOUTS_MAX * group->consensus->options.election_timeout_us;
    int32_t successor = group->leads ? best_successor(group) : -1;

    if (group->leads && successor < 0) {
        answer_later(group, done, context, ERROR_LIMIT);
        return;
    }
    begin(group,
          (struct consensus_change){.step = TRANSFER_DRAIN,
                                    .node = successor,
                                    .makes_way = true,
                                    .give_up_us = consensus_now_us(group->consensus) + patience_us,
                                    .done = done,
                                    .context = context});
}

void consensus_set_member(struct consensus_group *group, int32_t node, enum member_role role,
                          consensus_done done, void *context)
{
    if (node == group->consensus->node && role == MEMBER_STANDBY) {
        make_way(group, done, context);
        return;
    }
    begin(
        group,
        (struct consensus_change){
            .step = CHANGE_PROPOSE, .node = node, .role = role, .done = done, .context = context});
}

void consensus_remove_member(struct consensus_group *group, int32_t node, consensus_done done,
                             void *context)
{
    if (node == group->consensus->node) {
        make_way(group, done, context);
        return;
    }
    begin(group, (struct consensus_change){.step = CHANGE_PROPOSE,
                                           .node = node,
                                           .removes = true,
                                           .done = done,
                                           .context = context});
}

static bool is_waiting(const struct consensus_group *group)
{
    return group->change != NULL && group->change->step == CHANGE_CATCH_UP;
}

void consensus_stop_waiting(struct consensus_group *group, int32_t node)
{
    if (is_waiting(group) && group->change->node == node) {
        finish(group, ERROR_STATE);
    }
}

void consensus_transfer(struct consensus_group *group, int32_t node, consensus_done done,
                        void *context)
{
    uint64_t patience_us = TRANSFER_TIMEOUTS_MAX * group->consensus->options.election_timeout_us;

    if (node == group->consensus->node || !group->leads ||
        !consensus_configuration_votes(&group->configuration, node)) {
        answer_later(group, done, context,
                     !group->leads                    ? ERROR_NOT_LEADER
                     : node == group->consensus->node ? ERROR_NONE
                                                      : ERROR_NOT_FOUND);
        return;
    }
    /* That may take hours, and the next leader can feed it as well. */
    if (is_waiting(group)) {
        finish(group, ERROR_STATE);
    }
    begin(group,
          (struct consensus_change){.step = TRANSFER_DRAIN,
                                    .node = node,
                                    .give_up_us = consensus_now_us(group->consensus) + patience_us,
                                    .done = done,
                                    .context = context});
}

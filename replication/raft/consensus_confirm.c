/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_confirm.h"

#include <stdlib.h>

#include "consensus_group.h"

struct consensus_confirm {
    struct list link; /* in group->confirms */
    struct rpc_request request;
    struct buffer_slice body; /* referenced */
    uint64_t index;           /* of the entry that is to be committed */
    consensus_confirm_give give;
};

static void refuse(struct rpc_request request)
{
    rpc_answer(request, ERROR_AGAIN, (struct buffer_slice){0});
}

static void release(struct consensus_confirm *confirm)
{
    list_remove(&confirm->link);
    buffer_slice_unref(&confirm->body);
    free(confirm);
}

static struct consensus_confirm *first_of(struct list *link)
{
    return list_entry(link, struct consensus_confirm, link);
}

/* Of two voters the other one is all there is: whom the damaged one voted for is us. */
static bool is_the_other_voter(const struct consensus_group *group, int32_t damaged)
{
    const struct raft_configuration *members = &group->engine.configuration;
    bool is_voter = false;
    int voters = 0;

    for (unsigned i = 0; i < members->n; i++) {
        bool votes = members->servers[i].role == RAFT_VOTER;

        voters += votes;
        is_voter = is_voter || (votes && consensus_engine_node(members->servers[i].id) == damaged);
    }
    return voters == 2 && is_voter;
}

/* Who asks anew has given up what it asked before. */
static void refuse_older(struct consensus_group *group, int32_t peer)
{
    list_for_each_safe(link, &group->confirms) {
        struct consensus_confirm *confirm = first_of(link);

        if (confirm->request.peer == peer) {
            refuse(confirm->request);
            release(confirm);
        }
    }
}

void consensus_confirm(struct consensus_group *group, struct rpc_request request,
                       struct buffer_slice body, consensus_confirm_give give)
{
    struct log_entry barrier = {.kind = ENTRY_BARRIER};
    uint64_t index = consensus_group_last_index(group) + 1;
    struct consensus_confirm *confirm;

    if (is_the_other_voter(group, request.peer) || MUTATION(28)) {
        give(group->consensus, request, body);
        return;
    }
    refuse_older(group, request.peer);
    if (group->engine.leader_state.transferee != 0) {
        refuse(request);
        return;
    }
    confirm = check_alloc_zero(sizeof *confirm);
    *confirm = (struct consensus_confirm){.request = request,
                                          .body = buffer_slice_ref(body),
                                          .index = MUTATION(29) ? 0 : index,
                                          .give = give};
    list_append(&group->confirms, &confirm->link);
    consensus_group_submit(group, &barrier, 1); /* if that fails, all are refused */
}

void consensus_confirm_advance(struct consensus_group *group)
{
    struct list ready;

    if (group->state != GROUP_RUNNING || !group->is_elected) {
        return;
    }
    list_init(&ready);
    list_for_each_safe(link, &group->confirms) {
        if (first_of(link)->index <= raft_commit_index(&group->engine)) {
            list_remove(link);
            list_append(&ready, link);
        }
    }
    while (!list_is_empty(&ready)) {
        struct consensus_confirm *confirm = first_of(ready.next);

        confirm->give(group->consensus, confirm->request, confirm->body);
        release(confirm);
    }
}

void consensus_confirm_drop_all(struct consensus_group *group)
{
    list_for_each_safe(link, &group->confirms) {
        release(first_of(link));
    }
}

void consensus_confirm_refuse_all(struct consensus_group *group)
{
    list_for_each_safe(link, &group->confirms) {
        refuse(first_of(link)->request);
        release(first_of(link));
    }
}

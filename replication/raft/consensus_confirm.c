/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_confirm.h"

#include <stdlib.h>
#include <string.h>

#include "consensus_group.h"

enum { CONFIRM_TIMEOUT_US = 1000 * 1000 };

struct consensus_confirm {
    struct consensus *consensus;
    struct rpc_request request;
    struct buffer_slice body; /* referenced */
    consensus_confirm_give give;
    int needed; /* confirmations that are missing */
    int open;   /* calls */
};

/* ---- asking ---- */

static void release(struct consensus_confirm *confirm)
{
    buffer_slice_unref(&confirm->body);
    free(confirm);
}

static void on_answer(void *context, enum error error, struct buffer_slice answer)
{
    struct consensus_confirm *confirm = context;

    (void)answer;
    confirm->open--;
    confirm->needed -= error == ERROR_NONE;
    if (error == ERROR_NONE && confirm->needed == 0) {
        confirm->give(confirm->consensus, confirm->request, confirm->body);
    } else if (confirm->needed > 0 && confirm->open == 0 && error != ERROR_CANCELLED) {
        /* CANCELLED: it may be this process that ends. Who asked gives up by itself. */
        rpc_answer(confirm->request, ERROR_AGAIN, (struct buffer_slice){0});
    }
    if (confirm->open == 0) {
        release(confirm);
    }
}

static bool is_asked(const struct consensus_group *group, const struct raft_server *server,
                     int32_t damaged)
{
    int32_t node = consensus_engine_node(server->id);

    return server->role == RAFT_VOTER && node != damaged && node != group->consensus->node;
}

/* How many others must confirm: with ourselves a majority without the damaged one, or, where there
 * are two voters, whoever is left. */
static int others_needed(const struct consensus_group *group, int32_t damaged)
{
    const struct raft_configuration *members = &group->engine.configuration;
    int voters = 0;
    int others = 0;
    int ourselves = 0;
    int needed;

    for (unsigned i = 0; i < members->n; i++) {
        voters += members->servers[i].role == RAFT_VOTER;
        others += is_asked(group, &members->servers[i], damaged);
        ourselves +=
            members->servers[i].role == RAFT_VOTER && members->servers[i].id == group->engine.id;
    }
    needed = voters / 2 + 1 - ourselves;
    return voters == 2 && others < needed ? others : needed;
}

static void ask(struct consensus_confirm *confirm, int32_t node, uint64_t term)
{
    struct buffer *body = buffer_new(CONFIRM_ASK_BYTES);

    memcpy(body->bytes, confirm->body.bytes, 20);
    memcpy(body->bytes + 20, &term, 8);
    rpc_call(confirm->consensus->rpc, node, RPC_CONFIRM_TERM,
             (struct buffer_slice){.buffer = body, .bytes = body->bytes, .length = body->size},
             CONFIRM_TIMEOUT_US, on_answer, confirm);
}

void consensus_confirm(struct consensus_group *group, struct rpc_request request,
                       struct buffer_slice body, consensus_confirm_give give)
{
    const struct raft_configuration *members = &group->engine.configuration;
    struct consensus_confirm *confirm;
    int needed = others_needed(group, request.peer);

    if (needed <= 0 || MUTATION(28)) {
        give(group->consensus, request, body);
        return;
    }
    confirm = check_alloc_zero(sizeof *confirm);
    *confirm = (struct consensus_confirm){.consensus = group->consensus,
                                          .request = request,
                                          .body = buffer_slice_ref(body),
                                          .give = give,
                                          .needed = needed};
    for (unsigned i = 0; i < members->n; i++) {
        if (is_asked(group, &members->servers[i], request.peer)) {
            confirm->open++;
            ask(confirm, consensus_engine_node(members->servers[i].id),
                raft_current_term(&group->engine));
        }
    }
    if (confirm->open == 0) {
        rpc_answer(request, ERROR_AGAIN, (struct buffer_slice){0});
        release(confirm);
    }
}

/* ---- answering ---- */

/* Who lost entries may have lost its term with them, and cannot remember for another. */
static void serve_confirm(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct consensus *consensus = context;
    struct consensus_group *group;
    struct group_id id;
    uint64_t term;
    bool is_confirmed;

    if (body.length != CONFIRM_ASK_BYTES) {
        rpc_answer(request, ERROR_MALFORMED, (struct buffer_slice){0});
        return;
    }
    memcpy(id.topic.bytes, body.bytes, sizeof id.topic.bytes);
    memcpy(&id.partition, body.bytes + 16, sizeof id.partition);
    memcpy(&term, body.bytes + 20, 8);
    group = consensus_find_group(consensus, id);
    is_confirmed = group != NULL && group->state == GROUP_RUNNING && !group->needs_refill &&
                   raft_current_term(&group->engine) <= term;
    rpc_answer(request, is_confirmed ? ERROR_NONE : ERROR_AGAIN, (struct buffer_slice){0});
}

void consensus_confirm_serve(struct consensus *consensus)
{
    rpc_serve(consensus->rpc, RPC_CONFIRM_TERM, serve_confirm, consensus);
}

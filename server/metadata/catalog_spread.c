/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read your own writes: the leader asks every live broker how far it has applied the catalog, at
 * most one question at a time to each, always for the newest index. A broker that does not answer
 * is not waited for twice.
 */
#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/reader.h"

#include "metadata/catalog_internal.h"
#include "wire_messages/catalog_link.h"

struct follower {
    struct map_link by_id;
    int32_t node_id;
    uint64_t passed_index; /* applied there, or given up on */
    bool is_asked;
};

struct spread_call {
    struct list link;
    struct catalog *catalog; /* NULL: it is gone */
    int32_t node_id;
    uint64_t index;
};

struct wait {
    struct list link;
    uint64_t index;
    uint64_t deadline_us;
    catalog_applied done; /* NULL: `peer` asked */
    void *context;
    struct rpc_request peer;
};

/* ---- what we ask of others ---- */

static struct follower *find_follower(const struct catalog *catalog, int32_t node_id)
{
    map_for_each_match(link, &catalog->followers, hash_u64((uint64_t)node_id)) {
        struct follower *follower = CONTAINER_OF(link, struct follower, by_id);
        if (follower->node_id == node_id) {
            return follower;
        }
    }
    return NULL;
}

static struct follower *get_follower(struct catalog *catalog, int32_t node_id)
{
    struct follower *follower = find_follower(catalog, node_id);

    if (follower == NULL) {
        follower = check_alloc_zero(sizeof *follower);
        follower->node_id = node_id;
        map_insert(&catalog->followers, &follower->by_id, hash_u64((uint64_t)node_id));
    }
    return follower;
}

static struct buffer_slice encode_question(uint64_t index)
{
    struct catalog_wait_question question = {.index = (int64_t)index};
    struct frame_output output;

    frame_output_init(&output);
    enum error error =
        catalog_wait_question_encode(&question, CATALOG_WAIT_QUESTION_VERSION_MAX, &output);
    CHECK(error == ERROR_NONE);
    struct buffer *bytes = frame_output_join(&output);
    frame_output_release(&output);
    return (struct buffer_slice){bytes, bytes->bytes, bytes->size};
}

static void on_answer(void *context, enum error error, struct buffer_slice answer);

static void ask(struct catalog *catalog, struct follower *follower)
{
    struct spread_call *call = check_alloc_zero(sizeof *call);

    call->catalog = catalog;
    call->node_id = follower->node_id;
    call->index = catalog->state.applied_index;
    follower->is_asked = true;
    list_append(&catalog->calls, &call->link);
    rpc_call(catalog->services.rpc, follower->node_id, RPC_CATALOG_WAIT,
             encode_question(call->index), CATALOG_SPREAD_TIMEOUT_US, on_answer, call);
}

/* The least that any live broker has passed; asks those that lag behind `wanted`. */
static uint64_t least_passed(struct catalog *catalog, uint64_t wanted)
{
    uint64_t least = UINT64_MAX;

    map_for_each(link, &catalog->state.brokers) {
        const struct catalog_broker *broker = CONTAINER_OF(link, struct catalog_broker, by_id);
        if (broker->node_id == catalog->services.node_id ||
            !consensus_peer_is_live(catalog->services.consensus, broker->node_id)) {
            continue;
        }
        struct follower *follower = get_follower(catalog, broker->node_id);
        if (follower->passed_index < wanted && !follower->is_asked) {
            ask(catalog, follower);
        }
        least = follower->passed_index < least ? follower->passed_index : least;
    }
    return least;
}

static void on_answer(void *context, enum error error, struct buffer_slice answer)
{
    struct spread_call *call = context;
    struct catalog *catalog = call->catalog;

    (void)answer;
    (void)error; /* applied, or too slow: it has passed */
    if (catalog != NULL) {
        struct follower *follower = get_follower(catalog, call->node_id);
        list_remove(&call->link);
        follower->is_asked = false;
        if (follower->passed_index < call->index) {
            follower->passed_index = call->index;
        }
        if (!list_is_empty(&catalog->spreading)) {
            catalog_submit_spread(catalog, least_passed(catalog, catalog->state.applied_index));
        }
    }
    free(call);
}

bool catalog_spread_has_reached(struct catalog *catalog, uint64_t index)
{
    return least_passed(catalog, index) >= index;
}

/* ---- what others, and this broker, ask of us ---- */

static void end_wait(struct catalog *catalog, struct wait *wait, enum error error)
{
    struct buffer_slice nothing = {0};

    list_remove(&wait->link);
    catalog->wait_count--;
    if (wait->done != NULL) {
        wait->done(wait->context, error);
    } else {
        rpc_answer(wait->peer, error, nothing);
    }
    free(wait);
}

/* False: too many wait already. */
static struct wait *new_wait(struct catalog *catalog, uint64_t index, uint64_t timeout_us)
{
    struct wait *wait = check_alloc_zero(sizeof *wait);

    wait->index = index;
    wait->deadline_us = loop_now_us(catalog->services.loop) + timeout_us;
    list_append(&catalog->waits, &wait->link);
    catalog->wait_count++;
    catalog_need_tick(catalog);
    return wait;
}

/* Those that need not wait are answered by the next tick: never inside the call. */
void catalog_wait(struct catalog *catalog, uint64_t index, uint64_t timeout_us,
                  catalog_applied done, void *context)
{
    struct wait *wait = new_wait(catalog, index, timeout_us);

    wait->done = done;
    wait->context = context;
}

static void serve_wait(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct catalog *catalog = context;
    struct buffer_slice nothing = {0};
    struct catalog_wait_question question;
    struct reader reader;
    struct arena arena;

    arena_init(&arena, 4096);
    reader_init(&reader, body.bytes, body.length);
    enum error error =
        catalog_wait_question_decode(CATALOG_WAIT_QUESTION_VERSION_MAX, &reader, &arena, &question);
    arena_release(&arena);
    if (error != ERROR_NONE || (uint64_t)question.index <= catalog->state.applied_index) {
        rpc_answer(request, error, nothing);
    } else if (catalog->wait_count >= CATALOG_WAITS_MAX) {
        rpc_answer(request, ERROR_BUSY, nothing);
    } else {
        new_wait(catalog, (uint64_t)question.index, CATALOG_SPREAD_TIMEOUT_US)->peer = request;
    }
}

void catalog_spread_applied(struct catalog *catalog)
{
    list_for_each_safe(link, &catalog->waits) {
        struct wait *wait = list_entry(link, struct wait, link);
        if (wait->index <= catalog->state.applied_index) {
            end_wait(catalog, wait, ERROR_NONE);
        }
    }
}

void catalog_spread_tick(struct catalog *catalog, uint64_t now_us)
{
    catalog_spread_applied(catalog);
    list_for_each_safe(link, &catalog->waits) {
        struct wait *wait = list_entry(link, struct wait, link);
        if (now_us >= wait->deadline_us) {
            end_wait(catalog, wait, ERROR_TIMEOUT);
        }
    }
}

/* ---- the tick that both need ---- */

void catalog_need_tick(struct catalog *catalog)
{
    if (!timer_is_running(&catalog->tick) &&
        (!catalog_submit_is_idle(catalog) || catalog->wait_count > 0)) {
        timer_start(catalog->services.loop, &catalog->tick, CATALOG_TICK_US);
    }
}

static void tick_expired(struct timer *timer)
{
    struct catalog *catalog = CONTAINER_OF(timer, struct catalog, tick);
    uint64_t now_us = loop_now_us(catalog->services.loop);

    catalog_submit_tick(catalog, now_us);
    if (!list_is_empty(&catalog->spreading)) {
        /* A broker may have died meanwhile. */
        catalog_submit_spread(catalog, least_passed(catalog, 0));
    }
    catalog_spread_tick(catalog, now_us);
    catalog_need_tick(catalog);
}

void catalog_spread_init(struct catalog *catalog)
{
    map_init(&catalog->followers);
    list_init(&catalog->calls);
    list_init(&catalog->waits);
    timer_init(&catalog->tick, tick_expired);
    rpc_serve(catalog->services.rpc, RPC_CATALOG_WAIT, serve_wait, catalog);
}

void catalog_spread_release(struct catalog *catalog)
{
    timer_stop(catalog->services.loop, &catalog->tick);
    list_for_each_safe(link, &catalog->waits) {
        end_wait(catalog, list_entry(link, struct wait, link), ERROR_CANCELLED);
    }
    list_for_each_safe(link, &catalog->calls) {
        struct spread_call *call = list_entry(link, struct spread_call, link);
        list_remove(link);
        call->catalog = NULL; /* on_answer() frees it */
    }
    map_for_each_safe(link, &catalog->followers) {
        map_remove(&catalog->followers, link);
        free(CONTAINER_OF(link, struct follower, by_id));
    }
    map_release(&catalog->followers);
}

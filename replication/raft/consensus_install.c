/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_install.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/wire/record_batch.h"

#include "consensus_group.h"
#include "consensus_lineage.h"
#include "consensus_snapshot.h"

enum {
    CALL_TIMEOUT_US = 5 * 1000 * 1000,
    RETRY_US = 200 * 1000,
    FAILURES_MAX = 25, /* then a replica that is whole goes back to being fed */
    PENDING_BYTES_MAX = 64 * 1024 * 1024,
    STATE_BYTES_MAX = 1024 * 1024 * 1024,
};

enum install_step { INSTALL_ASK, INSTALL_COMPARE, INSTALL_PULL, INSTALL_FINISH };

struct consensus_install {
    struct consensus_group *group; /* NULL: cancelled while a call is open */
    struct consensus *consensus;
    enum install_step step;
    int32_t source;
    int failures;
    bool is_open;
    bool is_calling;
    bool is_confirmed; /* the state was asked for as one who was damaged */
    struct timer retry;
    struct log_snapshot snapshot; /* owns its slices until install_finish */
    struct consensus_configuration configuration;
    size_t state_filled;
    uint64_t leader_last_index;
    /* COMPARE: ours against the leader's, from what is applied on. */
    int64_t pull_offset;    /* asked for */
    int64_t compare_offset; /* where the leader's next piece must begin */
    bool wants_theirs;
    uint64_t compare_index;     /* first entry of ours that was not looked at */
    struct buffer_slice theirs; /* a piece of the leader's batches */
    size_t theirs_at;
    struct consensus_reader *reader; /* running */
    uint64_t finish_sequence;
};

static void advance(struct consensus_install *install);
static void pull_batches(struct consensus_install *install, int64_t offset);

bool consensus_install_is_open(const struct consensus_group *group)
{
    return group->install != NULL && group->install->is_open;
}

static void drop_snapshot(struct consensus_install *install)
{
    buffer_slice_unref(&install->snapshot.state);
    buffer_slice_unref(&install->snapshot.configuration);
    install->snapshot = (struct log_snapshot){0};
    install->state_filled = 0;
}

static void release(struct consensus_install *install)
{
    timer_stop(install->consensus->loop, &install->retry);
    drop_snapshot(install);
    buffer_slice_unref(&install->theirs);
    if (install->reader != NULL) {
        install->reader->group = NULL;
    }
    if (install->is_calling) {
        install->group = NULL; /* the answer frees it */
    } else {
        free(install);
    }
}

void consensus_install_cancel(struct consensus_group *group)
{
    if (group->install != NULL) {
        release(group->install);
        group->install = NULL;
    }
}

static void on_retry(struct timer *timer)
{
    advance(CONTAINER_OF(timer, struct consensus_install, retry));
}

static void retry_later(struct consensus_install *install)
{
    struct consensus_group *group = install->group;
    int32_t leader = consensus_group_leader(group);

    install->failures++;
    if (!install->is_open && !group->needs_refill && install->failures > FAILURES_MAX) {
        consensus_install_cancel(group);
        return;
    }
    if (leader >= 0 && leader != install->source) {
        install->source = leader;
        install->step = install->step == INSTALL_FINISH ? INSTALL_FINISH : INSTALL_ASK;
        drop_snapshot(install);
    }
    timer_start(install->consensus->loop, &install->retry, RETRY_US);
}

static void write_group(char *cursor, struct group_id id)
{
    memcpy(cursor, id.topic.bytes, sizeof id.topic.bytes);
    memcpy(cursor + 16, &id.partition, sizeof id.partition);
}

static void call(struct consensus_install *install, enum rpc_method method, struct buffer *body,
                 rpc_done done)
{
    install->is_calling = true;
    rpc_call(install->consensus->rpc, install->source, method,
             (struct buffer_slice){.buffer = body, .bytes = body->bytes, .length = body->size},
             CALL_TIMEOUT_US, done, install);
}

/* Back from a call. NULL: nobody wants it any more. */
static struct consensus_install *come_back(void *context)
{
    struct consensus_install *install = context;

    install->is_calling = false;
    if (install->group == NULL) {
        free(install);
        return NULL;
    }
    return install;
}

/* ---- the state ---- */

static enum error take_state(struct consensus_install *install, struct buffer_slice answer)
{
    struct log_snapshot head = {0};
    uint64_t state_length;
    uint32_t configuration_length;
    size_t piece;

    if (answer.length < PULL_STATE_TELL_BYTES) {
        return ERROR_MALFORMED;
    }
    memcpy(&head.index, answer.bytes, 8);
    memcpy(&head.term, answer.bytes + 8, 8);
    memcpy(&head.start_offset, answer.bytes + 16, 8);
    memcpy(&head.next_offset, answer.bytes + 24, 8);
    memcpy(&head.configuration_index, answer.bytes + 32, 8);
    memcpy(&install->leader_last_index, answer.bytes + 40, 8);
    memcpy(&state_length, answer.bytes + 48, 8);
    memcpy(&configuration_length, answer.bytes + 56, 4);
    if (configuration_length > answer.length - PULL_STATE_TELL_BYTES || head.index == 0 ||
        head.term == 0 || head.start_offset < 0 || head.next_offset < head.start_offset ||
        state_length > STATE_BYTES_MAX) {
        return ERROR_MALFORMED;
    }
    piece = answer.length - PULL_STATE_TELL_BYTES - configuration_length;
    if (install->state_filled == 0) {
        struct buffer_slice configuration = {.bytes = answer.bytes + PULL_STATE_TELL_BYTES,
                                             .length = configuration_length};

        drop_snapshot(install);
        install->snapshot = head;
        if (consensus_configuration_decode(configuration, &install->configuration) != ERROR_NONE) {
            return ERROR_MALFORMED;
        }
        if (state_length > 0) {
            install->snapshot.state = buffer_slice(buffer_new(state_length), 0, state_length);
            buffer_unref(install->snapshot.state.buffer);
        }
    }
    if (head.index != install->snapshot.index || state_length != install->snapshot.state.length ||
        piece > state_length - install->state_filled || (piece == 0 && state_length > 0)) {
        return ERROR_MALFORMED;
    }
    if (piece > 0) {
        memcpy(install->snapshot.state.bytes + install->state_filled,
               answer.bytes + PULL_STATE_TELL_BYTES + configuration_length, piece);
    }
    install->state_filled += piece;
    return ERROR_NONE;
}

/* ---- what of ours is kept ---- */

/*
 * What differs from the leader's committed batches was never committed and may go. All else stays
 * until the end, so that a crash in between loses nothing that this replica acknowledged.
 */
static void open_install(struct consensus_install *install, uint64_t keep_index)
{
    struct consensus_group *group = install->group;

    if (group->needs_refill && !MUTATION(23)) {
        group->no_vote_below = install->leader_last_index;
    }
    buffer_slice_unref(&install->theirs);
    (void)partition_log_install_start(group->log, keep_index, 0);
    install->is_open = true;
    install->step = INSTALL_PULL;
}

/* Is this batch the leader's? AGAIN: the leader's bytes for it are not here yet. */
static enum error compare_batch(struct consensus_install *install, const struct log_entry *entry)
{
    int64_t start_offset = install->snapshot.start_offset;

    if (entry->base_offset >= install->snapshot.next_offset) {
        return ERROR_INVALID;
    }
    if (entry->base_offset + entry->offset_count <= start_offset) {
        /* The leader has deleted this. What follows decides, or all of ours goes. */
        return ERROR_NONE;
    }
    if (install->theirs_at == install->theirs.length) {
        install->compare_offset =
            entry->base_offset < start_offset ? start_offset : entry->base_offset;
        return ERROR_AGAIN;
    }
    if (entry->payload.length > install->theirs.length - install->theirs_at ||
        memcmp(install->theirs.bytes + install->theirs_at, entry->payload.bytes,
               entry->payload.length) != 0) {
        return ERROR_INVALID;
    }
    install->theirs_at += entry->payload.length;
    return ERROR_NONE;
}

/* False: a difference was found at compare_index. */
static bool compare_read(struct consensus_install *install, const struct entries_read *read)
{
    install->wants_theirs = false;
    if (read->error != ERROR_NONE) {
        return false;
    }
    for (int i = 0; i < read->entry_count && !install->wants_theirs; i++) {
        const struct log_entry *entry = &read->entries[i];
        enum error error = entry->kind == ENTRY_BATCH ? compare_batch(install, entry) : ERROR_NONE;

        if (error == ERROR_INVALID || entry->index >= install->snapshot.index) {
            return false;
        }
        install->wants_theirs = error == ERROR_AGAIN;
        install->compare_index += error == ERROR_NONE;
    }
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the pieces that memory holds, which are few. */
static void after_compare(struct consensus_install *install, bool is_same)
{
    if (!is_same) {
        open_install(install, install->compare_index - 1);
    }
    if (install->wants_theirs && is_same) {
        pull_batches(install, install->compare_offset);
    } else {
        advance(install);
    }
}

static void compare_read_done(struct consensus_reader *reader)
{
    struct consensus_install *install = reader->install;
    bool is_same;

    install->reader = NULL;
    is_same = compare_read(install, &reader->read);
    consensus_reader_return(reader);
    after_compare(install, is_same);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the pieces that memory holds, which are few. */
static void compare(struct consensus_install *install)
{
    struct consensus_group *group = install->group;
    struct consensus_reader *reader;
    bool is_same;

    if (install->compare_index > consensus_group_last_index(group)) {
        open_install(install, install->compare_index - 1);
        advance(install);
        return;
    }
    reader = consensus_reader_take(install->consensus, group);
    reader->install = install;
    reader->done = compare_read_done;
    reader->read.from_index = install->compare_index;
    reader->read.bytes_max = CONSENSUS_APPEND_BYTES_MAX;
    if (!partition_log_read_entries(group->log, &reader->read)) {
        install->reader = reader;
        return;
    }
    is_same = compare_read(install, &reader->read);
    consensus_reader_return(reader);
    after_compare(install, is_same);
}

/* A log that may only be too short is right as far as it is the leader's. */
static bool keeps_prefix(const struct consensus_group *group)
{
    return partition_log_is_doubtful(group->log) && !partition_log_is_corrupt(group->log);
}

/* Up to here our log is as it was decided, whoever leads. */
static uint64_t decided_index(const struct consensus_group *group)
{
    uint64_t snapshot_index = partition_log_snapshot(group->log)->index;

    return group->applied_index > snapshot_index ? group->applied_index : snapshot_index;
}

static void begin_compare(struct consensus_install *install)
{
    struct consensus_group *group = install->group;

    if (group->needs_refill && !keeps_prefix(group)) {
        if (install->is_confirmed) {
            open_install(install, 0);
        } else {
            drop_snapshot(install); /* the damage was found since: ask anew */
        }
        return;
    }
    if (lineage_is_over(group->log, install->snapshot.term)) {
        open_install(install, 0); /* also what it had applied may differ */
        return;
    }
    if (MUTATION(20)) {
        open_install(install, consensus_group_last_index(group));
        return;
    }
    buffer_slice_unref(&install->theirs);
    install->theirs_at = 0;
    install->compare_index = decided_index(group) + 1;
    install->step = INSTALL_COMPARE;
}

static void on_state(void *context, enum error error, struct buffer_slice answer)
{
    struct consensus_install *install = come_back(context);
    struct consensus_group *group;

    if (install == NULL) {
        return;
    }
    group = install->group;
    consensus_throttle_take(group, answer.length);
    if (error == ERROR_NONE) {
        error = take_state(install, answer);
    }
    if (error != ERROR_NONE) {
        drop_snapshot(install);
        retry_later(install);
        return;
    }
    if (install->state_filled < install->snapshot.state.length) {
        advance(install);
        return;
    }
    if (!group->needs_refill && !install->is_open &&
        (install->snapshot.index <= group->applied_index ||
         partition_log_term_at(group->log, install->snapshot.index) == install->snapshot.term)) {
        consensus_install_cancel(group);
        return;
    }
    if (!install->is_open) {
        begin_compare(install);
    } else {
        install->step = INSTALL_PULL;
    }
    advance(install);
}

static enum pull_reason pull_reason(const struct consensus_group *group)
{
    if (!group->needs_refill) {
        return PULL_BEHIND;
    }
    return keeps_prefix(group) ? PULL_LOST : PULL_DAMAGED;
}

static void ask_state(struct consensus_install *install)
{
    struct consensus_group *group = install->group;
    struct buffer *body = buffer_new(PULL_STATE_ASK_BYTES);
    uint64_t term = raft_current_term(&group->engine);
    uint64_t offset = install->state_filled;

    write_group(body->bytes, group->id);
    memcpy(body->bytes + 20, &term, 8);
    memcpy(body->bytes + 28, &offset, 8);
    memcpy(body->bytes + 36, &install->snapshot.index, 8);
    install->is_confirmed = pull_reason(group) == PULL_DAMAGED;
    body->bytes[44] = (char)pull_reason(group);
    call(install, RPC_PULL_STATE, body, on_state);
}

/* ---- the batches ---- */

/* Whole batches from the offset that was asked for on, each with a CRC that holds. */
static bool batches_fit(const struct consensus_install *install, struct buffer_slice batches)
{
    int64_t offset = -1;
    size_t at = 0;

    while (at < batches.length) {
        struct record_batch_info info;

        if (record_batch_parse(batches.bytes + at, batches.length - at, &info) != ERROR_NONE ||
            info.last_offset >= install->snapshot.next_offset ||
            !record_batch_crc_holds(batches.bytes + at, info.size)) {
            return false;
        }
        /* Only where the leader's log starts may a batch begin before what was asked for. */
        if (offset < 0 ? info.base_offset > install->pull_offset ||
                             info.last_offset < install->pull_offset ||
                             (info.base_offset < install->pull_offset &&
                              install->pull_offset != install->snapshot.start_offset)
                       : info.base_offset != offset) {
            return false;
        }
        offset = info.last_offset + 1;
        at += info.size;
    }
    return batches.length > 0;
}

static void take_batches(struct consensus_install *install, struct buffer_slice batches)
{
    struct partition_log *log = install->group->log;
    int64_t base_offset = record_batch_base_offset(batches.bytes);

    if (install->step == INSTALL_COMPARE) {
        buffer_slice_unref(&install->theirs);
        install->theirs = buffer_slice_ref(batches);
        install->theirs_at = 0;
        return;
    }
    if (base_offset != partition_log_end_offset(log)) {
        /* The leader's log begins behind all of ours, in the midst of this batch perhaps. */
        (void)partition_log_install_start(log, 0, base_offset);
    }
    partition_log_install_append(log, buffer_slice_ref(batches));
}

static void on_batches(void *context, enum error error, struct buffer_slice answer)
{
    struct consensus_install *install = come_back(context);

    if (install == NULL) {
        return;
    }
    if (error == ERROR_BUSY) {
        /* The leader is throttled. */
        timer_start(install->consensus->loop, &install->retry, RETRY_US);
        return;
    }
    consensus_throttle_take(install->group, answer.length);
    if (error == ERROR_NONE && batches_fit(install, answer)) {
        install->failures = 0;
        take_batches(install, answer);
        advance(install);
        return;
    }
    if (error == ERROR_RANGE) {
        /* Its start moved on: ask for the newer snapshot. */
        drop_snapshot(install);
        install->step = INSTALL_ASK;
    }
    retry_later(install);
}

static void pull_batches(struct consensus_install *install, int64_t offset)
{
    struct consensus_group *group = install->group;
    struct buffer *body;
    uint32_t bytes_max = (uint32_t)consensus_throttle_piece_bytes(group, PULL_PIECE_BYTES_MAX);

    if (consensus_throttle_taker_rests(group) ||
        storage_pending_bytes(install->consensus->storage) > PENDING_BYTES_MAX ||
        !storage_has_space(install->consensus->storage, PULL_PIECE_BYTES_MAX)) {
        timer_start(install->consensus->loop, &install->retry, RETRY_US);
        return;
    }
    install->pull_offset = offset;
    body = buffer_new(PULL_SEGMENT_ASK_BYTES);
    write_group(body->bytes, group->id);
    memcpy(body->bytes + 20, &offset, 8);
    memcpy(body->bytes + 28, &install->snapshot.next_offset, 8);
    memcpy(body->bytes + 36, &bytes_max, 4);
    call(install, RPC_PULL_SEGMENT, body, on_batches);
}

static void finish(struct consensus_install *install)
{
    struct consensus_group *group = install->group;

    install->configuration.no_vote_below = group->no_vote_below;
    buffer_slice_unref(&install->snapshot.configuration);
    install->snapshot.configuration = consensus_configuration_encode(&install->configuration);
    install->step = INSTALL_FINISH;
    install->finish_sequence = partition_log_install_finish(group->log, &install->snapshot);
    install->snapshot.state = (struct buffer_slice){0};
    install->snapshot.configuration = (struct buffer_slice){0};
}

static void pull_missing(struct consensus_install *install)
{
    const struct log_snapshot *snapshot = &install->snapshot;
    struct partition_log *log = install->group->log;
    int64_t offset = partition_log_end_offset(log);

    /* Another leader's snapshot may be older than the one that this install began with: what was
     * kept or pulled reaches beyond it, and nothing tells where it would have to be cut. */
    if (offset > snapshot->next_offset ||
        (offset < snapshot->start_offset && snapshot->start_offset == snapshot->next_offset)) {
        (void)partition_log_install_start(log, 0, snapshot->start_offset);
        offset = partition_log_end_offset(log);
    }
    if (offset < snapshot->next_offset) {
        pull_batches(install, offset < snapshot->start_offset ? snapshot->start_offset : offset);
    } else {
        finish(install);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the pieces that memory holds, which are few. */
static void advance(struct consensus_install *install)
{
    if (install->is_calling || install->reader != NULL) {
        return;
    }
    switch (install->step) {
    case INSTALL_ASK: ask_state(install); break;
    case INSTALL_COMPARE: compare(install); break;
    case INSTALL_PULL: pull_missing(install); break;
    case INSTALL_FINISH: break;
    }
}

void consensus_install_durable(struct consensus_group *group)
{
    struct consensus_install *install = group->install;

    if (install == NULL || install->step != INSTALL_FINISH ||
        group->durable_sequence < install->finish_sequence) {
        return;
    }
    consensus_install_cancel(group);
    group->needs_refill = false;
    partition_log_trust(group->log);
    group->is_restored = false;
    group->applied_index = 0;
    group->consensus->stats.snapshots_installed++;
    consensus_group_restart(group);
}

void consensus_install_begin(struct consensus_group *group, int32_t source)
{
    struct consensus_install *install;

    if (group->install != NULL || group->consensus->rpc == NULL) {
        return;
    }
    install = check_alloc_zero(sizeof *install);
    install->group = group;
    install->consensus = group->consensus;
    install->source = source;
    timer_init(&install->retry, on_retry);
    group->install = install;
    /* Not from here: we are inside a step's aftermath. */
    timer_start(group->consensus->loop, &install->retry, 0);
}

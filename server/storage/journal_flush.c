/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relaxed frames become stable beside the writes that follow them: a flush that took the place of
 * a write would be seen by everybody who waits for that.
 */
#include "journal_state.h"

static void on_flushed(struct disk_request *request);

static void plan(struct journal *journal, uint64_t from_us)
{
    uint64_t now_us = clock_monotonic_us(journal->options.loop->clock);
    uint64_t due_us = from_us + journal->options.flush_us;

    timer_start(journal->options.loop, &journal->flush.due, due_us > now_us ? due_us - now_us : 0);
}

static void on_due(struct timer *timer)
{
    struct journal *journal = CONTAINER_OF(timer, struct journal, flush.due);
    struct journal_flush *flush = &journal->flush;

    if (journal->unflushed == NULL || journal->has_failed) {
        return;
    }
    flush->began_us = clock_monotonic_us(journal->options.loop->clock);
    flush->sequence = journal->written_sequence;
    flush->request = (struct disk_request){
        .operation = DISK_SYNC, .fd = journal->unflushed->fd, .done = on_flushed};
    disk_submit(journal->options.disk, DISK_LANE_READ, &flush->request);
}

static void on_flushed(struct disk_request *request)
{
    struct journal_flush *flush = CONTAINER_OF(request, struct journal_flush, request);
    struct journal *journal = flush->journal;
    uint64_t sequence = flush->sequence;

    if (request->error != ERROR_NONE) {
        journal_fail(journal, request, "a journal file could not be synced");
        return;
    }
    flush->sequence = 0;
    journal_note_synced(journal, sequence);
    if (journal->unflushed != NULL) {
        plan(journal, flush->began_us);
    }
}

void journal_flush_init(struct journal *journal)
{
    journal->flush.journal = journal;
    timer_init(&journal->flush.due, on_due);
}

void journal_flush_later(struct journal *journal)
{
    if (journal->flush.sequence == 0 && !timer_is_running(&journal->flush.due)) {
        plan(journal, clock_monotonic_us(journal->options.loop->clock));
    }
}

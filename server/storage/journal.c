/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: journal_add() copies a record into the newest gathering frame and asks for
 * write_task; at the end of the loop's turn the oldest frame is sealed, placed in the ring and
 * written; when it is durable its parties are told, and what gathered meanwhile goes next.
 *
 * A durable write makes itself stable and nothing else. So a frame that must be stable goes that
 * way only where everything before it is; otherwise it is written, and the file synced after it.
 */
#include "journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/base/mutation.h"

#include "journal_state.h"

/* ---- frames ---- */

static struct journal_frame *frame_new(struct journal *journal, size_t record_bytes)
{
    size_t capacity = FRAME_BYTES_MAX;
    struct journal_frame *frame;

    while (capacity < sizeof(struct frame_header) + record_bytes) {
        capacity *= 2;
    }
    if (capacity == FRAME_BYTES_MAX && !list_is_empty(&journal->spare)) {
        frame = list_first(&journal->spare, struct journal_frame, link);
        list_remove(&frame->link);
        journal->spare_count--;
    } else {
        frame = check_alloc_zero(sizeof *frame);
        list_init(&frame->link);
        frame->memory = aligned_alloc(BLOCK_BYTES, capacity);
        CHECK(frame->memory != NULL);
        frame->capacity = capacity;
    }
    frame->length = sizeof(struct frame_header);
    frame->number = journal->next_frame_number++;
    frame->first_lsn = journal->next_lsn;
    frame->record_count = 0;
    frame->must_sync = false;
    frame->slot_count = 0;
    return frame;
}

static void frame_free(struct journal_frame *frame)
{
    if (frame != NULL) {
        free(frame->memory);
        free(frame->slots);
        free(frame);
    }
}

static void frame_retire(struct journal *journal, struct journal_frame *frame)
{
    if (frame->capacity == FRAME_BYTES_MAX && journal->spare_count < FRAMES_SPARE_MAX) {
        list_append(&journal->spare, &frame->link);
        journal->spare_count++;
    } else {
        frame_free(frame);
    }
}

static void frame_note(struct journal_frame *frame, struct journal_party *party, uint64_t sequence)
{
    if (party->frame_number != frame->number) {
        if (frame->slot_count == frame->slot_capacity) {
            frame->slot_capacity = frame->slot_capacity == 0 ? 16 : frame->slot_capacity * 2;
            frame->slots =
                check_realloc(frame->slots, frame->slot_capacity * sizeof(struct journal_slot));
        }
        party->frame_number = frame->number;
        party->slot = frame->slot_count++;
    }
    frame->slots[party->slot] = (struct journal_slot){.party = party, .sequence = sequence};
}

static struct journal_frame *frame_for(struct journal *journal, size_t record_bytes)
{
    struct journal_frame *frame;

    if (!list_is_empty(&journal->gathering)) {
        frame = list_entry(journal->gathering.previous, struct journal_frame, link);
        if (frame->length + record_bytes <= FRAME_BYTES_MAX) {
            return frame;
        }
    }
    frame = frame_new(journal, record_bytes);
    list_append(&journal->gathering, &frame->link);
    return frame;
}

/* ---- adding ---- */

static uint32_t payload_crc(const struct journal_record *record)
{
    uint32_t crc = 0;

    for (int i = 0; i < record->payload_count; i++) {
        crc = crc32c_extend(crc, record->payload[i].iov_base, record->payload[i].iov_len);
    }
    return crc;
}

static void put(struct journal_frame *frame, const void *bytes, size_t length)
{
    if (length > 0) {
        memcpy(frame->memory + frame->length, bytes, length);
        frame->length += length;
    }
}

uint64_t journal_add(struct journal *journal, const struct journal_record *record,
                     struct journal_party *party, uint64_t sequence)
{
    struct record_header header = {.type = (uint8_t)record->type,
                                   .meta_length = record->meta_length,
                                   .partition = record->group.partition,
                                   .outside = record->outside};
    size_t payload_length = 0;
    size_t length;
    struct journal_frame *frame;
    char *start;

    for (int i = 0; i < record->payload_count; i++) {
        payload_length += record->payload[i].iov_len;
    }
    length = aligned_up((uint32_t)(sizeof header + record->meta_length + payload_length),
                        RECORD_ALIGNMENT);
    CHECK(length + sizeof(struct frame_header) <= (size_t)journal->options.file_bytes);
    frame = frame_for(journal, length);
    header.payload_length = (uint32_t)payload_length;
    header.payload_crc = record->has_crc ? record->crc : payload_crc(record);
    memcpy(header.topic, record->group.topic.bytes, sizeof header.topic);
    start = frame->memory + frame->length;
    put(frame, &header, sizeof header);
    put(frame, record->meta, record->meta_length);
    header.header_crc = crc32c(start + sizeof header.header_crc,
                               sizeof header - sizeof header.header_crc + record->meta_length);
    memcpy(start, &header.header_crc, sizeof header.header_crc);
    for (int i = 0; i < record->payload_count; i++) {
        put(frame, record->payload[i].iov_base, record->payload[i].iov_len);
    }
    while (frame->length % RECORD_ALIGNMENT != 0) {
        frame->memory[frame->length++] = 0;
    }
    frame->record_count++;
    frame->must_sync = frame->must_sync || !record->is_relaxed;
    frame->watermark = journal->watermark;
    frame->written = journal->written;
    frame_note(frame, party, sequence);
    journal->pending_bytes += length;
    loop_defer_last(journal->options.loop, &journal->write_task);
    return journal->next_lsn++;
}

static void forget_in(struct journal_frame *frame, const struct journal_party *party)
{
    for (size_t i = 0; i < frame->slot_count; i++) {
        if (frame->slots[i].party == party) {
            frame->slots[i].party = NULL;
        }
    }
}

void journal_forget_party(struct journal *journal, const struct journal_party *party)
{
    list_for_each(link, &journal->gathering) {
        forget_in(list_entry(link, struct journal_frame, link), party);
    }
    if (journal->in_flight != NULL) {
        forget_in(journal->in_flight, party);
    }
}

/* ---- writing ---- */

static size_t frame_seal(struct journal *journal, struct journal_frame *frame)
{
    struct frame_header header = {.magic = FRAME_MAGIC,
                                  .version = STORAGE_FORMAT_VERSION,
                                  .length = (uint32_t)(frame->length - sizeof header),
                                  .incarnation = journal->options.incarnation,
                                  .sequence = journal->next_sequence++,
                                  .first_lsn = frame->first_lsn,
                                  .watermark = frame->watermark,
                                  .record_count = frame->record_count};
    uint64_t ahead = frame->written - frame->watermark;
    size_t padded = aligned_up((uint32_t)frame->length, BLOCK_BYTES);

    header.synced_sequence = journal->synced_sequence;
    header.written_ahead = ahead < UINT32_MAX ? (uint32_t)ahead : UINT32_MAX;
    frame->sequence = header.sequence;
    header.crc =
        crc32c_extend(journal->options.crc_seed, (const char *)&header + 8, sizeof header - 8);
    memcpy(frame->memory, &header, sizeof header);
    memset(frame->memory + frame->length, 0, padded - frame->length);
    return padded;
}

void journal_fail(struct journal *journal, const struct disk_request *request, const char *what)
{
    char cause[JOURNAL_PATH_MAX];
    char reason[2 * JOURNAL_PATH_MAX];

    disk_describe(request, cause, sizeof cause);
    (void)snprintf(reason, sizeof reason, "%s: %s", what, cause);
    journal->has_failed = true;
    journal->events.fatal(journal->events.context, reason);
}

void journal_note_synced(struct journal *journal, uint64_t sequence)
{
    if (sequence > journal->synced_sequence) {
        journal->synced_sequence = sequence;
    }
    if (journal->synced_sequence == journal->written_sequence) {
        journal->unflushed = NULL;
    }
}

/* The frame in flight is as durable as it must be. */
static void end_frame(struct journal *journal)
{
    struct journal_frame *frame = journal->in_flight;

    journal->pending_bytes -= frame->length - sizeof(struct frame_header);
    for (size_t i = 0; i < frame->slot_count; i++) {
        struct journal_slot slot = frame->slots[i];

        if (slot.party != NULL) {
            slot.party->durable(slot.party, slot.sequence);
        }
    }
    journal->in_flight = NULL;
    frame_retire(journal, frame);
    if (!list_is_empty(&journal->gathering)) {
        loop_defer_last(journal->options.loop, &journal->write_task);
    }
}

static void on_synced(struct disk_request *request)
{
    struct journal *journal = CONTAINER_OF(request, struct journal, request);

    if (request->error != ERROR_NONE) {
        journal_fail(journal, request, "a journal file could not be synced");
        return;
    }
    journal_note_synced(journal, journal->written_sequence);
    if (journal->in_flight != NULL) {
        end_frame(journal);
    } else {
        journal->is_syncing_file = false;
        loop_defer_last(journal->options.loop, &journal->write_task);
    }
}

static void sync_file(struct journal *journal, const struct journal_file *file)
{
    journal->request =
        (struct disk_request){.operation = DISK_SYNC, .fd = file->fd, .done = on_synced};
    disk_submit(journal->options.disk, DISK_LANE_JOURNAL, &journal->request);
}

static void on_frame_written(struct disk_request *request)
{
    struct journal *journal = CONTAINER_OF(request, struct journal, request);
    const struct journal_frame *frame = journal->in_flight;

    if (request->error != ERROR_NONE && !MUTATION(10)) {
        journal_fail(journal, request, "a journal write failed");
        return;
    }
    journal->written_sequence = frame->sequence;
    if (request->operation != DISK_WRITE_DURABLE) {
        journal->unflushed = journal->writing;
    }
    if (request->operation == DISK_WRITE_DURABLE) {
        journal_note_synced(journal, frame->sequence);
    } else if (frame->must_sync) {
        sync_file(journal, journal->writing);
        return;
    } else {
        journal_flush_later(journal);
    }
    end_frame(journal);
}

static enum disk_operation choose_write(const struct journal *journal,
                                        const struct journal_frame *frame)
{
    bool is_alone = journal->unflushed == NULL || MUTATION(71);

    return frame->must_sync && is_alone ? DISK_WRITE_DURABLE : DISK_WRITE_AT;
}

static void write_next(struct task *task)
{
    struct journal *journal = CONTAINER_OF(task, struct journal, write_task);
    struct journal_frame *frame;
    struct journal_file *file;
    size_t padded;

    if (journal->in_flight != NULL || journal->is_syncing_file || journal->has_failed ||
        list_is_empty(&journal->gathering)) {
        return;
    }
    frame = list_first(&journal->gathering, struct journal_frame, link);
    padded = aligned_up((uint32_t)frame->length, BLOCK_BYTES);
    file = journal_ring_place(journal, padded);
    journal->is_stalled = file == NULL;
    if (file == NULL) {
        return;
    }
    if (journal->unflushed != NULL && journal->unflushed != file && !MUTATION(72)) {
        journal->is_syncing_file = true;
        sync_file(journal, journal->unflushed);
        return;
    }
    list_remove(&frame->link);
    journal->in_flight = frame;
    if (file->first_sequence == 0) {
        file->first_sequence = journal->next_sequence;
    }
    file->last_lsn = frame->first_lsn + frame->record_count - 1;
    journal->vector =
        (struct iovec){.iov_base = frame->memory, .iov_len = frame_seal(journal, frame)};
    journal->request = (struct disk_request){.operation = choose_write(journal, frame),
                                             .fd = file->fd,
                                             .offset = file->length,
                                             .vectors = &journal->vector,
                                             .vector_count = 1,
                                             .done = on_frame_written};
    file->length += (int64_t)padded;
    journal->writing = file;
    disk_submit(journal->options.disk, DISK_LANE_JOURNAL, &journal->request);
}

void journal_unstall(struct journal *journal)
{
    if (journal->is_stalled) {
        journal->is_stalled = false;
        loop_defer_last(journal->options.loop, &journal->write_task);
    }
}

/* ---- life ---- */

enum error journal_open(const struct journal_options *options, struct journal_replay *replay,
                        struct journal **out_journal)
{
    struct journal *journal = check_alloc_zero(sizeof *journal);
    enum error error;

    journal->options = *options;
    list_init(&journal->gathering);
    list_init(&journal->spare);
    task_init(&journal->write_task, write_next);
    journal->next_frame_number = 1;
    journal_ring_init(journal);
    journal_flush_init(journal);
    error = journal_replay_all(journal, replay);
    if (error == ERROR_NONE && journal->ring.file_count == 0) {
        error = journal_ring_make_first(journal);
    }
    if (error != ERROR_NONE) {
        journal_close_files(journal);
        journal_free(journal);
        return error;
    }
    *out_journal = journal;
    return ERROR_NONE;
}

void journal_start(struct journal *journal, uint64_t next_lsn, uint64_t watermark,
                   const struct journal_events *events)
{
    journal->next_lsn = next_lsn;
    journal->written_sequence = journal->next_sequence - 1; /* replay has synced what it read */
    journal->synced_sequence = journal->written_sequence;
    journal_set_watermark(journal, watermark, watermark);
    journal->events = *events;
}

void journal_free(struct journal *journal)
{
    if (journal == NULL) {
        return;
    }
    task_cancel(&journal->write_task);
    timer_stop(journal->options.loop, &journal->flush.due);
    list_append_all(&journal->gathering, &journal->spare);
    list_for_each_safe(link, &journal->gathering) {
        list_remove(link);
        frame_free(list_entry(link, struct journal_frame, link));
    }
    frame_free(journal->in_flight);
    journal_ring_release(journal);
    free(journal);
}

/* ---- questions ---- */

void journal_set_watermark(struct journal *journal, uint64_t watermark, uint64_t written)
{
    CHECK(written >= watermark);
    journal->watermark = watermark;
    journal->written = written;
}

uint64_t journal_next_lsn(const struct journal *journal)
{
    return journal->next_lsn;
}

size_t journal_pending_bytes(const struct journal *journal)
{
    return journal->pending_bytes;
}

bool journal_is_idle(const struct journal *journal)
{
    return journal->in_flight == NULL && list_is_empty(&journal->gathering) &&
           journal->unflushed == NULL && journal->flush.sequence == 0 &&
           journal->ring.making.file == NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay walks frames by their numbers. Where the due frame is missing or broken there are two
 * cases: nothing behind it was written knowing it to be safe, then it is a torn tail that nobody
 * was told about, and it is cut; or a later frame says that it had been on stable storage, then
 * bytes that were promised are damaged, and whose they were is reported.
 */
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/base/mutation.h"

#include "journal_state.h"

enum { CHUNK_BYTES = 1024 * 1024, SCAN_BYTES = 3 * FRAME_BYTES_MAX };

struct replay {
    struct journal *journal;
    struct journal_replay *caller;
    struct list found;         /* files whose first frame is valid, by its number */
    struct journal_file *file; /* being read */
    char *bytes;               /* owned; of `file`, the first `loaded` */
    int64_t loaded;
    int64_t position;
    uint64_t expected;
    uint64_t incarnation; /* of the last frame */
    enum error error;
    bool has_lost_frames;
};

bool journal_frame_parse(const struct journal_options *options, const char *bytes, size_t available,
                         struct frame_header *out_header)
{
    struct frame_header header;

    if (available < sizeof header) {
        return false;
    }
    memcpy(&header, bytes, sizeof header);
    if (header.magic != FRAME_MAGIC || header.version > STORAGE_FORMAT_VERSION ||
        header.crc != crc32c_extend(options->crc_seed, bytes + 8, sizeof header - 8)) {
        return false;
    }
    if (header.sequence == 0 || header.length > options->file_bytes ||
        header.record_count > header.length / sizeof(struct record_header)) {
        return false;
    }
    *out_header = header;
    return true;
}

/* ---- reading files ---- */

static void load(struct replay *replay, int64_t end)
{
    int64_t file_bytes = replay->journal->options.file_bytes;

    end = end > file_bytes ? file_bytes : end;
    while (replay->loaded < end && replay->error == ERROR_NONE) {
        int64_t left = file_bytes - replay->loaded;
        struct iovec vector = {.iov_base = replay->bytes + replay->loaded,
                               .iov_len = (size_t)(left < CHUNK_BYTES ? left : CHUNK_BYTES)};
        struct disk_request request = {.operation = DISK_READ_AT,
                                       .fd = replay->file->fd,
                                       .offset = replay->loaded,
                                       .vectors = &vector,
                                       .vector_count = 1};

        disk_execute(replay->journal->options.disk, &request);
        replay->error = request.error;
        if (request.bytes < (int64_t)vector.iov_len) {
            /* The file is shorter than it should be; what is missing reads as nothing. */
            memset(replay->bytes + replay->loaded + request.bytes, 0,
                   vector.iov_len - (size_t)request.bytes);
        }
        replay->loaded += (int64_t)vector.iov_len;
    }
}

/* The frame that begins at `position` of the current file, if its header is good. */
static bool frame_at(struct replay *replay, int64_t position, struct frame_header *out_header)
{
    int64_t file_bytes = replay->journal->options.file_bytes;

    if (replay->file == NULL || position + BLOCK_BYTES > file_bytes) {
        return false;
    }
    load(replay, position + BLOCK_BYTES);
    if (!journal_frame_parse(&replay->journal->options, replay->bytes + position, BLOCK_BYTES,
                             out_header)) {
        return false;
    }
    return position + (int64_t)(sizeof *out_header + out_header->length) <= file_bytes;
}

static void open_file(struct replay *replay, struct journal_file *file)
{
    if (replay->file != NULL) {
        list_append(&replay->journal->ring.full, &replay->file->link);
        replay->journal->ring.full_count++;
    }
    list_remove(&file->link);
    replay->file = file;
    replay->loaded = 0;
    replay->position = file->first_position;
}

/* ---- records ---- */

/* Cut the next record out of `rest`. False: its header is broken. */
static bool take_record(const char **rest, size_t *length, struct journal_found *found,
                        bool *payload_holds)
{
    struct record_header *header = &found->header;
    size_t whole;

    if (*length < sizeof *header) {
        return false;
    }
    memcpy(header, *rest, sizeof *header);
    whole = sizeof *header + header->meta_length;
    if (*length < whole ||
        header->header_crc !=
            crc32c(*rest + sizeof header->header_crc, whole - sizeof header->header_crc) ||
        *length - whole < header->payload_length) {
        return false;
    }
    found->meta = *rest + sizeof *header;
    found->payload = *rest + whole;
    *payload_holds = header->type == RECORD_EXTENT ||
                     header->payload_crc == crc32c(found->payload, header->payload_length);
    whole = aligned_up((uint32_t)(whole + header->payload_length), RECORD_ALIGNMENT);
    whole = whole > *length ? *length : whole;
    *rest += whole;
    *length -= whole;
    return true;
}

static bool records_hold(const char *bytes, const struct frame_header *frame)
{
    struct journal_found found;
    size_t length = frame->length;
    bool holds = true;

    for (uint32_t i = 0; i < frame->record_count; i++) {
        if (!take_record(&bytes, &length, &found, &holds) || !holds) {
            return false;
        }
    }
    return length == 0;
}

/* Hand out the records; those that do not hold are reported instead. */
static void give_records(struct replay *replay, const char *bytes, const struct frame_header *frame)
{
    struct journal_replay *caller = replay->caller;
    struct journal_found found;
    size_t length = frame->length;
    bool holds = true;

    for (uint32_t i = 0; i < frame->record_count; i++) {
        struct group_id group = {0};

        if (!take_record(&bytes, &length, &found, &holds)) {
            caller->damaged(caller->context, NULL, frame->first_lsn + frame->record_count - 1,
                            "a journal record's header is damaged");
            return;
        }
        found.lsn = frame->first_lsn + i;
        memcpy(group.topic.bytes, found.header.topic, sizeof group.topic.bytes);
        group.partition = found.header.partition;
        if (holds) {
            caller->record(caller->context, &found);
        } else {
            caller->damaged(caller->context, &group, found.lsn, "a journal record is damaged");
        }
    }
}

/* ---- frames ---- */

static bool is_due(const struct replay *replay, const struct frame_header *header)
{
    return header->sequence == replay->expected && header->incarnation >= replay->incarnation;
}

static struct journal_file *file_beginning_with(struct replay *replay, uint64_t sequence)
{
    list_for_each(link, &replay->found) {
        struct journal_file *file = list_entry(link, struct journal_file, link);

        if (file->first_sequence == sequence) {
            return file;
        }
    }
    return NULL;
}

/*
 * Had frame `sequence` become safe before one with this header was written? Its header says so; or
 * nothing was lost since the life that wrote it, however many came between and ended before they
 * could write of what they had found, and each of its frames was written behind the end of the one
 * before. Without either, both may have been on their way when the power went.
 */
static bool was_written_after(const struct replay *replay, uint64_t synced_sequence,
                              uint64_t incarnation, uint64_t sequence)
{
    const struct journal_options *options = &replay->journal->options;
    bool is_whole = incarnation >= options->whole_from &&
                    (!MUTATION(75) || incarnation + 1 == options->incarnation);

    return synced_sequence >= sequence || is_whole;
}

/* Is there a frame behind `position` that was written after frame `sequence` had become safe? */
static bool find_later(struct replay *replay, int64_t position, uint64_t sequence,
                       int64_t *out_position, struct journal_file **out_file)
{
    int64_t end = position + SCAN_BYTES;
    struct frame_header header;

    *out_file = NULL;
    if (MUTATION(46)) {
        return false;
    }
    while (replay->file != NULL && position < end) {
        if (frame_at(replay, position, &header) && header.sequence > sequence &&
            header.incarnation >= replay->incarnation &&
            was_written_after(replay, header.synced_sequence, header.incarnation, sequence)) {
            *out_position = position;
            return true;
        }
        position += BLOCK_BYTES;
    }
    /* `found` is sorted and holds only files whose first frame is valid. */
    list_for_each(link, &replay->found) {
        struct journal_file *file = list_entry(link, struct journal_file, link);

        if (file->first_sequence > sequence &&
            was_written_after(replay, file->first_synced, file->first_incarnation, sequence)) {
            *out_file = file;
            return true;
        }
    }
    return false;
}

static void tell_lost_frames(struct replay *replay, uint64_t last_lsn)
{
    struct journal_replay *caller = replay->caller;

    if (replay->has_lost_frames) {
        replay->has_lost_frames = false;
        caller->damaged(caller->context, NULL, last_lsn, "a journal frame is damaged");
    }
}

/* What was written and not stable counts while nothing was lost since. */
static void take_watermarks(struct replay *replay, const struct frame_header *header)
{
    struct journal_replay *caller = replay->caller;
    uint64_t written = header->watermark;

    if (header->incarnation >= replay->journal->options.whole_from && !MUTATION(76)) {
        written += header->written_ahead;
    }
    caller->watermark =
        header->watermark > caller->watermark ? header->watermark : caller->watermark;
    caller->written = written > caller->written ? written : caller->written;
}

static void take_frame(struct replay *replay, const struct frame_header *header)
{
    struct journal_replay *caller = replay->caller;
    size_t whole = sizeof *header + header->length;

    tell_lost_frames(replay, header->first_lsn - 1);
    give_records(replay, replay->bytes + replay->position + sizeof *header, header);
    take_watermarks(replay, header);
    if (header->record_count > 0) {
        caller->last_lsn = header->first_lsn + header->record_count - 1;
        replay->file->last_lsn = caller->last_lsn;
    }
    caller->frames++;
    if (replay->file->first_sequence == 0) {
        replay->file->first_sequence = header->sequence;
    }
    replay->position += aligned_up((uint32_t)whole, BLOCK_BYTES);
    replay->file->length = replay->position;
    replay->expected = header->sequence + 1;
    replay->incarnation = header->incarnation;
}

/* One step; false at the end of the journal. */
static bool replay_step(struct replay *replay)
{
    struct frame_header header;
    struct journal_file *next = file_beginning_with(replay, replay->expected);
    int64_t position = replay->position;
    int64_t later = 0;

    if (frame_at(replay, position, &header) && is_due(replay, &header)) {
        int64_t behind =
            position + aligned_up((uint32_t)(sizeof header + header.length), BLOCK_BYTES);

        load(replay, behind);
        if (MUTATION(47) || records_hold(replay->bytes + position + sizeof header, &header) ||
            find_later(replay, behind, header.sequence, &later, &next)) {
            take_frame(replay, &header);
            return replay->error == ERROR_NONE;
        }
        return false;
    }
    if (next != NULL) {
        open_file(replay, next);
        return replay->error == ERROR_NONE;
    }
    if (!find_later(replay, position, replay->expected, &later, &next)) {
        return false;
    }
    replay->has_lost_frames = true; /* told with the next one, which bounds what it held */
    if (next != NULL) {
        replay->expected = next->first_sequence;
        open_file(replay, next);
    } else if (frame_at(replay, later, &header)) {
        replay->position = later;
        replay->expected = header.sequence;
    }
    return replay->error == ERROR_NONE;
}

/* ---- all of it ---- */

struct listing {
    bool is_there[10000];
    int count; /* one more than the highest */
};

static void visit_name(void *context, const char *name)
{
    struct listing *listing = context;
    char *end = NULL;
    long number = strtol(name, &end, 10);

    if (end == name + 4 && strcmp(end, ".journal") == 0 && number >= 0 && number < 10000) {
        listing->is_there[number] = true;
        listing->count = number < listing->count ? listing->count : (int)number + 1;
    }
}

static void insert_found(struct list *found, struct journal_file *file)
{
    struct list *where = found->next;

    while (where != found &&
           list_entry(where, struct journal_file, link)->first_sequence < file->first_sequence) {
        where = where->next;
    }
    list_insert_before(where, &file->link);
}

/* The first frame of a file that can be read; sequence 0: there is none that counts. */
struct first_frame {
    uint64_t sequence;
    uint64_t synced;
    uint64_t incarnation;
    int64_t position;
};

/* A file whose making was cut short has neither frames nor all of its room: it is made anew. */
static bool is_half_made(const struct journal *journal, const char *path)
{
    struct disk *disk = journal->options.disk;
    struct disk_stat status;

    return disk->operations->stat(disk, path, &status) == ERROR_NONE &&
           status.size_bytes < journal->options.file_bytes;
}

static enum error remove_file(struct journal *journal, const char *path, int fd)
{
    struct disk_request close = {.operation = DISK_CLOSE, .fd = fd};
    struct disk_request unlink = {.operation = DISK_UNLINK, .path = path};

    disk_execute(journal->options.disk, &close);
    disk_execute(journal->options.disk, &unlink);
    return unlink.error;
}

static void take_file(struct replay *replay, int number, int fd, const struct first_frame *first)
{
    struct journal_ring *ring = &replay->journal->ring;
    struct journal_file *file = journal_ring_add(replay->journal, number, fd);

    if (first->sequence != 0) {
        file->first_sequence = first->sequence;
        file->first_position = first->position;
        file->first_synced = first->synced;
        file->first_incarnation = first->incarnation;
        insert_found(&replay->found, file);
    } else {
        list_append(&ring->free, &file->link);
        ring->free_count++;
    }
}

/* Where the first is damaged, another tells that the file was in use: it begins not far behind. */
static enum error find_first_frame(struct replay *replay, int fd, struct first_frame *out_first)
{
    const struct journal_options *options = &replay->journal->options;
    int64_t bytes = options->file_bytes < SCAN_BYTES ? options->file_bytes : SCAN_BYTES;
    struct iovec vector = {.iov_base = replay->bytes, .iov_len = BLOCK_BYTES};
    struct disk_request read = {
        .operation = DISK_READ_AT, .fd = fd, .vectors = &vector, .vector_count = 1};
    struct frame_header header;

    *out_first = (struct first_frame){0};
    disk_execute(options->disk, &read);
    if (read.error != ERROR_NONE ||
        !journal_frame_parse(options, replay->bytes, (size_t)read.bytes, &header)) {
        vector.iov_len = (size_t)bytes;
        disk_execute(options->disk, &read);
    }
    for (int64_t at = 0; at < read.bytes && read.error == ERROR_NONE; at += BLOCK_BYTES) {
        if (journal_frame_parse(options, replay->bytes + at, (size_t)(read.bytes - at), &header) &&
            header.sequence >= replay->caller->from_sequence) {
            *out_first = (struct first_frame){.sequence = header.sequence,
                                              .synced = header.synced_sequence,
                                              .incarnation = header.incarnation,
                                              .position = at};
            break;
        }
    }
    return read.error;
}

static enum error examine_file(struct replay *replay, int number)
{
    struct journal *journal = replay->journal;
    char path[JOURNAL_PATH_MAX];
    struct disk_request open = {.operation = DISK_OPEN, .flags = DISK_DIRECT, .path = path};
    struct first_frame first;
    enum error error;

    journal_ring_path(journal, number, path);
    disk_execute(journal->options.disk, &open);
    if (open.error != ERROR_NONE) {
        return open.error;
    }
    error = find_first_frame(replay, open.opened_fd, &first);
    if (error == ERROR_NONE && first.sequence == 0 && is_half_made(journal, path)) {
        return remove_file(journal, path, open.opened_fd);
    }
    take_file(replay, number, open.opened_fd, &first);
    return error;
}

/*
 * kill -9 leaves frames that were written and not yet flushed, and files whose names were not: what
 * is replayed must stay, and what is written next must be found.
 */
static enum error sync_files(struct replay *replay)
{
    struct journal *journal = replay->journal;
    struct disk_request sync = {.operation = DISK_SYNC};
    struct disk_request name = {.operation = DISK_SYNC_DIRECTORY,
                                .path = journal->options.directory};

    list_for_each(link, &journal->ring.full) {
        sync.fd = list_entry(link, struct journal_file, link)->fd;
        disk_execute(journal->options.disk, &sync);
        if (sync.error != ERROR_NONE) {
            return sync.error;
        }
    }
    if (journal->ring.active != NULL) {
        sync.fd = journal->ring.active->fd;
        disk_execute(journal->options.disk, &sync);
    }
    disk_execute(journal->options.disk, &name);
    return sync.error != ERROR_NONE ? sync.error : name.error;
}

static void adopt_files(struct replay *replay)
{
    struct journal_ring *ring = &replay->journal->ring;

    ring->active = replay->file;
    list_for_each_safe(link, &replay->found) {
        list_remove(link);
        list_append(&ring->free, link);
        ring->free_count++;
    }
    if (ring->active == NULL && !list_is_empty(&ring->free)) {
        ring->active = list_first(&ring->free, struct journal_file, link);
        list_remove(&ring->active->link);
        ring->free_count--;
        ring->active->first_sequence = 0;
        ring->active->length = 0;
    }
}

enum error journal_replay_all(struct journal *journal, struct journal_replay *caller)
{
    struct replay replay = {
        .journal = journal, .caller = caller, .expected = caller->from_sequence};
    struct listing *listing = check_alloc_zero(sizeof *listing);

    list_init(&replay.found);
    replay.bytes = aligned_alloc(BLOCK_BYTES, (size_t)journal->options.file_bytes);
    CHECK(replay.bytes != NULL);
    replay.error = journal->options.disk->operations->list(
        journal->options.disk, journal->options.directory, visit_name, listing);
    for (int number = 0; number < listing->count && replay.error == ERROR_NONE; number++) {
        if (listing->is_there[number]) {
            replay.error = examine_file(&replay, number);
        }
    }
    while (replay.error == ERROR_NONE && replay_step(&replay)) {
    }
    tell_lost_frames(&replay, UINT64_MAX);
    adopt_files(&replay);
    journal->next_sequence = replay.expected;
    if (replay.error == ERROR_NONE) {
        replay.error = sync_files(&replay);
    }
    free(replay.bytes);
    free(listing);
    return replay.error;
}

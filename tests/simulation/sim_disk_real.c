/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/random.h"
#include "gyre/base/uuid.h"
#include "gyre/storage/storage.h"
#include "gyre/wire/record_batch.h"

#include "simulation/sim_disk.h"
#include "storage/format.h"
#include "storage/storage_state.h"
#include "support/fake_disk.h"

enum { JOURNAL_FILE_BYTES = 256 * 1024, CACHE_BYTES = 256 * 1024, FULL_SLACK_BYTES = 8 * 1024 };
enum { PLACES_MAX = 8, FAIL_AFTER_MAX = 20 };

/* A frame of the journal. */
struct journal_place {
    char path[64];
    int64_t position;
    struct frame_header header;
};

struct sim_disk {
    struct fake_disk *fake;
    struct random *random;
    int32_t node;
    bool is_formatted;
    bool may_fail, has_failed;
    uint64_t boot_id;
    uint64_t memory_sync_us;
    uint64_t torn_recoveries;
    /* damage: files of the group, and which one to take */
    char prefix[96];
    uint64_t candidates, chosen;
    char path[256];
    /* the big batch that was noted: a byte of it, and the newest frame then */
    char outside_path[256];
    int64_t outside_offset, outside_at;
    uint64_t outside_sequence;
    struct journal_place places[PLACES_MAX]; /* the newest frames, newest first */
    int place_count;
    /* a batch of a segment, and what the journal tells of it */
    struct group_id extent_group;
    int64_t extent_offset;
    uint64_t extent_number, extent_told;
    struct frame_header extent_frame;
    uint64_t whole_from;       /* the first incarnation of whose writes nothing was lost */
    struct group_id cut_group; /* whose log is cut by the frame to be found */
    struct journal_place cut;  /* sequence 0: there is none */
};

static const struct storage_options options = {
    .directory = "/data",
    .journal_file_bytes = JOURNAL_FILE_BYTES,
    .journal_file_count = 3,
    .cache_bytes_max = CACHE_BYTES,
    .open_files_max = 64,
    .single_syncs_max = 4,
};

static const char journal_files[] = "/data/journal/";

static const enum disk_operation failing[] = {DISK_SYNC, DISK_WRITE_AT, DISK_WRITE_DURABLE,
                                              DISK_SYNC_DIRECTORY};

struct sim_disk *sim_disk_new(struct random *random, int32_t node, uint64_t memory_sync_us)
{
    struct sim_disk *self = check_alloc_zero(sizeof *self);

    self->random = random;
    self->node = node;
    self->boot_id = 1;
    self->memory_sync_us = memory_sync_us;
    self->fake = fake_disk_new(NULL, random_u64(random));
    return self;
}

void sim_disk_free(struct sim_disk *self)
{
    fake_disk_free(self->fake);
    free(self);
}

static void on_fatal(void *context, const char *reason)
{
    struct sim_disk *self = context;

    if (self->may_fail) {
        self->has_failed = true;
        return;
    }
    (void)fprintf(stderr, "node %d: storage gives up: %s\n", self->node, reason);
    check_failed(__FILE__, __LINE__, "no write and no sync fails here but for lack of space");
}

struct storage *sim_disk_open(struct sim_disk *self, struct loop *loop)
{
    struct disk *disk = fake_disk_as_disk(self->fake);
    struct storage_options now = options;
    struct storage *storage = NULL;
    char message[256] = "";
    enum error error;

    fake_disk_set_loop(self->fake, loop);
    sim_disk_fail_no_more(self);
    self->has_failed = false;
    if (!self->is_formatted) {
        struct storage_identity identity = {.node_id = self->node,
                                            .directory_id = uuid_random(self->random)};

        CHECK(storage_format(disk, options.directory, &identity) == ERROR_NONE);
        self->is_formatted = true;
    }
    now.boot_id = self->boot_id;
    now.memory_sync_us = self->memory_sync_us;
    error = storage_open(loop, disk, &now, message, &storage);
    if (error == ERROR_NO_SPACE) {
        return NULL;
    }
    if (error != ERROR_NONE) {
        (void)fprintf(stderr, "node %d: %s\n", self->node, message);
    }
    CHECK(storage != NULL);
    self->whole_from = storage->doubted_open;
    storage_set_fatal(storage, on_fatal, self);
    return storage;
}

void sim_disk_crash(struct sim_disk *self, struct storage *storage, bool loses_power)
{
    if (loses_power) {
        self->torn_recoveries++;
        self->boot_id++;
        fake_disk_crash(self->fake, random_chance(self->random, 700000));
    } else {
        fake_disk_kill(self->fake);
    }
    storage_abandon(storage);
}

/* Nothing lies behind its snapshot and not all is durable: among that may be the record by which
 * the snapshot was installed. No entry is taken before it is. */
static bool may_be_half_installed(const struct partition_log *log)
{
    return log->last_index == log->snapshot.index && log->first_index == log->last_index + 1 &&
           log->durable_sequence < log->sequence;
}

bool sim_disk_is_whole(const struct storage *storage, struct group_id group)
{
    const struct partition_log *log = storage_find_log(storage, group);

    return log != NULL && !log->is_corrupt && !log->is_installing && !log->is_state_missing &&
           !may_be_half_installed(log);
}

void sim_disk_set_delay(struct sim_disk *self, uint64_t min_us, uint64_t max_us)
{
    fake_disk_set_delay(self->fake, min_us, max_us);
}

void sim_disk_set_journal_delay(struct sim_disk *self, uint64_t min_us, uint64_t max_us)
{
    fake_disk_set_lane_delay(self->fake, DISK_LANE_JOURNAL, min_us, max_us);
}

void sim_disk_set_full(struct sim_disk *self, bool is_full)
{
    fake_disk_set_capacity(self->fake,
                           is_full ? fake_disk_used(self->fake) + FULL_SLACK_BYTES : INT64_MAX);
}

void sim_disk_fill(struct sim_disk *self)
{
    fake_disk_set_capacity(self->fake, fake_disk_used(self->fake));
}

bool sim_disk_has_room(const struct sim_disk *self)
{
    struct disk *disk = fake_disk_as_disk(self->fake);
    int64_t total = 0;
    int64_t usable = 0;

    return disk->operations->space(disk, options.directory, &total, &usable) != ERROR_NONE ||
           usable > 0;
}

static void choose(void *context, const char *path)
{
    struct sim_disk *self = context;
    const char *suffix = strrchr(path, '.');

    if (suffix == NULL || strcmp(suffix, ".log") != 0 || fake_disk_size(self->fake, path) < 1) {
        return;
    }
    if (self->candidates++ == self->chosen) {
        (void)snprintf(self->path, sizeof self->path, "%s", path);
    }
}

/* Any byte but base offset and epoch, which lie outside of a batch's CRC in Kafka's format. */
static int64_t choose_byte(struct sim_disk *self, int64_t *out_batch)
{
    const char *bytes = fake_disk_bytes(self->fake, self->path);
    int64_t size = fake_disk_size(self->fake, self->path);
    int64_t chosen = (int64_t)random_below(self->random, (uint64_t)size);
    int64_t batch = 0;

    while (batch + RECORD_BATCH_HEADER_BYTES < size &&
           batch + (int64_t)record_batch_size(bytes + batch) <= chosen) {
        batch += (int64_t)record_batch_size(bytes + batch);
    }
    if (chosen - batch < RECORD_BATCH_AT_LENGTH ||
        (chosen - batch >= RECORD_BATCH_AT_LEADER_EPOCH &&
         chosen - batch < RECORD_BATCH_AT_MAGIC)) {
        chosen = batch + RECORD_BATCH_AT_CRC;
    }
    *out_batch = batch;
    return chosen < size ? chosen : size - 1;
}

static void set_prefix(struct sim_disk *self, struct group_id group)
{
    char topic[UUID_TEXT_LENGTH + 1];

    uuid_format(group.topic, topic);
    (void)snprintf(self->prefix, sizeof self->prefix, "/data/%s-%d/", topic, group.partition);
}

/* The newest big batch of this file, if it is newer than the one that was found before. */
static void find_outside(void *context, const char *path)
{
    struct sim_disk *self = context;
    const char *suffix = strrchr(path, '.');
    const char *bytes = fake_disk_bytes(self->fake, path);
    int64_t size = fake_disk_size(self->fake, path);
    int64_t at = 0;

    if (suffix == NULL || strcmp(suffix, ".log") != 0) {
        return;
    }
    while (at + RECORD_BATCH_HEADER_BYTES < size) {
        int64_t length = (int64_t)record_batch_size(bytes + at);

        if (length < RECORD_BATCH_HEADER_BYTES || length > size - at) {
            break;
        }
        if (length >= OUTSIDE_BYTES_MIN &&
            record_batch_base_offset(bytes + at) > self->outside_offset) {
            self->outside_offset = record_batch_base_offset(bytes + at);
            self->outside_at =
                at + RECORD_BATCH_HEADER_BYTES +
                (int64_t)random_below(self->random, (uint64_t)(length - RECORD_BATCH_HEADER_BYTES));
            (void)snprintf(self->outside_path, sizeof self->outside_path, "%s", path);
        }
        at += length;
    }
}

/* ---- the journal ---- */

static bool is_newer(const struct frame_header *a, const struct frame_header *b)
{
    return a->incarnation != b->incarnation ? a->incarnation > b->incarnation
                                            : a->sequence > b->sequence;
}

static void note_frame(struct sim_disk *self, const struct journal_place *place)
{
    int at = self->place_count < PLACES_MAX ? self->place_count++ : PLACES_MAX;

    while (at > 0 && is_newer(&place->header, &self->places[at - 1].header)) {
        if (at < PLACES_MAX) {
            self->places[at] = self->places[at - 1];
        }
        at--;
    }
    if (at < PLACES_MAX) {
        self->places[at] = *place;
    }
}

/* The next whole frame of the file of `place`, whose bytes it begins with; NULL: there is none. */
static const char *next_frame(struct sim_disk *self, struct journal_place *place)
{
    const char *bytes = fake_disk_bytes(self->fake, place->path);
    int64_t size = fake_disk_size(self->fake, place->path);

    for (place->position += BLOCK_BYTES; place->position + BLOCK_BYTES <= size;
         place->position += BLOCK_BYTES) {
        memcpy(&place->header, bytes + place->position, sizeof place->header);
        if (place->header.magic == FRAME_MAGIC &&
            place->position + (int64_t)(sizeof place->header + place->header.length) <= size) {
            return bytes + place->position;
        }
    }
    return NULL;
}

static struct journal_place before_frames(const char *path)
{
    struct journal_place place = {.position = -BLOCK_BYTES};

    (void)snprintf(place.path, sizeof place.path, "%s", path);
    return place;
}

static void note_frames(void *context, const char *path)
{
    struct journal_place place = before_frames(path);

    while (next_frame(context, &place) != NULL) {
        note_frame(context, &place);
    }
}

static void note_journal(struct sim_disk *self)
{
    self->place_count = 0;
    fake_disk_for_each_file(self->fake, journal_files, note_frames, self);
}

uint64_t sim_disk_journal_file(struct sim_disk *self)
{
    const char *name;

    note_journal(self);
    name = self->place_count == 0 ? NULL : strrchr(self->places[0].path, '/');
    return name == NULL ? 0 : strtoull(name + 1, NULL, 10);
}

/* Not in the newest frame: damage there cannot be told from a torn write. */
bool sim_disk_damage_journal(struct sim_disk *self)
{
    const struct journal_place *place;
    int64_t length;

    note_journal(self);
    if (self->place_count < 2) {
        return false;
    }
    place = &self->places[1 + random_below(self->random, (uint64_t)self->place_count - 1)];
    if (place->header.incarnation != self->places[0].header.incarnation) {
        return false;
    }
    length = (int64_t)(sizeof place->header + place->header.length);
    return fake_disk_flip(self->fake, place->path,
                          place->position + (int64_t)random_below(self->random, (uint64_t)length),
                          (unsigned)random_below(self->random, 8));
}

/* The next record of this type and group, from *at on, which moves behind it. NULL: none. */
static const char *next_record(const char *bytes, const struct frame_header *frame, size_t *at,
                               enum record_type type, struct group_id group)
{
    struct record_header record;

    while (*at + sizeof record <= frame->length) {
        const char *found = bytes + *at;

        memcpy(&record, found, sizeof record);
        *at += sizeof record + record.meta_length + record.payload_length;
        *at = (*at + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
        if (*at <= frame->length && record.type == type && record.partition == group.partition &&
            memcmp(record.topic, group.topic.bytes, sizeof record.topic) == 0) {
            return found;
        }
    }
    return NULL;
}

static void find_cut(void *context, const char *path)
{
    struct sim_disk *self = context;
    struct journal_place place = before_frames(path);
    const char *frame;

    while ((frame = next_frame(self, &place)) != NULL) {
        size_t at = 0;

        if (next_record(frame + sizeof place.header, &place.header, &at, RECORD_TRUNCATE,
                        self->cut_group) != NULL &&
            is_newer(&place.header, &self->cut.header)) {
            self->cut = place;
        }
    }
}

/* Such a frame is stable before the next is written, which then says so. */
bool sim_disk_damage_truncation(struct sim_disk *self, struct group_id group)
{
    note_journal(self);
    self->cut_group = group;
    self->cut = (struct journal_place){0};
    fake_disk_for_each_file(self->fake, journal_files, find_cut, self);
    return self->cut.header.sequence != 0 &&
           self->places[0].header.synced_sequence >= self->cut.header.sequence &&
           self->places[0].header.incarnation == self->cut.header.incarnation &&
           fake_disk_flip(self->fake, self->cut.path,
                          self->cut.position +
                              (int64_t)random_below(self->random, sizeof self->cut.header),
                          (unsigned)random_below(self->random, 8));
}

/* ---- a segment ---- */

/* By which number it went around the journal, as the newest frame has it that tells. */
static void find_number(struct sim_disk *self, const char *bytes, const struct frame_header *frame)
{
    struct record_header record;
    struct entry_meta meta;
    size_t at = 0;

    for (;;) {
        const char *found = next_record(bytes, frame, &at, RECORD_EXTENT, self->extent_group);

        if (found == NULL) {
            return;
        }
        memcpy(&record, found, sizeof record);
        memcpy(&meta, found + sizeof record, sizeof meta);
        if (meta.base_offset == self->extent_offset && is_newer(frame, &self->extent_frame)) {
            self->extent_frame = *frame;
            self->extent_number = record.outside;
        }
    }
}

static void find_extent(void *context, const char *path)
{
    struct sim_disk *self = context;
    struct journal_place place = before_frames(path);
    const char *frame;

    while ((frame = next_frame(self, &place)) != NULL) {
        const struct frame_header *header = &place.header;
        uint64_t told = header->watermark;

        told += header->incarnation >= self->whole_from ? header->written_ahead : 0;
        self->extent_told = told > self->extent_told ? told : self->extent_told;
        find_number(self, frame + sizeof *header, header);
    }
}

/* Does the journal say that this batch is complete, if it went around it? Else damage to it cannot
 * be told from a torn write, however long ago it was acknowledged. */
static bool is_promised(struct sim_disk *self, struct group_id group, int64_t batch)
{
    if (batch + RECORD_BATCH_HEADER_BYTES > fake_disk_size(self->fake, self->path)) {
        return true; /* the journal's own */
    }
    self->extent_group = group;
    self->extent_offset = record_batch_base_offset(fake_disk_bytes(self->fake, self->path) + batch);
    self->extent_frame = (struct frame_header){0};
    self->extent_number = 0;
    self->extent_told = 0;
    fake_disk_for_each_file(self->fake, journal_files, find_extent, self);
    return self->extent_number <= self->extent_told;
}

bool sim_disk_damage(struct sim_disk *self, struct group_id group)
{
    int64_t batch;
    int64_t at;
    unsigned bit;

    set_prefix(self, group);
    for (int pass = 0; pass < 2; pass++) {
        self->chosen = pass == 0 ? UINT64_MAX : random_below(self->random, self->candidates);
        self->candidates = 0;
        fake_disk_for_each_file(self->fake, self->prefix, choose, self);
        if (self->candidates == 0) {
            return false;
        }
    }
    bit = (unsigned)random_below(self->random, 8);
    at = choose_byte(self, &batch);
    return is_promised(self, group, batch) && fake_disk_flip(self->fake, self->path, at, bit);
}

/* ---- around the journal ---- */

static uint64_t newest_sequence(struct sim_disk *self)
{
    note_journal(self);
    return self->place_count == 0 ? 0 : self->places[0].header.sequence;
}

void sim_disk_note_outside(struct sim_disk *self, struct group_id group)
{
    set_prefix(self, group);
    self->outside_offset = -1;
    fake_disk_for_each_file(self->fake, self->prefix, find_outside, self);
    self->outside_sequence = newest_sequence(self);
}

bool sim_disk_damage_outside(struct sim_disk *self)
{
    return self->outside_offset >= 0 && newest_sequence(self) >= self->outside_sequence + 2 &&
           fake_disk_flip(self->fake, self->outside_path, self->outside_at,
                          (unsigned)random_below(self->random, 8));
}

/* ---- errors ---- */

void sim_disk_fail_soon(struct sim_disk *self)
{
    size_t which = random_below(self->random, sizeof failing / sizeof failing[0]);

    self->may_fail = true;
    fake_disk_fail(self->fake, failing[which], 1 + (int)random_below(self->random, FAIL_AFTER_MAX),
                   ERROR_IO);
}

static enum disk_operation failing_in(bool in_journal)
{
    return in_journal ? DISK_WRITE_DURABLE : DISK_SYNC;
}

void sim_disk_fail_at(struct sim_disk *self, bool in_journal, int count)
{
    self->may_fail = true;
    fake_disk_fail(self->fake, failing_in(in_journal), count, ERROR_IO);
}

bool sim_disk_fails_soon(const struct sim_disk *self, bool in_journal)
{
    return fake_disk_fails_soon(self->fake, failing_in(in_journal));
}

void sim_disk_fail_no_more(struct sim_disk *self)
{
    for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
        fake_disk_fail(self->fake, failing[i], 0, ERROR_NONE);
    }
    self->may_fail = false;
}

bool sim_disk_has_failed(const struct sim_disk *self)
{
    return self->has_failed;
}

uint64_t sim_disk_torn_recoveries(const struct sim_disk *self)
{
    return self->torn_recoveries;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that was damaged while the process was down. Two logs with segments, a journal and a
 * checkpoint are made once, with a batch outside the journal or, for an even first byte, without;
 * the rest of the input changes a copy of them:
 *
 *     0-5 F O O M  xor the byte at O of file F with M
 *     6 F O O      cut file F at O
 *     7            make the checksums of the journal right again, so that what was changed counts
 *
 * Storage opens or says why not; what it holds can be read, or is reported as damaged; and it can
 * be closed. For one input in four, by its checksum, it is killed before that and opened again.
 * Nothing may crash, hang, or end the process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/observe/log.h"

#include "storage/format.h"
#include "support/storage_world.h"

enum {
    SEED = 3,
    LOGS = 2,
    ROUNDS = 12,
    BATCH_BYTES = 700,
    OUTSIDE_BYTES = 129 * 1024,
    FILES_MAX = 32,
    PATH_MAX_BYTES = 128,
    READS_MAX = 200,
    REOPENED_ONE_IN = 4,
};

struct files {
    char paths[FILES_MAX][PATH_MAX_BYTES];
    int count;
};

struct program {
    const uint8_t *at, *end;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t next(struct program *program)
{
    return program->at < program->end ? *program->at++ : 0;
}

/* ---- what lies on the disk before ---- */

static void append(struct partition_log *log, size_t bytes)
{
    struct log_entry entry = {.index = partition_log_last_index(log) + 1,
                              .term = 1,
                              .kind = bytes == 0 ? ENTRY_COMMAND : ENTRY_BATCH,
                              .offset_count = bytes == 0 ? 0 : 2,
                              .base_offset = partition_log_end_offset(log)};

    entry.payload = bytes == 0 ? storage_world_bytes("command", 7)
                               : storage_world_batch(entry.base_offset, 2, bytes, entry.index,
                                                     1000 + (int64_t)entry.index);
    (void)partition_log_append(log, &entry, 1);
}

static void take_snapshot(struct partition_log *log)
{
    struct log_snapshot snapshot = {.index = partition_log_last_index(log),
                                    .term = 1,
                                    .next_offset = partition_log_end_offset(log),
                                    .configuration = storage_world_bytes("configuration", 13),
                                    .state = storage_world_bytes("state", 5)};

    (void)partition_log_set_snapshot(log, &snapshot);
}

static void fill(struct storage_world *world, bool has_outside)
{
    struct log_options options = {.segment_ms = INT64_MAX, .index_interval_bytes = 2 * BATCH_BYTES};
    struct partition_log *logs[LOGS];

    storage_world_init(world, SEED);
    world->options.journal_file_bytes = 64 * 1024;
    storage_world_open(world);
    for (int i = 0; i < LOGS; i++) {
        logs[i] = storage_create_log(world->storage, storage_world_group(i));
        options.segment_bytes = i == 0 ? 3 * BATCH_BYTES : 1000000;
        partition_log_set_options(logs[i], &options);
        (void)partition_log_set_term_vote(logs[i], 1, 1);
    }
    for (int round = 0; round < ROUNDS; round++) {
        append(logs[round % LOGS], round % 5 == 4 ? 0 : BATCH_BYTES);
        if (round == ROUNDS / 2) {
            take_snapshot(logs[0]);
            append(logs[1], has_outside ? OUTSIDE_BYTES : BATCH_BYTES);
        }
        if (round == ROUNDS - 4) {
            storage_world_run(world, 1500000);
            (void)partition_log_truncate(logs[0], partition_log_last_index(logs[0]));
        }
        storage_world_run(world, 1000);
    }
    storage_world_kill(world);
}

/* The same time and chance for each input. */
static void begin_as_filled(struct storage_world *world, bool has_outside)
{
    static struct storage_world worlds[2];
    struct storage_world *filled = &worlds[has_outside];

    if (filled->fake == NULL) {
        fill(filled, has_outside);
    }
    memset(world, 0, sizeof *world);
    world->clock = filled->clock;
    world->now_us = filled->now_us;
    world->random = filled->random;
    world->options = filled->options;
    loop_init(&world->loop, &world->clock);
    world->fake = fake_disk_copy(filled->fake, &world->loop, SEED);
}

/* ---- damage ---- */

static void note_file(void *context, const char *path)
{
    struct files *files = context;

    if (files->count < FILES_MAX) {
        (void)snprintf(files->paths[files->count++], PATH_MAX_BYTES, "%s", path);
    }
}

static void flip(struct storage_world *world, const char *path, int64_t offset, uint8_t mask)
{
    for (unsigned bit = 0; bit < 8; bit++) {
        if (((mask >> bit) & 1) != 0) {
            (void)fake_disk_flip(world->fake, path, offset, bit);
        }
    }
}

static void set_u32(struct storage_world *world, const char *path, int64_t offset, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        uint8_t old = (uint8_t)fake_disk_bytes(world->fake, path)[offset + i];

        flip(world, path, offset + i, (uint8_t)(old ^ (uint8_t)(value >> (8 * i))));
    }
}

static void seal_records(struct storage_world *world, const char *path, int64_t at, int64_t end)
{
    struct record_header header;

    while (at + (int64_t)sizeof header <= end) {
        const char *bytes = fake_disk_bytes(world->fake, path) + at;
        int64_t whole;

        memcpy(&header, bytes, sizeof header);
        whole = (int64_t)(sizeof header + header.meta_length);
        if (at + whole + header.payload_length > end) {
            return;
        }
        if (header.type != RECORD_EXTENT) {
            set_u32(world, path, at + 4, crc32c(bytes + whole, header.payload_length));
        }
        bytes = fake_disk_bytes(world->fake, path) + at;
        set_u32(world, path, at, crc32c(bytes + 4, (size_t)whole - 4));
        at += (int64_t)aligned_up((uint32_t)(whole + header.payload_length), RECORD_ALIGNMENT);
    }
}

static void seal(struct storage_world *world, const char *path)
{
    struct random random;
    struct uuid directory;
    int64_t size = fake_disk_size(world->fake, path);
    struct frame_header header;

    random_seed(&random, SEED); /* as storage_world_init() draws it */
    directory = uuid_random(&random);
    for (int64_t at = 0; at + BLOCK_BYTES <= size; at += BLOCK_BYTES) {
        int64_t records = at + (int64_t)sizeof header;
        const char *bytes = fake_disk_bytes(world->fake, path) + at;

        memcpy(&header, bytes, sizeof header);
        if (header.magic == FRAME_MAGIC && records + header.length <= size) {
            seal_records(world, path, records, records + header.length);
            bytes = fake_disk_bytes(world->fake, path) + at;
            set_u32(world, path, at + 4,
                    crc32c_extend(crc32c(directory.bytes, sizeof directory), bytes + 8,
                                  sizeof header - 8));
        }
    }
}

static void cut(struct storage_world *world, const char *path, int64_t size)
{
    struct disk *disk = fake_disk_as_disk(world->fake);
    struct disk_request open = {.operation = DISK_OPEN, .path = path};
    struct disk_request request = {.operation = DISK_TRUNCATE, .offset = size};

    disk_execute(disk, &open);
    if (open.error != ERROR_NONE || fake_disk_size(world->fake, path) <= size) {
        return;
    }
    request.fd = open.opened_fd;
    disk_execute(disk, &request);
    request.operation = DISK_CLOSE;
    disk_execute(disk, &request);
}

static void damage(struct storage_world *world, struct program *program)
{
    struct files files = {.count = 0};

    fake_disk_for_each_file(world->fake, "/data/", note_file, &files);
    while (program->at < program->end) {
        int step = next(program) % 8;
        const char *path = files.paths[next(program) % files.count];
        int64_t offset = next(program);

        offset += (int64_t)next(program) << 8;
        if (step < 6) {
            flip(world, path, offset, next(program));
        } else if (step == 6) {
            cut(world, path, offset);
        } else {
            seal(world, "/data/journal/0000.journal");
        }
    }
}

/* ---- what is left ---- */

static void done_entries(struct entries_read *read)
{
    read->private_state = NULL;
}

static void read_log(struct storage_world *world, struct partition_log *log)
{
    struct entries_read *read = check_alloc_zero(sizeof *read);
    uint64_t index = partition_log_first_index(log);

    for (int i = 0; i < READS_MAX && index <= partition_log_last_index(log); i++) {
        bool is_done;

        memset(read, 0, sizeof *read);
        read->from_index = index;
        read->bytes_max = 100000;
        read->done = done_entries;
        is_done = partition_log_read_entries(log, read);
        if (!is_done) {
            storage_world_run(world, 100000);
        }
        if (read->error != ERROR_NONE || read->entry_count == 0) {
            entries_read_release(read);
            break;
        }
        CHECK(read->entries[0].index == index);
        index = read->entries[read->entry_count - 1].index + 1;
        entries_read_release(read);
    }
    free(read);
}

/* False: it does not open. */
static bool open_and_read(struct storage_world *world)
{
    char message[256] = "";

    if (storage_open(&world->loop, fake_disk_as_disk(world->fake), &world->options, message,
                     &world->storage) != ERROR_NONE) {
        CHECK(message[0] != '\0');
        world->storage = NULL;
        return false;
    }
    storage_world_run(world, 100000);
    for (int i = 0; i < LOGS; i++) {
        struct partition_log *log = storage_find_log(world->storage, storage_world_group(i));

        if (log != NULL && !partition_log_is_corrupt(log)) {
            read_log(world, log);
        }
    }
    storage_world_run(world, 3000000); /* a checkpoint */
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program program = {.at = data, .end = data + (size < 400 ? size : 400)};
    struct storage_world world;
    bool is_open;

    log_set_level(LOG_STORAGE, LOG_LEVEL_ERROR);
    begin_as_filled(&world, next(&program) % 2 == 1);
    damage(&world, &program);
    is_open = open_and_read(&world);
    if (is_open) {
        if (crc32c(data, size) % REOPENED_ONE_IN == 0) {
            storage_world_kill(&world);
            is_open = open_and_read(&world);
        }
        if (is_open) {
            storage_world_close(&world);
        }
    }
    storage_world_release(&world);
    return 0;
}

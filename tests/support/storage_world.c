/* SPDX-License-Identifier: Apache-2.0 */
#include "support/storage_world.h"

#include <stdio.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/wire/record_batch.h"

static uint64_t world_us(const struct clock *clock)
{
    return CONTAINER_OF(clock, const struct storage_world, clock)->now_us;
}

static int64_t world_wall_ms(const struct clock *clock)
{
    return 1700000000000 + (int64_t)(world_us(clock) / 1000);
}

static void on_fatal(void *context, const char *reason)
{
    struct storage_world *world = context;

    (void)snprintf(world->fatal, sizeof world->fatal, "%s", reason);
}

void storage_world_init(struct storage_world *world, uint64_t seed)
{
    struct storage_identity identity = {.node_id = 7};

    memset(world, 0, sizeof *world);
    world->clock = (struct clock){.monotonic_us = world_us, .wall_ms = world_wall_ms};
    world->now_us = 1000000;
    random_seed(&world->random, seed);
    hash_set_seed(seed);
    loop_init(&world->loop, &world->clock);
    world->fake = fake_disk_new(&world->loop, seed + 1);
    world->options = (struct storage_options){.directory = "/data",
                                              .journal_file_bytes = 256 * 1024,
                                              .journal_file_count = 3,
                                              .cache_bytes_max = 64 * 1024,
                                              .reserved_bytes = 0,
                                              .single_syncs_max = seed % 2 == 0 ? 3 : 0,
                                              .memory_sync_us = 100000,
                                              .boot_id = 1};
    identity.directory_id = uuid_random(&world->random);
    CHECK(storage_format(fake_disk_as_disk(world->fake), "/data", &identity) == ERROR_NONE);
}

void storage_world_release(struct storage_world *world)
{
    storage_abandon(world->storage);
    fake_disk_free(world->fake);
    loop_release(&world->loop);
}

void storage_world_open(struct storage_world *world)
{
    char message[256] = "";
    enum error error = storage_open(&world->loop, fake_disk_as_disk(world->fake), &world->options,
                                    message, &world->storage);

    if (error != ERROR_NONE) {
        (void)fprintf(stderr, "open: %s: %s\n", error_name(error), message);
    }
    CHECK(error == ERROR_NONE);
    storage_set_listener(world->storage, &world->listener);
    storage_set_fatal(world->storage, on_fatal, world);
}

static void on_closed(void *context)
{
    ((struct storage_world *)context)->is_closed = true;
}

void storage_world_close(struct storage_world *world)
{
    world->is_closed = false;
    storage_close(world->storage, on_closed, world);
    for (int i = 0; i < 100 && !world->is_closed; i++) {
        storage_world_run(world, 1000000);
    }
    CHECK(world->is_closed);
    world->storage = NULL;
}

static void go_down(struct storage_world *world)
{
    storage_abandon(world->storage);
    world->storage = NULL;
}

void storage_world_crash(struct storage_world *world, bool tears)
{
    fake_disk_crash(world->fake, tears);
    world->options.boot_id++;
    go_down(world);
}

void storage_world_kill(struct storage_world *world)
{
    fake_disk_kill(world->fake);
    go_down(world);
}

void storage_world_run(struct storage_world *world, uint64_t duration_us)
{
    uint64_t end = world->now_us + duration_us;

    for (;;) {
        uint64_t next = loop_turn(&world->loop);

        if (next > end) {
            break;
        }
        world->now_us = next > world->now_us ? next : world->now_us;
    }
    world->now_us = end;
}

struct buffer_slice storage_world_bytes(const void *bytes, size_t length)
{
    struct buffer *buffer = buffer_copy(bytes, length);
    struct buffer_slice slice = buffer_slice(buffer, 0, length);

    buffer_unref(buffer);
    return slice;
}

struct buffer_slice storage_world_batch(int64_t base_offset, int32_t count, size_t size,
                                        uint64_t content, int64_t timestamp_ms)
{
    struct buffer *buffer = buffer_new(size);
    struct buffer_slice slice = buffer_slice(buffer, 0, size);
    char *bytes = buffer->bytes;
    struct random random;

    CHECK(size >= RECORD_BATCH_HEADER_BYTES);
    random_seed(&random, content);
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t chunk = random_u64(&random);

        memcpy(bytes + i, &chunk, size - i < sizeof chunk ? size - i : sizeof chunk);
    }
    store_be64(bytes + RECORD_BATCH_AT_BASE_OFFSET, (uint64_t)base_offset);
    store_be32(bytes + RECORD_BATCH_AT_LENGTH, (uint32_t)size - RECORD_BATCH_PREFIX_BYTES);
    bytes[RECORD_BATCH_AT_MAGIC] = RECORD_BATCH_MAGIC;
    store_be16(bytes + RECORD_BATCH_AT_ATTRIBUTES, 0);
    store_be32(bytes + RECORD_BATCH_AT_LAST_OFFSET_DELTA, (uint32_t)count - 1);
    store_be64(bytes + RECORD_BATCH_AT_BASE_TIMESTAMP, (uint64_t)timestamp_ms);
    store_be64(bytes + RECORD_BATCH_AT_MAX_TIMESTAMP, (uint64_t)timestamp_ms);
    store_be32(bytes + RECORD_BATCH_AT_COUNT, (uint32_t)count);
    store_be64(bytes + RECORD_BATCH_AT_PRODUCER_ID, UINT64_MAX);
    store_be32(bytes + RECORD_BATCH_AT_CRC,
               crc32c(bytes + RECORD_BATCH_AT_ATTRIBUTES, size - RECORD_BATCH_AT_ATTRIBUTES));
    buffer_unref(buffer);
    return slice;
}

struct group_id storage_world_group(int number)
{
    struct group_id group = {.partition = number};

    group.topic.bytes[0] = 0x42;
    group.topic.bytes[15] = (uint8_t)number;
    return group;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A little world for storage tests: a clock that only the test moves, a loop, a fake disk, and one
 * storage that can be crashed and opened again.
 */
#ifndef GYRE_TESTS_SUPPORT_STORAGE_WORLD_H
#define GYRE_TESTS_SUPPORT_STORAGE_WORLD_H

#include "gyre/base/random.h"
#include "gyre/runtime/clock.h"
#include "gyre/runtime/loop.h"
#include "gyre/storage/partition_log.h"
#include "gyre/storage/storage.h"

#include "support/fake_disk.h"

struct storage_world {
    struct clock clock;
    uint64_t now_us;
    struct loop loop;
    struct fake_disk *fake;
    struct random random;
    struct storage_options options;
    struct storage *storage; /* NULL while down */
    struct storage_listener listener;
    bool is_closed;
    char fatal[256]; /* reason, empty: none */
};

void storage_world_init(struct storage_world *world, uint64_t seed);
void storage_world_release(struct storage_world *world);

/* Open; the test fails if that fails. */
void storage_world_open(struct storage_world *world);
void storage_world_close(struct storage_world *world);
/* Lose the power, or kill the process; the storage is abandoned. */
void storage_world_crash(struct storage_world *world, bool tears);
void storage_world_kill(struct storage_world *world);

/* Run the loop for so long. */
void storage_world_run(struct storage_world *world, uint64_t duration_us);

/* A record batch of `size` bytes (at least 61) with `count` offsets and a right CRC. */
struct buffer_slice storage_world_batch(int64_t base_offset, int32_t count, size_t size,
                                        uint64_t content, int64_t timestamp_ms);
struct buffer_slice storage_world_bytes(const void *bytes, size_t length);
struct group_id storage_world_group(int number);

#endif

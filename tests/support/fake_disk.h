/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory that keeps exactly what was promised. At a crash, everything that was not
 * synced is decided by chance: each sector of each unsynced write, each unsynced change of a file
 * size, and how many of a directory's unsynced changes of names (in their order) survive.
 *
 * All chance comes from one seed, all time from the loop, so the same calls give the same disk.
 */
#ifndef GYRE_TESTS_SUPPORT_FAKE_DISK_H
#define GYRE_TESTS_SUPPORT_FAKE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/runtime/disk.h"
#include "gyre/runtime/loop.h"

struct fake_disk;

/* `loop` may be changed with fake_disk_set_loop() after a crash. The root "/" exists. */
struct fake_disk *fake_disk_new(struct loop *loop, uint64_t seed);
/* A disk with the files that `fake` holds now, all of them stable, none open. `fake` must not
 * change before the copy is freed. */
struct fake_disk *fake_disk_copy(const struct fake_disk *fake, struct loop *loop, uint64_t seed);
void fake_disk_free(struct fake_disk *fake);
struct disk *fake_disk_as_disk(struct fake_disk *fake);
void fake_disk_set_loop(struct fake_disk *fake, struct loop *loop);

/* Each submitted request takes a random time in this range (default 20 to 200). */
void fake_disk_set_delay(struct fake_disk *fake, uint64_t min_us, uint64_t max_us);
/* The same for the requests of one lane. */
void fake_disk_set_lane_delay(struct fake_disk *fake, enum disk_lane lane, uint64_t min_us,
                              uint64_t max_us);

/*
 * The power goes: requests under way are done in part or not at all and never call done(), open
 * files are closed, and the disk holds what survived. `tears` says whether a write may survive in
 * parts (sectors of 512 bytes) or only wholly or not at all.
 */
void fake_disk_crash(struct fake_disk *fake, bool tears);

/* kill -9: requests under way are lost or finished, everything written stays (page cache). */
void fake_disk_kill(struct fake_disk *fake);

/* Total bytes that files may take; INT64_MAX by default. Writes beyond it get NO_SPACE. */
void fake_disk_set_capacity(struct fake_disk *fake, int64_t bytes);
int64_t fake_disk_used(const struct fake_disk *fake);

/* Is all that lies in files in memory, too? Not at the start. */
void fake_disk_set_resident(struct fake_disk *fake, bool is_resident);

/* How many files may be open at once; without one to spare, requests get NO_DESCRIPTORS. */
void fake_disk_set_descriptors(struct fake_disk *fake, int count);
/* The most that were open at once so far. */
int fake_disk_descriptors_peak(const struct fake_disk *fake);

/* Flip one bit, now and on stable storage. False if there is no such file or byte. */
bool fake_disk_flip(struct fake_disk *fake, const char *path, int64_t offset, unsigned bit);

/* Size of a file, -1 if there is none. */
int64_t fake_disk_size(const struct fake_disk *fake, const char *path);

/* The file's bytes now; NULL if there is none. Borrowed until its next change. */
const char *fake_disk_bytes(const struct fake_disk *fake, const char *path);

/* Calls visit(path) for each file whose path begins with `prefix`, in order of creation. */
void fake_disk_for_each_file(const struct fake_disk *fake, const char *prefix,
                             void (*visit)(void *context, const char *path), void *context);

/* The `count`-th request of this kind from now on (1 is the next) fails with `error`. 0: never. */
void fake_disk_fail(struct fake_disk *fake, enum disk_operation operation, int count,
                    enum error error);
/* It has not failed yet. */
bool fake_disk_fails_soon(const struct fake_disk *fake, enum disk_operation operation);

/* Requests done since the start, by operation. */
uint64_t fake_disk_count(const struct fake_disk *fake, enum disk_operation operation);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage in memory with the contract of gyre/storage: changes become durable later and in order,
 * and a crash loses those that were not. For tests of what lies above; link it instead of the
 * storage module. Reads are answered at once or later, by chance.
 */
#ifndef GYRE_TESTS_SUPPORT_MEMORY_STORAGE_H
#define GYRE_TESTS_SUPPORT_MEMORY_STORAGE_H

#include "gyre/base/random.h"
#include "gyre/storage/partition_log.h"
#include "gyre/storage/storage.h"

/* What survives a crash. */
struct memory_disk;
struct memory_disk *memory_disk_new(struct random *random);
void memory_disk_free(struct memory_disk *disk);
void memory_disk_set_sync(struct memory_disk *disk, uint64_t min_us, uint64_t max_us);
void memory_disk_set_full(struct memory_disk *disk, bool is_full);
/* The next open finds this group's log damaged. */
void memory_disk_damage(struct memory_disk *disk, struct group_id group);
/* The same, and the damage took what it knew of terms after this one. */
void memory_disk_forget(struct memory_disk *disk, struct group_id group, uint64_t term);

struct storage *memory_storage_open(struct loop *loop, struct memory_disk *disk);
/* A read meets damage now, whatever is going on. */
void memory_storage_meet_damage(struct storage *storage, struct group_id group);
/* Batches that are being read are not found: who asked for them can let go of the question. */
void memory_storage_end_reads(struct storage *storage);
/* As by a power cut: a part of what was not durable is gone. The storage is freed. */
void memory_storage_crash(struct storage *storage);

#endif

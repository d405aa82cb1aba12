/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk of one simulated node and the storage on it. Two forms: `simulate` has the product's
 * storage on a disk that tears and loses (sim_disk_real.c); `simulate_raft` has storage in memory
 * (sim_disk_memory.c), which is faster and tests what lies above it.
 */
#ifndef GYRE_TESTS_SIMULATION_SIM_DISK_H
#define GYRE_TESTS_SIMULATION_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/storage/group_id.h"

struct loop;
struct random;
struct sim_disk;
struct storage;

struct sim_disk *sim_disk_new(struct random *random, int32_t node, uint64_t memory_sync_us);
void sim_disk_free(struct sim_disk *disk);

/* Open the storage that is there; recovery runs inside. NULL: the disk is too full for that. */
struct storage *sim_disk_open(struct sim_disk *disk, struct loop *loop);
/* The node dies: by power (what was not synced is lost in part) or by kill -9. Frees the storage.
 */
void sim_disk_crash(struct sim_disk *disk, struct storage *storage, bool loses_power);

/* Nothing of this group is missing, and nothing was pulled of which the end is not written yet. */
bool sim_disk_is_whole(const struct storage *storage, struct group_id group);

void sim_disk_set_delay(struct sim_disk *disk, uint64_t min_us, uint64_t max_us);
/* The journal alone. */
void sim_disk_set_journal_delay(struct sim_disk *disk, uint64_t min_us, uint64_t max_us);
void sim_disk_set_full(struct sim_disk *disk, bool is_full);
/* Not a byte is left, until sim_disk_set_full(false). */
void sim_disk_fill(struct sim_disk *disk);
bool sim_disk_has_room(const struct sim_disk *disk);
/* The number of the journal's file that has the newest frame. */
uint64_t sim_disk_journal_file(struct sim_disk *disk);
/* Flip a bit of what this group has stored, while the node is down. False: there was nothing. */
bool sim_disk_damage(struct sim_disk *disk, struct group_id group);
/* Flip a bit of what the journal holds beyond doubt, while the node is down. False: nothing does.
 */
bool sim_disk_damage_journal(struct sim_disk *disk);
/* The same in the newest frame that cuts this group's log. */
bool sim_disk_damage_truncation(struct sim_disk *disk, struct group_id group);
/* The same in a batch that went around the journal: the newest one of the group when it was noted.
 * False, too: no frame says yet that it is complete, and damage would be a torn write. */
void sim_disk_note_outside(struct sim_disk *disk, struct group_id group);
bool sim_disk_damage_outside(struct sim_disk *disk);
/* One of the next writes or syncs fails; the storage gives up then, and the node is to die. */
void sim_disk_fail_soon(struct sim_disk *disk);
/* The `count`-th write of the journal from now on fails, or the `count`-th sync of a file. */
void sim_disk_fail_at(struct sim_disk *disk, bool in_journal, int count);
/* It has not failed yet. */
bool sim_disk_fails_soon(const struct sim_disk *disk, bool in_journal);
void sim_disk_fail_no_more(struct sim_disk *disk);
bool sim_disk_has_failed(const struct sim_disk *disk);
/* Recoveries so far that had to cut a torn tail. */
uint64_t sim_disk_torn_recoveries(const struct sim_disk *disk);

#endif

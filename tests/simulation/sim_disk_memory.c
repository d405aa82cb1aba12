/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gyre/base/check.h"

#include "simulation/sim_disk.h"
#include "support/memory_storage.h"

struct sim_disk {
    struct memory_disk *disk;
    uint64_t torn_recoveries;
};

struct sim_disk *sim_disk_new(struct random *random, int32_t node, uint64_t memory_sync_us)
{
    struct sim_disk *self = check_alloc_zero(sizeof *self);

    (void)node;
    (void)memory_sync_us; /* it loses a part of what was not synced, whenever that was */
    self->disk = memory_disk_new(random);
    return self;
}

void sim_disk_free(struct sim_disk *self)
{
    memory_disk_free(self->disk);
    free(self);
}

struct storage *sim_disk_open(struct sim_disk *self, struct loop *loop)
{
    return memory_storage_open(loop, self->disk);
}

void sim_disk_crash(struct sim_disk *self, struct storage *storage, bool loses_power)
{
    /* In memory both are the same: a part of what was not durable is gone. */
    (void)loses_power;
    self->torn_recoveries++;
    memory_storage_crash(storage);
}

bool sim_disk_is_whole(const struct storage *storage, struct group_id group)
{
    (void)storage;
    (void)group;
    return false; /* nobody asks of a disk that was never torn */
}

uint64_t sim_disk_journal_file(struct sim_disk *self)
{
    (void)self;
    return 0;
}

void sim_disk_set_delay(struct sim_disk *self, uint64_t min_us, uint64_t max_us)
{
    memory_disk_set_sync(self->disk, min_us, max_us);
}

void sim_disk_set_journal_delay(struct sim_disk *self, uint64_t min_us, uint64_t max_us)
{
    sim_disk_set_delay(self, min_us, max_us);
}

void sim_disk_set_full(struct sim_disk *self, bool is_full)
{
    memory_disk_set_full(self->disk, is_full);
}

void sim_disk_fill(struct sim_disk *self)
{
    sim_disk_set_full(self, true);
}

bool sim_disk_has_room(const struct sim_disk *self)
{
    (void)self;
    return true; /* how much was never counted */
}

bool sim_disk_damage(struct sim_disk *self, struct group_id group)
{
    memory_disk_damage(self->disk, group);
    return true;
}

bool sim_disk_damage_journal(struct sim_disk *self)
{
    (void)self;
    return false; /* there is none */
}

bool sim_disk_damage_truncation(struct sim_disk *self, struct group_id group)
{
    (void)self;
    (void)group;
    return false;
}

void sim_disk_note_outside(struct sim_disk *self, struct group_id group)
{
    (void)self;
    (void)group;
}

bool sim_disk_damage_outside(struct sim_disk *self)
{
    (void)self;
    return false; /* there is no journal to go around */
}

void sim_disk_fail_at(struct sim_disk *self, bool in_journal, int count)
{
    (void)self;
    (void)in_journal;
    (void)count;
}

bool sim_disk_fails_soon(const struct sim_disk *self, bool in_journal)
{
    (void)self;
    (void)in_journal;
    return false;
}

void sim_disk_fail_soon(struct sim_disk *self)
{
    (void)self;
}

void sim_disk_fail_no_more(struct sim_disk *self)
{
    (void)self;
}

bool sim_disk_has_failed(const struct sim_disk *self)
{
    (void)self;
    return false;
}

uint64_t sim_disk_torn_recoveries(const struct sim_disk *self)
{
    return self->torn_recoveries;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "simulation/sim_history.h"

#include <stdlib.h>

enum { UNKNOWN = 0, SEEN = 1, FINAL = 2 };
enum { EPOCHS_MAX = 65536 };

#define NUMBER_MASK 0xFFFFFFFFFFFFu

struct place {
    uint64_t value;
    uint8_t state;
    bool must_stay; /* acknowledged or read */
};

struct group_history {
    struct place *places; /* owned, by offset */
    int64_t count, capacity;
    int64_t start;
    int32_t leaders[EPOCHS_MAX]; /* node + 1, by epoch */
    int32_t newest_epoch;
};

struct sim_history {
    struct sim *sim;
    struct group_history groups[SIM_GROUPS];
    /* Behind the last record of each producer in the final log, which has all in order (P4), and
     * behind the last that was acknowledged. 0: none. */
    uint64_t next_number[SIM_PRODUCERS];
    uint64_t next_acked[SIM_PRODUCERS];
    int groups_of[SIM_PRODUCERS];
    uint64_t acked;
    uint64_t hash;
};

struct sim_history *sim_history_new(struct sim *sim)
{
    struct sim_history *history = check_alloc_zero(sizeof *history);

    history->sim = sim;
    return history;
}

void sim_history_free(struct sim_history *history)
{
    for (int i = 0; i < SIM_GROUPS; i++) {
        free(history->groups[i].places);
    }
    free(history);
}

static void mix(struct sim_history *history, uint64_t value)
{
    history->hash = (history->hash ^ value) * 0x9E3779B97F4A7C15u;
    history->hash ^= history->hash >> 29;
}

static struct place *place_at(struct group_history *group, int64_t offset)
{
    if (offset >= group->capacity) {
        int64_t capacity = offset * 2 + 1024;

        group->places = check_realloc(group->places, (size_t)capacity * sizeof *group->places);
        for (int64_t i = group->capacity; i < capacity; i++) {
            group->places[i] = (struct place){0};
        }
        group->capacity = capacity;
    }
    if (offset >= group->count) {
        group->count = offset + 1;
    }
    return &group->places[offset];
}

static struct place *see(struct sim_history *history, int index, int64_t offset, uint64_t value,
                         const char *how)
{
    struct place *place = place_at(&history->groups[index], offset);

    if (place->state != UNKNOWN && place->value != value) {
        sim_fail(history->sim, "P2: group %d offset %lld was %llx and is %s as %llx", index,
                 (long long)offset, (unsigned long long)place->value, how,
                 (unsigned long long)value);
    }
    place->value = value;
    place->state = place->state == UNKNOWN ? SEEN : place->state;
    mix(history, value + (uint64_t)offset * 3);
    return place;
}

void sim_history_acked(struct sim_history *history, int index, int64_t offset, uint64_t value)
{
    int producer = (int)(value >> 48);

    history->acked++;
    history->next_acked[producer] = (value & NUMBER_MASK) + 1;
    history->groups_of[producer] = index;
    if (offset >= 0) {
        see(history, index, offset, value, "acknowledged")->must_stay = true;
    }
}

void sim_history_read(struct sim_history *history, int index, int64_t offset, uint64_t value)
{
    see(history, index, offset, value, "read")->must_stay = true;
    history->sim->totals.read++;
}

void sim_history_led(struct sim_history *history, int index, int32_t epoch, int32_t node)
{
    struct group_history *group = &history->groups[index];

    mix(history, ((uint64_t)(uint32_t)epoch << 8) + (uint64_t)(uint32_t)node);
    if (epoch < 0 || epoch >= EPOCHS_MAX) {
        sim_fail(history->sim, "P3: epoch %d is out of all reason", epoch);
        return;
    }
    if (group->leaders[epoch] != 0) {
        sim_fail(history->sim, "P3: nodes %d and %d led group %d in epoch %d",
                 group->leaders[epoch] - 1, node, index, epoch);
    }
    group->leaders[epoch] = node + 1;
    group->newest_epoch = epoch > group->newest_epoch ? epoch : group->newest_epoch;
}

int32_t sim_history_newest_epoch(const struct sim_history *history, int group)
{
    return history->groups[group].newest_epoch;
}

void sim_history_log_start(struct sim_history *history, int index, int64_t offset)
{
    if (offset > history->groups[index].start) {
        history->groups[index].start = offset;
    }
}

void sim_history_final(struct sim_history *history, int index, int64_t offset, uint64_t value)
{
    struct place *place = see(history, index, offset, value, "in the final log");
    int producer = (int)(value >> 48);
    uint64_t number = value & NUMBER_MASK;

    if (place->state == FINAL) {
        return;
    }
    place->state = FINAL;
    if (producer >= SIM_PRODUCERS) {
        sim_fail(history->sim, "group %d offset %lld holds what nobody sent", index,
                 (long long)offset);
        return;
    }
    if (number < history->next_number[producer]) {
        sim_fail(history->sim, "P4: producer %d's record %llu is stored twice or out of order",
                 producer, (unsigned long long)number);
    }
    /* It sends the next only when the one before was acknowledged. */
    if (number > history->next_number[producer] && history->next_number[producer] != 0) {
        sim_fail(history->sim, "P1: producer %d's record %llu is missing before offset %lld",
                 producer, (unsigned long long)history->next_number[producer], (long long)offset);
    }
    history->next_number[producer] = number + 1;
}

void sim_history_end(struct sim_history *history, int index, int64_t start, int64_t end)
{
    struct group_history *group = &history->groups[index];

    if (start > group->start) {
        sim_fail(history->sim, "P1: group %d begins at %lld, nobody deleted beyond %lld", index,
                 (long long)start, (long long)group->start);
    }
    for (int64_t offset = start; offset < group->count; offset++) {
        const struct place *place = &group->places[offset];

        if (place->must_stay && place->state != FINAL) {
            sim_fail(history->sim,
                     "P1/P3: group %d offset %lld was acknowledged or read and is gone (end %lld)",
                     index, (long long)offset, (long long)end);
            return;
        }
    }
    for (int i = 0; i < SIM_PRODUCERS; i++) {
        if (history->groups_of[i] == index && history->next_number[i] != 0 &&
            history->next_number[i] < history->next_acked[i]) {
            sim_fail(history->sim, "P1: the log ends before record %llu of producer %d",
                     (unsigned long long)history->next_acked[i] - 1, i);
        }
    }
}

int64_t sim_history_start(const struct sim_history *history, int group)
{
    return history->groups[group].start;
}

uint64_t sim_history_acked_count(const struct sim_history *history)
{
    return history->acked;
}

uint64_t sim_history_hash(const struct sim_history *history)
{
    return history->hash;
}

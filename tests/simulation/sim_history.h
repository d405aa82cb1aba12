/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients saw, and whether it can be. Knows offsets, values and epochs; knows nothing of how
 * the region works.
 *
 *     P1 acknowledged records are in the log at the end
 *     P2 an offset never changes its record
 *     P3 one leader for each epoch; what was read is in the log at the end
 *     P4 a producer's retry is stored once
 */
#ifndef GYRE_TESTS_SIMULATION_SIM_HISTORY_H
#define GYRE_TESTS_SIMULATION_SIM_HISTORY_H

#include "simulation/sim.h"

/* A value names its producer and its place in the producer's order: never twice. */
static inline uint64_t sim_value(int producer, uint64_t number)
{
    return ((uint64_t)producer << 48) | number;
}

struct sim_history *sim_history_new(struct sim *sim);
void sim_history_free(struct sim_history *history);

/* Offset -1: acknowledged without one (Kafka's answer to an old duplicate). */
void sim_history_acked(struct sim_history *history, int group, int64_t offset, uint64_t value);
void sim_history_read(struct sim_history *history, int group, int64_t offset, uint64_t value);
void sim_history_led(struct sim_history *history, int group, int32_t epoch, int32_t node);
int32_t sim_history_newest_epoch(const struct sim_history *history, int group);
/* Nobody asked for more to be deleted than what lies before this. */
int64_t sim_history_start(const struct sim_history *history, int group);
void sim_history_log_start(struct sim_history *history, int group, int64_t offset);
/* The last pass over the whole log from its start: final() for each record, then end(). */
void sim_history_final(struct sim_history *history, int group, int64_t offset, uint64_t value);
void sim_history_end(struct sim_history *history, int group, int64_t start, int64_t end);
uint64_t sim_history_acked_count(const struct sim_history *history);
uint64_t sim_history_hash(const struct sim_history *history);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How records in a batch are shown to the history. */
#ifndef GYRE_TESTS_SIMULATION_SIM_CLIENTS_H
#define GYRE_TESTS_SIMULATION_SIM_CLIENTS_H

#include "simulation/sim.h"

void sim_clients_take_batch(struct sim *sim, int group, const char *batch,
                            void (*take)(struct sim_history *, int, int64_t, uint64_t));

#endif

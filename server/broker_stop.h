/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The orderly end of a broker: leaderships are given away, listeners close, storage writes
 * everything down, and the rest is taken apart in the opposite order of its construction.
 * Thread: main.
 */
#ifndef GYRE_BROKER_STOP_H
#define GYRE_BROKER_STOP_H

struct broker_process;

/* Once is enough, more often is fine. At the end nothing keeps the uv loop running. */
void broker_stop_begin(struct broker_process *process);

/* When the uv loop has ended: what was needed until then. */
void broker_stop_finish(struct broker_process *process);

#endif

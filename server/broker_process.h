/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole broker in one process: what is built in which order, and its mirror at the end.
 * The log must have been started.
 */
#ifndef GYRE_BROKER_PROCESS_H
#define GYRE_BROKER_PROCESS_H

struct broker_config;

/* Runs until SIGTERM or SIGINT; returns the exit status. Thread: main. */
int broker_process_run(const struct broker_config *config);

#endif

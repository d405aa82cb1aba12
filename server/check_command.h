/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gyred --check-config, behind what config_load() finds by itself: whatever else the start refuses,
 * as far as it can be known without a running broker. Thread: main's, before any loop.
 */
#ifndef GYRE_CHECK_COMMAND_H
#define GYRE_CHECK_COMMAND_H

#include <stdbool.h>

struct broker_config;

/* Says on stderr what is wrong. Certificates and keys are loaded only where `looks_at_files`. */
bool check_command(const struct broker_config *config, bool looks_at_files);

#endif

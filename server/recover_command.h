/* SPDX-License-Identifier: Apache-2.0 */
/* `gyred recover-catalog`: a region goes on with the catalog that one stopped broker has. */
#ifndef GYRE_RECOVER_COMMAND_H
#define GYRE_RECOVER_COMMAND_H

#include <stdbool.h>

struct broker_config;

/* Exit status. Asks on standard input, unless `is_confirmed`. */
int recover_command(const struct broker_config *config, bool is_confirmed);

#endif

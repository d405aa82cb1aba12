/* SPDX-License-Identifier: Apache-2.0 */
/* The gyred processes of a `gyre dev` directory. */
#ifndef GYRE_OPS_DEV_PROCESS_H
#define GYRE_OPS_DEV_PROCESS_H

#include "dev_region.h"

/* Is its process there, and is it the gyred that we started? */
bool dev_process_is_running(const struct dev_broker *broker);

/* "ready", "starting", "paused" or "stopped". */
const char *dev_process_state(const struct dev_broker *broker);

/* `gyred --check-config`. False: what it said was printed. */
bool dev_process_check(const struct dev *dev, const struct dev_region *region,
                       const struct dev_broker *broker);

/* `gyred format`, with the users of `dev` in it. False: the reason was printed. */
bool dev_process_format(const struct dev *dev, const struct dev_region *region,
                        const struct dev_broker *broker);

/* Start gyred in the background; its output goes to gyred.log beside its configuration. */
bool dev_process_start(const struct dev *dev, const struct dev_region *region,
                       struct dev_broker *broker);

/* Wait until it is gone. False: it was still there at the end of the time. */
bool dev_process_wait_gone(const struct dev_broker *broker, int limit_ms);

/* 200 from /readyz. `cluster_id` (64 bytes) gets the region's id where it is told; may be NULL. */
bool dev_process_is_ready(const struct dev_broker *broker, char *cluster_id);

#endif

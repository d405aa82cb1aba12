/* SPDX-License-Identifier: Apache-2.0 */
/* The disk engine that the configuration wants. Thread: the shard's own. */
#ifndef GYRE_BROKER_DISK_H
#define GYRE_BROKER_DISK_H

#include <uv.h>

#include "gyre/base/error.h"

struct broker_config;
struct disk;

/* UNSUPPORTED, after saying so in the log: it does not work here. */
MUST_USE
enum error broker_disk_open(const struct broker_config *config, uv_loop_t *uv,
                            struct disk **out_disk);

#endif

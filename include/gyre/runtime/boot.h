/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which run of the operating system this is. What was written and not synced is still there as
 * long as it stays the same, whatever became of the process.
 */
#ifndef GYRE_RUNTIME_BOOT_H
#define GYRE_RUNTIME_BOOT_H

#include <stdint.h>

/* 0: the system does not tell. Blocks. */
uint64_t boot_id_system(void);

#endif

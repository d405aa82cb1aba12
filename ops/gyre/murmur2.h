/* SPDX-License-Identifier: Apache-2.0 */
/* The hash by which Kafka's Java clients choose a key's partition. */
#ifndef GYRE_OPS_MURMUR2_H
#define GYRE_OPS_MURMUR2_H

#include <stddef.h>
#include <stdint.h>

uint32_t murmur2(const char *bytes, size_t length);

#endif

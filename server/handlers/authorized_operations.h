/* SPDX-License-Identifier: Apache-2.0 */
/* What the one who asks may do, as the bit sets of KIP-430. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_AUTHORIZED_OPERATIONS_H
#define GYRE_HANDLERS_AUTHORIZED_OPERATIONS_H

#include <stdint.h>

#include "gyre/base/bytes.h"

struct request;

/* Stands where nobody asked. */
#define AUTHORIZED_OPERATIONS_NOT_ASKED INT32_MIN

int32_t authorized_operations_of_topic(const struct request *request, struct string topic);
int32_t authorized_operations_of_group(const struct request *request, struct string group);
/* Nothing is shown to who may not describe the cluster. */
int32_t authorized_operations_of_cluster(const struct request *request);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A disk request failed for good: the process ends, and says which one and why. */
#ifndef GYRE_STORAGE_FAILURE_H
#define GYRE_STORAGE_FAILURE_H

#include "storage_state.h"

/* `what`: half a sentence for the operator. */
void storage_fail(struct storage *storage, const struct disk_request *request, const char *what);

#endif

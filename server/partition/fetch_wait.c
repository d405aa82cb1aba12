/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for something to read. The deadline is the asker's own. */
#include "partition/partition_state.h"

void partition_wait(struct partition *partition, struct partition_waiter *waiter)
{
    list_append(&partition->waiters, &waiter->link);
}

void partition_wait_cancel(struct partition_waiter *waiter)
{
    list_remove(&waiter->link);
}

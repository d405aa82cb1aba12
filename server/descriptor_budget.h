/* SPDX-License-Identifier: Apache-2.0 */
/* How the process shares out its file descriptors. */
#ifndef GYRE_DESCRIPTOR_BUDGET_H
#define GYRE_DESCRIPTOR_BUDGET_H

struct descriptor_budget {
    int connections;     /* of clients */
    int connections_max; /* that is how far they may be raised */
    int files;           /* of partitions */
};

/* Raises the process's own limit as far as it may, and divides it: connections get what they were
 * configured to, and no more than half; the files of logs get the rest. */
struct descriptor_budget descriptor_budget_make(int connections_wanted);

#endif

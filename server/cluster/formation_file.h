/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file `formation` in the data directory: how the region began, so that a founder that stops
 * before its first entry is written comes back as the founder it was. Blocks; used once at the
 * start and once at formation.
 */
#ifndef GYRE_CLUSTER_FORMATION_FILE_H
#define GYRE_CLUSTER_FORMATION_FILE_H

#include "cluster/cluster_services.h"

struct cluster_founder;

MUST_USE
enum error formation_file_write(const struct cluster_services *services, struct uuid cluster_id,
                                const struct cluster_founder *founders, int count);

/* NOT_FOUND: there is none. CORRUPT. At most CLUSTER_FOUNDERS_MAX come out. */
MUST_USE
enum error formation_file_read(const struct cluster_services *services,
                               struct cluster_founder *out_founders, int *out_count);

#endif

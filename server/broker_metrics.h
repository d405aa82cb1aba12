/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of what has a life of its own: groups, catalog, cluster, storage; written at the scrape.
 */
#ifndef GYRE_BROKER_METRICS_H
#define GYRE_BROKER_METRICS_H

#include "gyre/observe/metrics.h"

struct broker;

struct broker_metrics {
    struct metrics_collector collector;
    const struct broker *broker; /* borrowed until stopped */
};

void broker_metrics_start(struct broker_metrics *metrics, const struct broker *broker);
void broker_metrics_stop(struct broker_metrics *metrics);

#endif

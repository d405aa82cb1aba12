/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Producer ids are handed out from blocks that the catalog gives to brokers, so that most requests
 * are answered at once and no id is given twice. The catalog puts the region's index into them.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_SERVER_PARTITION_PRODUCER_IDS_H
#define GYRE_SERVER_PARTITION_PRODUCER_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/list.h"
#include "gyre/wire/kafka_error.h"

struct catalog;
struct producer_ids;

/* The catalog is borrowed and is freed first: it ends what was submitted. */
struct producer_ids *producer_ids_new(struct catalog *catalog);
void producer_ids_free(struct producer_ids *ids);

struct producer_id_wait {
    struct list link;
    enum kafka_error error; /* out: NONE, or COORDINATOR_LOAD_IN_PROGRESS, which clients retry */
    int64_t producer_id;    /* out */
    void (*done)(struct producer_id_wait *wait);
};

/* True: the id is there now and done() will not be called. */
bool producer_ids_take(struct producer_ids *ids, struct producer_id_wait *wait);

#endif

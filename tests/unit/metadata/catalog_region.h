/* SPDX-License-Identifier: Apache-2.0 */
/* Three brokers with nothing but a catalog, over fake links, a fake clock and storage in memory. */
#ifndef GYRE_TESTS_UNIT_METADATA_CATALOG_REGION_H
#define GYRE_TESTS_UNIT_METADATA_CATALOG_REGION_H

#include "gyre/base/random.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

#include "metadata/catalog_open.h"
#include "support/fake_clock.h"
#include "support/fake_links.h"
#include "support/memory_storage.h"

enum { REGION_NODES = 3 };

struct region;
struct region_node {
    struct region *region;
    int32_t id;
    bool is_running;
    bool is_woken;
    uint64_t next_us;
    struct loop loop;
    struct work_pool pool;
    struct links *links;
    struct rpc *rpc;
    struct memory_disk *disk;
    struct storage *storage;
    struct consensus *consensus;
    struct catalog_store *store; /* survives a crash; NULL: none */
    struct catalog *catalog;
    struct catalog_listener listener;
    int topics_created;
    int topics_when_loaded; /* -1: not loaded yet */
};

struct region {
    struct fake_clock clock;
    struct random random;
    struct fake_network *network;
    struct consensus_options options;
    struct region_node nodes[REGION_NODES];
};

/* How one submission ended. */
struct region_answer {
    struct region_node *node;
    int count; /* of calls; must become 1 */
    enum error error;
    enum kafka_error kafka_error;
    uint64_t index;
    uint64_t asked_us;
    uint64_t took_us;
    bool was_everywhere; /* all running brokers had applied it when the answer came */
};

struct region *region_new(uint64_t seed, bool has_stores);
void region_free(struct region *region);
void region_start(struct region *region, int node);
void region_crash(struct region *region, int node);
void region_run(struct region *region, uint64_t microseconds);
/* Until the catalog has a leader that everybody running knows; its number. */
int region_settle(struct region *region);
/* Takes `command`. */
void region_submit(struct region_node *node, struct buffer *command, struct region_answer *answer);
/* Runs until it is answered, at most a minute. */
void region_await(struct region *region, const struct region_answer *answer);
void region_register_all(struct region *region);

#endif

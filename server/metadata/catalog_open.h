/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog from birth to death: for main, cluster and the simulator. Thread: the shard's own. */
#ifndef GYRE_METADATA_CATALOG_OPEN_H
#define GYRE_METADATA_CATALOG_OPEN_H

#include "gyre/metadata/catalog.h"

struct broker_config;
struct catalog_store;
struct loop;
struct rpc;
struct work_pool;

/* All borrowed for the catalog's life. */
struct catalog_services {
    struct loop *loop;
    struct storage *storage;
    struct consensus *consensus;
    struct rpc *rpc;
    struct work_pool *pool;
    struct catalog_store *store; /* NULL: everything comes from Raft at each start */
    const struct broker_config *config;
    int32_t node_id;
    /* An encoded CatalogSetScram: users that the region begins with, if this broker forms it. NULL:
     * none. */
    const struct buffer *first_credentials;
    /* By chance, CATALOG_SECRET_BYTES: the region's, if this broker leads before it has one. NULL:
     * none. */
    const char *secret;
};

/* Reads what the store holds (blocks, before the loop runs) and answers the other brokers' calls
 * from now on. Listeners are added before catalog_open(). */
struct catalog *catalog_new(const struct catalog_services *services);

/* Open its Raft group; `members` as for consensus_open_group(). What the store held is announced to
 * the listeners from the loop, before anything that Raft tells. */
MUST_USE
enum error catalog_open(struct catalog *catalog, const struct consensus_member *members, int count);

/* Submissions end with CANCELLED. Closes the group. The store is the caller's; it is closed when
 * the pool has finished what it was given. */
void catalog_free(struct catalog *catalog);

/* NULL until it is open. For membership and DescribeQuorum. */
struct consensus_group *catalog_group(const struct catalog *catalog);

#endif

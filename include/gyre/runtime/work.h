/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking or long work leaves the loop through a small bounded pool: LMDB commits, compression,
 * key derivation. run() is called on a pool thread and touches only its own struct; done() is
 * called on the loop afterwards. The simulator runs both in order on its one thread.
 */
#ifndef GYRE_RUNTIME_WORK_H
#define GYRE_RUNTIME_WORK_H

struct work {
    void (*run)(struct work *work);  /* pool thread */
    void (*done)(struct work *work); /* the loop */
    struct work *next;               /* the pool's, between submit and done */
};

struct work_pool;
struct work_pool_operations {
    void (*submit)(struct work_pool *pool, struct work *work);
};

/* The first member of every pool. */
struct work_pool {
    const struct work_pool_operations *operations;
};

/* Thread: the loop's own. */
static inline void work_submit(struct work_pool *pool, struct work *work)
{
    pool->operations->submit(pool, work);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All replicas of a shard: finding them, finishing their operations outside of the call that
 * started them, one timer for all deadlines and one for upkeep.
 */
#include <stdlib.h>

#include "gyre/base/check.h"

#include "partition/partition_state.h"

enum {
    SWEEP_US = 50 * 1000,
    UPKEEP_US = 30 * 1000 * 1000,
    RETENTION_CHECK_DEFAULT_US = 5 * 60 * 1000 * 1000,
    EXPIRY_CHECK_US = 10 * 60 * 1000 * 1000,
};

/* ---- finished operations ---- */

static void run_complete(struct task *task)
{
    struct partition_table *table = CONTAINER_OF(task, struct partition_table, complete);

    while (!list_is_empty(&table->completed_appends)) {
        struct partition_append *append =
            list_first(&table->completed_appends, struct partition_append, link);

        list_remove(&append->link);
        append->done(append);
    }
    while (!list_is_empty(&table->completed_truncates)) {
        struct partition_truncate *truncate =
            list_first(&table->completed_truncates, struct partition_truncate, link);

        list_remove(&truncate->link);
        truncate->done(truncate);
    }
}

void partition_table_complete_append(struct partition_table *table, struct partition_append *append,
                                     enum kafka_error error)
{
    append->error = error;
    list_append(&table->completed_appends, &append->link);
    loop_defer(table->services.loop, &table->complete);
}

void partition_table_complete_truncate(struct partition_table *table,
                                       struct partition_truncate *truncate, enum kafka_error error)
{
    truncate->error = error;
    list_append(&table->completed_truncates, &truncate->link);
    loop_defer(table->services.loop, &table->complete);
}

/* ---- batches on their way ---- */

struct inflight_batch *partition_table_take_batch(struct partition_table *table)
{
    struct inflight_batch *batch;

    if (list_is_empty(&table->spare_batches)) {
        return check_alloc_zero(sizeof *batch);
    }
    batch = list_first(&table->spare_batches, struct inflight_batch, link);
    list_remove(&batch->link);
    table->spare_count--;
    *batch = (struct inflight_batch){0};
    return batch;
}

void partition_table_return_batch(struct partition_table *table, struct inflight_batch *batch)
{
    if (table->spare_count == PARTITION_SPARE_BATCHES_MAX) {
        free(batch);
        return;
    }
    list_prepend(&table->spare_batches, &batch->link); /* the newest is in the cache */
    table->spare_count++;
}

static void free_spare_batches(struct partition_table *table)
{
    list_for_each_safe(link, &table->spare_batches) {
        list_remove(link);
        free(list_entry(link, struct inflight_batch, link));
    }
}

/* ---- waiters ---- */

/* A waiter may cancel itself or any other from changed(), or close the partition. */
static void wake_all(struct list *waiters, const struct partition *partition)
{
    struct list waking;

    list_init(&waking);
    list_append_all(&waking, waiters);
    while (!list_is_empty(&waking)) {
        struct partition_waiter *waiter = list_first(&waking, struct partition_waiter, link);

        list_remove(&waiter->link);
        if (partition != NULL && !partition->is_closed) {
            list_append(waiters, &waiter->link);
        }
        waiter->changed(waiter);
    }
}

static void run_wake(struct task *task)
{
    struct partition_table *table = CONTAINER_OF(task, struct partition_table, wake);

    wake_all(&table->orphans, NULL);
    while (!list_is_empty(&table->changed)) {
        struct partition *partition = list_first(&table->changed, struct partition, changed);

        list_remove(&partition->changed);
        partition->open_reads++; /* stays while we use its list */
        wake_all(&partition->waiters, partition);
        partition_after_read(partition);
    }
}

void partition_table_mark_changed(struct partition *partition)
{
    if (list_is_empty(&partition->waiters) || !list_is_alone(&partition->changed)) {
        return;
    }
    list_append(&partition->table->changed, &partition->changed);
    loop_defer(partition->table->services.loop, &partition->table->wake);
}

/* ---- deadlines ---- */

static bool is_busy(const struct partition *partition)
{
    return partition->pending_count > 0 || !list_is_empty(&partition->truncates);
}

static void run_sweep(struct timer *timer)
{
    struct partition_table *table = CONTAINER_OF(timer, struct partition_table, sweep);
    uint64_t now_us = loop_now_us(table->services.loop);

    list_for_each_safe(link, &table->busy) {
        struct partition *partition = list_entry(link, struct partition, busy);

        append_submit(partition); /* what a transfer of leadership held up that came to nothing */
        append_expire(partition, now_us);
        log_start_expire(partition, now_us);
        if (!is_busy(partition)) {
            list_remove(&partition->busy);
        }
    }
    if (!list_is_empty(&table->busy)) {
        timer_start(table->services.loop, &table->sweep, SWEEP_US);
    }
}

void partition_table_mark_busy(struct partition *partition)
{
    struct partition_table *table = partition->table;

    if (list_is_alone(&partition->busy)) {
        list_append(&table->busy, &partition->busy);
    }
    if (!timer_is_running(&table->sweep)) {
        timer_start(table->services.loop, &table->sweep, SWEEP_US);
    }
}

/* ---- upkeep ---- */

static bool is_due(uint64_t *due_us, uint64_t now_us, uint64_t interval_us)
{
    if (now_us < *due_us) {
        return false;
    }
    *due_us = now_us + interval_us;
    return true;
}

static uint64_t retention_interval_us(const struct partition_table *table)
{
    uint64_t interval_us = table->services.retention_check_us;

    return interval_us == 0 ? RETENTION_CHECK_DEFAULT_US : interval_us;
}

static uint64_t upkeep_interval_us(const struct partition_table *table)
{
    uint64_t interval_us = retention_interval_us(table);

    return interval_us < UPKEEP_US ? interval_us : UPKEEP_US;
}

static void run_upkeep(struct timer *timer)
{
    struct partition_table *table = CONTAINER_OF(timer, struct partition_table, upkeep);
    struct loop *loop = table->services.loop;
    uint64_t now_us = loop_now_us(loop);
    int64_t now_ms = clock_wall_ms(loop->clock);
    bool checks_retention = is_due(&table->retention_due_us, now_us, retention_interval_us(table));
    bool checks_producers = is_due(&table->expiry_due_us, now_us, EXPIRY_CHECK_US);

    map_for_each(link, &table->by_group) {
        struct partition *partition = CONTAINER_OF(link, struct partition, by_group);

        if (partition->needs_snapshot && !partition->is_failed) {
            partition->needs_snapshot = false;
            consensus_snapshot(partition->consensus, NULL, NULL);
        }
        if (checks_retention) {
            partition_apply_retention(partition, now_ms);
        }
        if (checks_producers) {
            log_start_expire_producers(partition, now_ms);
        }
    }
    timer_start(loop, timer, upkeep_interval_us(table));
}

/* ---- life ---- */

struct partition_table *partition_table_new(const struct partition_services *services)
{
    struct partition_table *table = check_alloc_zero(sizeof *table);
    uint64_t now_us = loop_now_us(services->loop);

    table->services = *services;
    map_init(&table->by_group);
    list_init(&table->listeners);
    list_init(&table->completed_appends);
    list_init(&table->completed_truncates);
    list_init(&table->changed);
    list_init(&table->orphans);
    list_init(&table->busy);
    list_init(&table->closing);
    list_init(&table->spare_batches);
    task_init(&table->complete, run_complete);
    task_init(&table->wake, run_wake);
    timer_init(&table->sweep, run_sweep);
    timer_init(&table->upkeep, run_upkeep);
    table->retention_due_us = now_us + retention_interval_us(table);
    table->expiry_due_us = now_us + EXPIRY_CHECK_US;
    timer_start(services->loop, &table->upkeep, upkeep_interval_us(table));
    return table;
}

static void close_all(struct partition_table *table)
{
    map_for_each_safe(link, &table->by_group) {
        partition_close(CONTAINER_OF(link, struct partition, by_group), false);
    }
}

static void stop(struct partition_table *table)
{
    task_cancel(&table->complete);
    task_cancel(&table->wake);
    timer_stop(table->services.loop, &table->sweep);
    timer_stop(table->services.loop, &table->upkeep);
    map_release(&table->by_group);
    free_spare_batches(table);
    free(table);
}

void partition_table_set_producer_expiration(struct partition_table *table, int64_t expiration_ms)
{
    table->services.producer_expiration_ms = expiration_ms;
}

void partition_table_free(struct partition_table *table)
{
    if (table == NULL) {
        return;
    }
    close_all(table);
    run_complete(&table->complete);
    run_wake(&table->wake);
    while (!list_is_empty(&table->closing)) {
        list_remove(table->closing.next); /* freed when storage has answered */
    }
    stop(table);
}

void partition_table_abandon(struct partition_table *table)
{
    close_all(table);
    while (!list_is_empty(&table->closing)) {
        partition_free(list_first(&table->closing, struct partition, busy));
    }
    stop(table);
}

void partition_table_add_listener(struct partition_table *table,
                                  struct partition_listener *listener)
{
    list_append(&table->listeners, &listener->link);
}

struct partition *partition_find(const struct partition_table *table, struct group_id group)
{
    map_for_each_match(link, &table->by_group, group_id_hash(group)) {
        struct partition *partition = CONTAINER_OF(link, struct partition, by_group);

        if (group_id_equal(partition->group, group)) {
            return partition;
        }
    }
    return NULL;
}

void partition_for_each(struct partition_table *table,
                        void (*visit)(void *context, struct partition *partition), void *context)
{
    map_for_each_safe(link, &table->by_group) {
        visit(context, CONTAINER_OF(link, struct partition, by_group));
    }
}

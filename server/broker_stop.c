/* SPDX-License-Identifier: Apache-2.0 */
/* Each step begins when the one before has ended: read from the end of the file. */
#include "broker_stop.h"

#include "gyre/audit/audit.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/partition/partition.h"
#include "gyre/raft/consensus.h"
#include "gyre/runtime/directory_lock.h"
#include "gyre/runtime/disk_engine.h"
#include "gyre/runtime/links_uv.h"
#include "gyre/runtime/rpc.h"
#include "gyre/runtime/work_uv.h"
#include "gyre/storage/storage.h"

#include "broker_parts.h"
#include "cluster/cluster_services.h"
#include "coordinator/group_coordinator.h"
#include "handlers/audit_topic.h"
#include "handlers/authorization.h"
#include "handlers/delegation_tokens.h"
#include "handlers/fetch_session.h"
#include "handlers/quotas.h"
#include "handlers/token_index.h"
#include "metadata/catalog_open.h"
#include "metadata/catalog_store.h"
#include "network/admin_http.h"
#include "network/network.h"
#include "partition/producer_ids.h"

static const uint64_t DRAIN_LIMIT_US = 30 * 1000 * 1000;

/* The loop turns no more: whoever would still submit work, as the audit does for each block, has no
 * turn to do it in. What the audit has left is written when uv's loop has ended. */
static void on_last_work_done(void *context)
{
    struct broker_process *process = context;

    disk_engine_free(process->disk);
    work_uv_free(process->pool);
    work_uv_free(process->spare_pool);
    loop_uv_stop(&process->driver);
    log_info(LOG_MAIN, "stopped");
}

static void on_spare_work_done(void *context)
{
    struct broker_process *process = context;

    work_uv_when_idle(process->pool, on_last_work_done, process);
}

static void on_tls_closed(void *context)
{
    struct broker_process *process = context;

    work_uv_when_idle(process->spare_pool, on_spare_work_done, process);
}

static void on_links_closed(void *context)
{
    struct broker_process *process = context;

    broker_tls_close(&process->tls, on_tls_closed, process);
}

static void on_storage_closed(void *context)
{
    struct broker_process *process = context;

    rpc_free(process->rpc);
    links_uv_close(process->links, on_links_closed, process);
}

/* Writing the catalog's rows, checking a batch: nobody waited for it, and it needs the storage. */
static void on_given_up_work_done(void *context)
{
    struct broker_process *process = context;

    storage_close(process->storage, on_storage_closed, process);
}

static void on_network_closed(void *context)
{
    struct broker_process *process = context;

    memory_return_stop(&process->memory_return);
    broker_metrics_stop(&process->broker_metrics);
    broker_dynamic_stop(&process->dynamic);
    broker_authentication_stop(&process->authentication);
    rpc_stop_serving(process->rpc);         /* the links stay up until storage is closed */
    audit_topic_stop(process->audit_topic); /* lines come until the loop's last turn */
    cluster_stop(process->cluster);
    partition_table_free(process->partitions);
    group_coordinator_free(process->groups);
    authorization_free(process->authorization);
    delegation_tokens_stop_sweep(process->token_sweep);
    token_index_free(process->tokens);
    quotas_free(process->quotas);
    catalog_free(process->catalog);
    first_credentials_release(&process->first_credentials);
    producer_ids_free(process->producer_ids);
    fetch_sessions_free(process->fetch_sessions);
    consensus_free(process->consensus);
    work_uv_when_idle(process->pool, on_given_up_work_done, process);
}

static void on_admin_closed(void *context)
{
    struct broker_process *process = context;

    network_close(process->network, on_network_closed, process);
}

static void on_drained(void *context)
{
    struct broker_process *process = context;

    group_coordinator_stop(process->groups); /* parked requests would keep connections open */
    if (process->admin != NULL) {
        admin_http_close(process->admin, on_admin_closed, process);
    } else {
        on_admin_closed(process);
    }
}

/* Later, as drained() is called: it may be the cluster that asked for the end. */
static void on_undrained(struct task *task)
{
    on_drained(CONTAINER_OF(task, struct broker_process, undrained));
}

void broker_stop_begin(struct broker_process *process)
{
    if (process->is_stopping) {
        return;
    }
    process->is_stopping = true;
    process->broker.is_stopping = true;
    uv_close((uv_handle_t *)&process->terminate, NULL);
    uv_close((uv_handle_t *)&process->interrupt, NULL);
    broker_tls_stop(&process->tls);
    log_info(LOG_MAIN, "stopping");
    if (process->consensus != NULL) {
        consensus_prepare_stop(process->consensus);
    }
    if (process->cluster == NULL) {
        on_drained(process);
        return;
    }
    if (!process->config->controlled_shutdown_enable) {
        task_init(&process->undrained, on_undrained);
        loop_defer(&process->loop, &process->undrained);
        return;
    }
    cluster_drain(process->cluster, DRAIN_LIMIT_US, on_drained, process);
}

void broker_stop_finish(struct broker_process *process)
{
    broker_authentication_free(&process->authentication);
    audit_free(process->audit);
    audit_topic_free(process->audit_topic);
    catalog_store_close(process->store); /* the pool may have been writing until here */
    metrics_free(process->metrics);
    loop_release(&process->loop);
    (void)uv_loop_close(&process->uv);
    directory_lock_release(process->lock_fd);
}

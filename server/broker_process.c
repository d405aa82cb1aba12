/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Construction goes from the ground up, and each step knows only what stands already:
 *
 *     loop -> disk, pool -> storage -> links, calls -> consensus -> catalog, partitions
 *          -> listeners -> cluster
 *
 * SIGTERM: broker_stop.c.
 */
#include "broker_process.h"

#include <limits.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/map.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/boot.h"
#include "gyre/runtime/directory_lock.h"
#include "gyre/runtime/links_uv.h"
#include "gyre/runtime/rpc.h"
#include "gyre/runtime/work_uv.h"
#include "gyre/storage/storage.h"

#include "broker_admin.h"
#include "broker_audit.h"
#include "broker_disk.h"
#include "broker_links.h"
#include "broker_parts.h"
#include "broker_stop.h"
#include "cluster/cluster_services.h"
#include "coordinator/group_coordinator.h"
#include "format_command.h"
#include "handlers/audit_topic.h"
#include "handlers/authorization.h"
#include "handlers/delegation_tokens.h"
#include "handlers/dispatch.h"
#include "handlers/fetch_session.h"
#include "handlers/forward.h"
#include "handlers/quotas.h"
#include "handlers/token_index.h"
#include "metadata/catalog_open.h"
#include "metadata/catalog_store.h"
#include "network/network.h"
#include "partition/producer_ids.h"

enum { MESSAGE_BYTES = 256, POOL_THREADS = 4 };

/* ---- the ground: loop, disk, storage ---- */

static void start_ground(struct broker_process *process)
{
    process->descriptors = descriptor_budget_make(process->config->max_connections);
    random_seed_from_system(&process->random);
    hash_set_seed(random_u64(&process->random));
    CHECK(RAND_bytes((unsigned char *)process->region_secret, CATALOG_SECRET_BYTES) == 1);
    process->incarnation = random_u64(&process->random) >> 1; /* kept in signed fields */
    CHECK(uv_loop_init(&process->uv) == 0);
    loop_init(&process->loop, clock_system());
    loop_uv_start(&process->driver, &process->uv, &process->loop);
    process->pool = work_uv_new(&process->uv, POOL_THREADS);
    process->spare_pool = work_uv_new_spare(&process->uv);
    process->metrics = metrics_new();
    log_info(LOG_MAIN, "starting", field_string("version", GYRE_VERSION),
             field_i64("node_id", process->config->node_id));
}

static void start_tls(struct broker_process *process)
{
    const struct tls_source_services services = {
        .loop = &process->loop, .pool = process->pool, .metrics = process->metrics};

    broker_tls_start(&process->tls, &services, process->config, &process->uv);
}

/* Before anything in it is read: recovery cuts and recycles what a living broker still writes. */
static enum error lock_directory(struct broker_process *process)
{
    const char *directory = data_directory(process->config);
    enum error error = directory_lock_take(directory, &process->lock_fd);

    if (error == ERROR_BUSY) {
        log_error(LOG_MAIN, "another process uses the data directory",
                  field_string("directory", directory),
                  field_string("do", "stop that gyred first, or point log.dirs elsewhere"));
    }
    return error;
}

/* What gyre.cluster.id says of a directory that is of a region already. */
static enum error check_cluster_id(const struct broker_process *process)
{
    struct uuid its = storage_identity(process->storage)->cluster_id;
    struct uuid wanted;
    char text[UUID_TEXT_LENGTH + 1];

    if (uuid_is_zero(its) || !config_cluster_id(process->config, &wanted) ||
        uuid_equal(its, wanted)) {
        return ERROR_NONE;
    }
    uuid_format(its, text);
    log_error(LOG_MAIN, "the data directory belongs to another region",
              field_string("its_cluster_id", text),
              field_text("gyre.cluster.id", process->config->gyre_cluster_id),
              field_string("do", "correct gyre.cluster.id, or point log.dirs elsewhere"));
    return ERROR_STATE;
}

static enum error open_storage(struct broker_process *process)
{
    const struct broker_config *config = process->config;
    struct storage_options options = {
        .directory = data_directory(config),
        .journal_file_bytes = config->gyre_journal_file_bytes,
        .journal_file_count = config->gyre_journal_file_count,
        .cache_bytes_max = (size_t)config->gyre_cache_bytes,
        .reserved_bytes = config->gyre_disk_reserved_bytes,
        .open_files_max = process->descriptors.files,
        .memory_sync_us = (uint64_t)config->gyre_memory_sync_ms * 1000,
        .boot_id = boot_id_system(),
    };
    char message[MESSAGE_BYTES] = "";
    enum error error;

    error = format_directory(config, process->disk, NULL);
    if (error == ERROR_NONE || error == ERROR_EXISTS) {
        error = lock_directory(process);
        if (error == ERROR_BUSY) {
            return error; /* the log says why */
        }
    }
    if (error == ERROR_NONE) {
        error = storage_open(&process->loop, process->disk, &options, message, &process->storage);
    }
    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "the data directory cannot be opened", field_error(error),
                  field_string("directory", options.directory), field_string("reason", message));
        return error;
    }
    if (storage_identity(process->storage)->node_id != config->node_id) {
        log_error(LOG_MAIN, "the data directory belongs to another node id",
                  field_i64("its_node_id", storage_identity(process->storage)->node_id),
                  field_i64("node_id", config->node_id),
                  field_string("do", "set node.id to its node id, or point log.dirs elsewhere"));
        return ERROR_STATE;
    }
    return check_cluster_id(process);
}

/* ---- between brokers ---- */

/* A broker that was never in its region since the start would wait for it in vain. One that is in
 * goes on, whatever a seed has become meanwhile. */
static void on_seed_is_foreign(void *context, struct uuid ours, struct uuid theirs)
{
    struct broker_process *process = context;
    char our_text[UUID_TEXT_LENGTH + 1];
    char their_text[UUID_TEXT_LENGTH + 1];

    if (process->is_stopping) {
        return;
    }
    uuid_format(ours, our_text);
    uuid_format(theirs, their_text);
    log_error(LOG_MAIN, "a seed is of another region", field_string("its_cluster_id", their_text),
              field_string("cluster_id", our_text),
              field_string("do", "correct gyre.seed.servers, or point log.dirs to an empty "
                                 "directory to join that region"));
    if (catalog_is_stale(process->catalog, UINT64_MAX)) {
        process->status = EXIT_FAILURE;
        broker_stop_begin(process);
    }
}

static enum error open_links(struct broker_process *process)
{
    const struct broker_links_services services = {
        .config = process->config,
        .uv = &process->uv,
        .loop = &process->loop,
        .admission = &process->admission,
        .tls = &process->tls,
        .incarnation = process->incarnation,
    };
    enum error error;

    process->admission = (struct broker_admission){
        .storage = process->storage, .seed_is_foreign = on_seed_is_foreign, .context = process};
    error = broker_links_open(&services, &process->links, &process->rpc_port);
    if (error == ERROR_NONE) {
        process->rpc = rpc_new(&process->loop, process->links);
    }
    return error;
}

static void start_consensus(struct broker_process *process)
{
    const struct broker_config *config = process->config;
    struct consensus_options options = {
        .tick_us = 500 * 1000,
        .election_timeout_us = (uint64_t)config->gyre_election_timeout_ms * 1000,
        .shard_heartbeat_us = 100 * 1000,
        .peer_timeout_us = (uint64_t)config->gyre_peer_timeout_ms * 1000,
        .inflight_entries_max = 1024,
        .inflight_bytes_max = 16 * 1024 * 1024,
        .snapshot_entries = 10000,
        .sleep_when_idle = true,
    };

    process->consensus = consensus_new(&process->loop, process->storage, process->links,
                                       process->rpc, &process->random, &options);
}

/* ---- what a region knows, and what this broker holds ---- */

static enum error open_catalog(struct broker_process *process)
{
    char path[PATH_MAX];
    struct catalog_services services = {
        .loop = &process->loop,
        .storage = process->storage,
        .consensus = process->consensus,
        .rpc = process->rpc,
        .pool = process->pool,
        .config = process->config,
        .node_id = process->config->node_id,
    };
    enum error error;

    error = first_credentials_load(&process->first_credentials, data_directory(process->config),
                                   process->disk);
    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "the first credentials cannot be read", field_error(error),
                  field_string("path", process->first_credentials.path));
        return error;
    }
    services.first_credentials = process->first_credentials.command;
    services.secret = process->region_secret;
    (void)snprintf(path, sizeof path, "%s/catalog", data_directory(process->config));
    error = catalog_store_open(path, &process->store);
    if (error != ERROR_NONE) {
        log_error(LOG_MAIN, "the catalog's store cannot be opened", field_string("path", path),
                  field_error(error));
        return error;
    }
    services.store = process->store;
    process->catalog = catalog_new(&services);
    first_credentials_watch(&process->first_credentials, process->catalog);
    return ERROR_NONE;
}

static void start_partitions(struct broker_process *process)
{
    struct partition_services services = {
        .loop = &process->loop,
        .storage = process->storage,
        .consensus = process->consensus,
        .pool = process->pool,
        .node_id = process->config->node_id,
        .retention_check_us = (uint64_t)process->config->log_retention_check_interval_ms * 1000,
        .producer_expiration_ms = process->config->producer_id_expiration_ms,
    };

    process->partitions = partition_table_new(&services);
}

static void start_groups(struct broker_process *process)
{
    struct group_coordinator_services services = {
        .loop = &process->loop,
        .random = &process->random,
        .catalog = process->catalog,
        .partitions = process->partitions,
        .config = process->config,
    };

    process->groups = group_coordinator_new(&services);
}

/* ---- clients ---- */

static void fill_broker(struct broker_process *process)
{
    process->producer_ids = producer_ids_new(process->catalog);
    process->fetch_sessions =
        fetch_sessions_new(&process->loop, &process->random,
                           process->config->max_incremental_fetch_session_cache_slots);
    process->audit = broker_audit_new(process->config, &process->broker, &process->loop,
                                      process->pool, process->metrics, &process->audit_topic);
    process->quotas = quotas_new(&process->loop, process->catalog, process->config);
    process->tokens = token_index_new(process->catalog, process->config);
    process->authorization =
        authorization_new(process->config, process->catalog, process->incarnation);
    process->broker = (struct broker){
        .node_id = process->config->node_id,
        .cluster_id = storage_identity(process->storage)->cluster_id,
        .loop = &process->loop,
        .random = &process->random,
        .pool = process->pool,
        .spare_pool = process->spare_pool,
        .disk = process->disk,
        .config = process->config,
        .catalog_silence_us_max = (uint64_t)process->config->gyre_catalog_staleness_max_ms * 1000,
        .metrics = process->metrics,
        .storage = process->storage,
        .rpc = process->rpc,
        .consensus = process->consensus,
        .catalog = process->catalog,
        .partitions = process->partitions,
        .groups = process->groups,
        .producer_ids = process->producer_ids,
        .fetch_sessions = process->fetch_sessions,
        .audit = process->audit,
        .authorization = process->authorization,
        .quotas = process->quotas,
    };
    broker_audit_name_region(process->audit, process->broker.cluster_id);
    process->broker.tokens = process->tokens;
    process->token_sweep = delegation_tokens_start_sweep(&process->broker);
    forward_serve(&process->broker);
    audit_topic_serve(&process->broker);
}

static enum error open_listeners(struct broker_process *process)
{
    const struct broker_config *config = process->config;
    struct network_options options;
    enum error error;
    char message[MESSAGE_BYTES] = "";

    network_options_init(&options, config);
    options.uv = &process->uv;
    options.loop = &process->loop;
    options.broker = &process->broker;
    options.table = dispatch_table();
    options.metrics = process->metrics;
    error = broker_authentication_start(&process->authentication, &process->broker, &options);
    process->network = process->authentication.network;
    for (int i = 0; error == ERROR_NONE && i < config->kafka_listener_count; i++) {
        const struct config_listener *listener = &config->kafka_listeners[i];
        const struct network_tls *tls = NULL;
        uint16_t port = 0;

        error = broker_tls_open_listener(&process->tls, i, &tls);
        if (error != ERROR_NONE) {
            return error; /* the log says why */
        }
        error = network_listen(process->network, listener, tls, message, &port);
        if (error != ERROR_NONE) {
            log_error(LOG_MAIN, "cannot listen for clients",
                      field_string("listener", listener->name), field_string("reason", message));
        }
        process->endpoints[i] = (struct catalog_endpoint){
            .name = string_from(listener->name),
            .host = string_from(listener->advertised.host),
            .port = listener->advertised.port != 0 ? listener->advertised.port : port,
            .security_protocol = (int16_t)listener->security_protocol,
        };
    }
    if (error == ERROR_NONE) {
        broker_dynamic_start(&process->dynamic, &process->broker, process->network, &process->tls,
                             process->descriptors.connections_max);
    }
    return error;
}

/* ---- the region ---- */

static void on_cluster_id_known(void *context, struct uuid cluster_id)
{
    struct broker_process *process = context;

    process->broker.cluster_id = cluster_id;
    broker_audit_name_region(process->audit, cluster_id);
    links_uv_set_cluster_id(process->links, cluster_id);
}

static void on_refused(void *context, const char *sentence)
{
    struct broker_process *process = context;

    log_error(LOG_MAIN, sentence);
    process->status = EXIT_FAILURE;
    broker_stop_begin(process);
}

static enum error start_cluster(struct broker_process *process)
{
    const struct broker_config *config = process->config;
    struct cluster_services services = {
        .loop = &process->loop,
        .random = &process->random,
        .disk = process->disk,
        .links = process->links,
        .rpc = process->rpc,
        .storage = process->storage,
        .consensus = process->consensus,
        .catalog = process->catalog,
        .partitions = process->partitions,
        .config = config,
        .directory = data_directory(config),
        .node_id = config->node_id,
        .incarnation = process->incarnation,
        .rpc_host = config->rpc_advertised.host,
        .rpc_port =
            config->rpc_advertised.port != 0 ? config->rpc_advertised.port : process->rpc_port,
        .endpoints = process->endpoints,
        .endpoint_count = config->kafka_listener_count,
    };
    struct cluster_events events = {
        .cluster_id_known = on_cluster_id_known, .refused = on_refused, .context = process};

    return cluster_start(&services, &events, &process->cluster);
}

/* ---- the whole ---- */

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    broker_stop_begin(signal->data);
}

static void watch_signals(struct broker_process *process)
{
    (void)signal(SIGPIPE, SIG_IGN);
    CHECK(uv_signal_init(&process->uv, &process->terminate) == 0);
    CHECK(uv_signal_init(&process->uv, &process->interrupt) == 0);
    process->terminate.data = process;
    process->interrupt.data = process;
    CHECK(uv_signal_start(&process->terminate, on_signal, SIGTERM) == 0);
    CHECK(uv_signal_start(&process->interrupt, on_signal, SIGINT) == 0);
}

/* A broker that cannot start holds nothing that a process's end does not give back. */
static enum error start(struct broker_process *process)
{
    enum error error;

    start_ground(process);
    start_tls(process);
    error = broker_disk_open(process->config, &process->uv, &process->disk);
    if (error == ERROR_NONE) {
        error = open_storage(process);
    }
    if (error == ERROR_NONE) {
        error = open_links(process);
    }
    if (error == ERROR_NONE) {
        start_consensus(process);
        error = open_catalog(process);
    }
    if (error != ERROR_NONE) {
        return error;
    }
    start_partitions(process);
    start_groups(process);
    fill_broker(process);
    error = open_listeners(process);
    if (error == ERROR_NONE) {
        error = broker_admin_open(&process->uv, &process->broker, &process->tls, &process->admin);
    }
    if (error == ERROR_NONE) {
        error = start_cluster(process);
        process->broker.cluster = process->cluster;
    }
    if (error == ERROR_NONE) {
        broker_metrics_start(&process->broker_metrics, &process->broker);
        memory_return_start(&process->memory_return, &process->uv);
        watch_signals(process);
    }
    return error;
}

int broker_process_run(const struct broker_config *config)
{
    struct broker_process *process = check_alloc_zero(sizeof *process);
    int status;

    process->config = config;
    if (start(process) != ERROR_NONE) {
        return EXIT_FAILURE;
    }
    (void)uv_run(&process->uv, UV_RUN_DEFAULT);
    broker_stop_finish(process);
    status = process->status;
    free(process);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers that look at the catalog or change it: one file each. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_ADMIN_HANDLERS_H
#define GYRE_HANDLERS_ADMIN_HANDLERS_H

struct request;

/* ---- look ---- */
void metadata_handle(struct request *request);
void describe_topic_partitions_handle(struct request *request);
void describe_cluster_handle(struct request *request);
void describe_configs_handle(struct request *request);
void describe_log_dirs_handle(struct request *request);
void describe_quorum_handle(struct request *request);
void list_config_resources_handle(struct request *request);
void list_partition_reassignments_handle(struct request *request);

/* ---- change ---- */
void create_topics_handle(struct request *request);
void delete_topics_handle(struct request *request);
void create_partitions_handle(struct request *request);
void alter_configs_handle(struct request *request);
void incremental_alter_configs_handle(struct request *request);
void alter_partition_reassignments_handle(struct request *request);
void elect_leaders_handle(struct request *request);
void unregister_broker_handle(struct request *request);

#endif

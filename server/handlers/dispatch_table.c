/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's own table, in a file of its own: tests that bring a table do not link every handler.
 * One line an API, by key. A line appears when the handler is whole: an absent key is better than a
 * wrong answer.
 */
#include "handlers/admin_handlers.h"
#include "handlers/api_versions.h"
#include "handlers/delete_records.h"
#include "handlers/dispatch.h"
#include "handlers/fetch.h"
#include "handlers/group_handlers.h"
#include "handlers/init_producer_id.h"
#include "handlers/list_offsets.h"
#include "handlers/offset_for_leader_epoch.h"
#include "handlers/produce.h"
#include "handlers/sasl_handlers.h"
#include "handlers/security_handlers.h"
#include "handlers/stream_handlers.h"
#include "wire_messages/api_keys.h"

static const struct handler broker_handlers[] = {
    {API_PRODUCE, produce_handle, HANDLER_PIPELINED},
    {API_FETCH, fetch_handle, 0},
    {API_LIST_OFFSETS, list_offsets_handle, 0},
    {API_METADATA, metadata_handle, 0},
    {API_OFFSET_COMMIT, offset_commit_handle, 0},
    {API_OFFSET_FETCH, offset_fetch_handle, 0},
    {API_FIND_COORDINATOR, find_coordinator_handle, 0},
    {API_JOIN_GROUP, join_group_handle, 0},
    {API_HEARTBEAT, heartbeat_handle, 0},
    {API_LEAVE_GROUP, leave_group_handle, 0},
    {API_SYNC_GROUP, sync_group_handle, 0},
    {API_DESCRIBE_GROUPS, describe_groups_handle, 0},
    {API_LIST_GROUPS, list_groups_handle, 0},
    {API_SASL_HANDSHAKE, sasl_handshake_handle, HANDLER_BEFORE_AUTHENTICATION},
    {API_API_VERSIONS, api_versions_handle, HANDLER_BEFORE_AUTHENTICATION},
    {API_CREATE_TOPICS, create_topics_handle, 0},
    {API_DELETE_TOPICS, delete_topics_handle, 0},
    {API_DELETE_RECORDS, delete_records_handle, 0},
    {API_INIT_PRODUCER_ID, init_producer_id_handle, 0},
    {API_OFFSET_FOR_LEADER_EPOCH, offset_for_leader_epoch_handle, 0},
    {API_DESCRIBE_ACLS, describe_acls_handle, 0},
    {API_CREATE_ACLS, create_acls_handle, 0},
    {API_DELETE_ACLS, delete_acls_handle, 0},
    {API_DESCRIBE_CONFIGS, describe_configs_handle, 0},
    {API_ALTER_CONFIGS, alter_configs_handle, 0},
    {API_DESCRIBE_LOG_DIRS, describe_log_dirs_handle, 0},
    {API_SASL_AUTHENTICATE, sasl_authenticate_handle, HANDLER_BEFORE_AUTHENTICATION},
    {API_CREATE_PARTITIONS, create_partitions_handle, 0},
    {API_CREATE_DELEGATION_TOKEN, create_delegation_token_handle, 0},
    {API_RENEW_DELEGATION_TOKEN, renew_delegation_token_handle, 0},
    {API_EXPIRE_DELEGATION_TOKEN, expire_delegation_token_handle, 0},
    {API_DESCRIBE_DELEGATION_TOKEN, describe_delegation_token_handle, 0},
    {API_ELECT_LEADERS, elect_leaders_handle, 0},
    {API_DELETE_GROUPS, delete_groups_handle, 0},
    {API_INCREMENTAL_ALTER_CONFIGS, incremental_alter_configs_handle, 0},
    {API_ALTER_PARTITION_REASSIGNMENTS, alter_partition_reassignments_handle, 0},
    {API_LIST_PARTITION_REASSIGNMENTS, list_partition_reassignments_handle, 0},
    {API_OFFSET_DELETE, offset_delete_handle, 0},
    {API_DESCRIBE_CLIENT_QUOTAS, describe_client_quotas_handle, 0},
    {API_ALTER_CLIENT_QUOTAS, alter_client_quotas_handle, 0},
    {API_DESCRIBE_USER_SCRAM_CREDENTIALS, describe_user_scram_credentials_handle, 0},
    {API_ALTER_USER_SCRAM_CREDENTIALS, alter_user_scram_credentials_handle,
     HANDLER_OUTLIVES_CREDENTIAL},
    {API_DESCRIBE_QUORUM, describe_quorum_handle, 0},
    {API_DESCRIBE_CLUSTER, describe_cluster_handle, 0},
    {API_UNREGISTER_BROKER, unregister_broker_handle, 0},
    {API_LIST_CONFIG_RESOURCES, list_config_resources_handle, 0},
    {API_DESCRIBE_TOPIC_PARTITIONS, describe_topic_partitions_handle, 0},
    {API_DESCRIBE_STREAMS, describe_streams_handle, HANDLER_HIDDEN},
    {API_ALTER_STREAM, alter_stream_handle, HANDLER_HIDDEN},
    {API_DELETE_STREAM, delete_stream_handle, HANDLER_HIDDEN},
    {API_EXPLAIN_ACCESS, explain_access_handle, HANDLER_HIDDEN},
    {API_DESCRIBE_ROLES, describe_roles_handle, HANDLER_HIDDEN},
    {API_ALTER_ROLE, alter_role_handle, HANDLER_HIDDEN},
};

const struct handler_table *dispatch_table(void)
{
    static const struct handler_table table = {
        .handlers = broker_handlers, .count = sizeof broker_handlers / sizeof broker_handlers[0]};

    return &table;
}

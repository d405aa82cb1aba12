/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of groups and their offsets: one file each. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_GROUP_HANDLERS_H
#define GYRE_HANDLERS_GROUP_HANDLERS_H

struct request;

/* ---- members ---- */
void find_coordinator_handle(struct request *request);
void join_group_handle(struct request *request);
void sync_group_handle(struct request *request);
void heartbeat_handle(struct request *request);
void leave_group_handle(struct request *request);

/* ---- offsets ---- */
void offset_commit_handle(struct request *request);
void offset_fetch_handle(struct request *request);
void offset_delete_handle(struct request *request);

/* ---- administration ---- */
void describe_groups_handle(struct request *request);
void list_groups_handle(struct request *request);
void delete_groups_handle(struct request *request);

#endif

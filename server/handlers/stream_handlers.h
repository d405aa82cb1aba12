/* SPDX-License-Identifier: Apache-2.0 */
/* Gyre's own APIs about streams, roles and decisions: one file each. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_STREAM_HANDLERS_H
#define GYRE_HANDLERS_STREAM_HANDLERS_H

struct request;

void describe_streams_handle(struct request *request);
void alter_stream_handle(struct request *request);
void delete_stream_handle(struct request *request);
void explain_access_handle(struct request *request);
void describe_roles_handle(struct request *request);
void alter_role_handle(struct request *request);

#endif

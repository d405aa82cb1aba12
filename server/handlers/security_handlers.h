/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of credentials, access rules, quotas and delegation tokens: one file each.
 * Thread: the shard's own. */
#ifndef GYRE_HANDLERS_SECURITY_HANDLERS_H
#define GYRE_HANDLERS_SECURITY_HANDLERS_H

struct request;

void describe_user_scram_credentials_handle(struct request *request);
void alter_user_scram_credentials_handle(struct request *request);

void describe_acls_handle(struct request *request);
void create_acls_handle(struct request *request);
void delete_acls_handle(struct request *request);

void describe_client_quotas_handle(struct request *request);
void alter_client_quotas_handle(struct request *request);

void create_delegation_token_handle(struct request *request);
void renew_delegation_token_handle(struct request *request);
void expire_delegation_token_handle(struct request *request);
void describe_delegation_token_handle(struct request *request);

#endif

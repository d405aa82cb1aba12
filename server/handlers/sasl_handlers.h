/* SPDX-License-Identifier: Apache-2.0 */
/* How clients say who they are (authentication.h). Thread: the shard's own. */
#ifndef GYRE_HANDLERS_SASL_HANDLERS_H
#define GYRE_HANDLERS_SASL_HANDLERS_H

struct request;

void sasl_handshake_handle(struct request *request);
void sasl_authenticate_handle(struct request *request);
/* A frame that is a token and nothing else. */
void sasl_authenticate_handle_token(struct request *request);

#endif

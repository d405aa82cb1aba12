/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most administrative requests are answered where they arrive, and only the command that they lead
 * to travels (catalog_changes.h). What only the catalog's leader knows is asked of it: the client's
 * frame goes there whole and the answer comes back whole. So do a
 * LeaveGroup and an OffsetFetch whose coordinator has changed.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_FORWARD_H
#define GYRE_HANDLERS_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/error.h"

struct broker;
struct request;

/* Answer forwarded requests of other brokers from now on. `broker` outlives the calls. */
void forward_serve(struct broker *broker);

/* True: that broker answers, and the handler just returns. False: it is nobody (-1) or this one, or
 * the request was forwarded to here; the handler goes on alone. failed() is called instead of an
 * answer that did not come. */
bool forward_to_broker(struct request *request, int32_t node_id,
                       void (*failed)(struct request *request, enum error error));

/* The same with the leader of the catalog. */
bool forward_to_catalog_leader(struct request *request,
                               void (*failed)(struct request *request, enum error error));

#endif

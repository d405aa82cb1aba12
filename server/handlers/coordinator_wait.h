/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting a moment for a coordinator that is just changing: given away by balancing or a broker
 * that drains, elected, or loading its groups. To be told NOT_COORDINATOR by a broker that cannot
 * name another one is no help: the client asks who it is, hears the same name again, and comes back
 * as often as its patience goes. Some spend all of it within milliseconds and drop the commit.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_COORDINATOR_WAIT_H
#define GYRE_HANDLERS_COORDINATOR_WAIT_H

#include <stdbool.h>

#include "gyre/base/bytes.h"

#include "handlers/dispatch.h"

/* True: the handler just returns. `handle` is called with the request from its beginning when the
 * coordinator is known, or after a second; then it does not wait again. */
bool coordinator_wait(struct request *request, struct string group_id, request_handler handle);

#endif

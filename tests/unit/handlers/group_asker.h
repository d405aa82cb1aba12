/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the handlers of groups, whose coordinator is that of unit/coordinator/coordinator_fixture.h.
 * Every broker of its cluster is live and none is known to lead. Whether there is one to forward to
 * is the test's to say: it defines forward_to_broker().
 */
#ifndef GYRE_TESTS_UNIT_HANDLERS_GROUP_ASKER_H
#define GYRE_TESTS_UNIT_HANDLERS_GROUP_ASKER_H

#include "handlers/broker.h"
#include "handlers/group_handlers.h"
#include "support/request_fixture.h"
#include "unit/coordinator/coordinator_fixture.h"

struct group_asker {
    struct fixture fixture;
    struct request_fixture request;
    struct broker broker;
};

void group_asker_init(struct group_asker *asker);
void group_asker_release(struct group_asker *asker);

/* Asks, and runs the loop until it has nothing to do at this time. */
void group_asker_ask(struct group_asker *asker, int16_t api_key, int16_t version, const void *in,
                     request_handler handle);
bool group_asker_is_answered(const struct group_asker *asker);
/* Decodes the answer, which must be there. */
void group_asker_answer(struct group_asker *asker, void *out);

#endif

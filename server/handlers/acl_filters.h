/* SPDX-License-Identifier: Apache-2.0 */
/* Access control entries and filters of them, as clients send them. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_ACL_FILTERS_H
#define GYRE_HANDLERS_ACL_FILTERS_H

#include "gyre/access/acl.h"

struct request;

/* What is unknown in a filter matches nothing and is refused: the sentence; NULL: it is sound. */
const char *acl_filters_problem(const struct acl *filter);

/* Rules name topics by their legal spelling, whatever spelling the client has. In memory of the
 * request; as it was where that is exhausted. */
struct string acl_filters_legal_name(struct request *request, enum acl_resource resource,
                                     enum acl_pattern pattern, struct string name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Access control entries and filters of them, as clients send them. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_ACL_FILTERS_H
#define GYRE_HANDLERS_ACL_FILTERS_H

#include <stdbool.h>

#include "gyre/access/acl.h"
#include "gyre/base/error.h"

struct request;

/* What is unknown in a filter matches nothing and is refused: the sentence; NULL: it is sound. */
const char *acl_filters_problem(const struct acl *filter);

/* Rules name topics by their legal spelling, whatever spelling the client has. In memory of the
 * request; false: that is exhausted. */
MUST_USE
bool acl_filters_legal_name(struct request *request, enum acl_resource resource,
                            enum acl_pattern pattern, struct string name, struct string *out_legal);
/* And addresses as clients are named when a rule is looked for. */
MUST_USE
bool acl_filters_usual_host(struct request *request, struct string host, struct string *out_host);

#endif

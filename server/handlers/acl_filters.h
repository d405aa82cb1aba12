/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of access control entries, as clients send them. Thread: any. */
#ifndef GYRE_HANDLERS_ACL_FILTERS_H
#define GYRE_HANDLERS_ACL_FILTERS_H

#include "gyre/access/acl.h"

/* What is unknown in a filter matches nothing and is refused: the sentence; NULL: it is sound. */
const char *acl_filters_problem(const struct acl *filter);

#endif

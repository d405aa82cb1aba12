/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs of `gyre acl` that have files of their own. */
#ifndef GYRE_OPS_ACL_H
#define GYRE_OPS_ACL_H

#include "session.h"

/* Their context is a struct acl_arguments. */
enum exit_status acl_matrix_with(struct session *session, void *context);
enum exit_status acl_test_with(struct session *session, void *context);

#endif

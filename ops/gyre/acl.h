/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs of `gyre acl` that have files of their own. */
#ifndef GYRE_OPS_ACL_H
#define GYRE_OPS_ACL_H

int acl_matrix(int argc, char **argv);
int acl_test(int argc, char **argv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka's words for access rules, as they are typed and printed. Thread: any. */
#ifndef GYRE_ACCESS_ACL_WORDS_H
#define GYRE_ACCESS_ACL_WORDS_H

#include "gyre/access/acl.h"

/* In any case, with '-' or '_'; UNKNOWN (0): there is no such word. */
enum acl_operation acl_operation_parse(const char *text);

/* "UNKNOWN" for a number that this program has no word for. */
const char *acl_operation_name(int operation);
const char *acl_resource_name(int resource);
const char *acl_pattern_name(int pattern);
const char *acl_permission_name(int permission);

/* "READ, WRITE, ...", for a sentence. */
const char *acl_operation_list(void);

/* "DENY READ to User:eve from * on TOPIC PREFIXED ads.": NUL-terminated, cut off at `size`. */
void acl_print(const struct acl *acl, char *text, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sasl.kerberos.principal.to.local.rules: from "nn/host@REALM" to the name of a user.
 *
 *     DEFAULT                                        the first component, of the default realm
 *     RULE:[n:text](regex)s/pattern/replacement/g/L  of n components; $0 the realm, $1 the first...
 *
 * Private to sasl/. Thread: any; rules never change.
 */
#ifndef GYRE_SASL_KERBEROS_RULES_H
#define GYRE_SASL_KERBEROS_RULES_H

#include <stddef.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct kerberos_rules;

enum { KERBEROS_NAME_BYTES_MAX = 512 };

/* `realm` may be null: the default realm is not known. INVALID: a rule cannot be read, or too many;
 * the message (>= 256 bytes) says which. */
MUST_USE
enum error kerberos_rules_parse(const struct string *texts, int32_t count, struct string realm,
                                char *message, struct kerberos_rules **out_rules);
void kerberos_rules_free(struct kerberos_rules *rules); /* NULL is fine */

/* NOT_FOUND: no rule is for this principal. A name without a realm is of the default one. */
MUST_USE
enum error kerberos_rules_apply(const struct kerberos_rules *rules, const char *principal,
                                char out_name[KERBEROS_NAME_BYTES_MAX]);

#endif

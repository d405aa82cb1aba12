/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in certificates: their text, as Java's X500Principal.getName() has it, and Kafka's
 * ssl.principal.mapping.rules, which make a principal's name of it.
 *
 * Thread: printing any; rules one at a time.
 */
#ifndef GYRE_TLS_PRINCIPAL_RULES_H
#define GYRE_TLS_PRINCIPAL_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

enum {
    DN_TEXT_BYTES_MAX = 4096,
    PRINCIPAL_RULES_MAX = 64,
};

/* The text of a DER-encoded Name. LIMIT: `size` is too small. MALFORMED: it is no Name. The text is
 * followed by a NUL that does not count. */
MUST_USE
enum error dn_text_print(const uint8_t *der, size_t length, char *text, size_t size,
                         size_t *out_length);

struct principal_rules; /* opaque */

/* "RULE:regex/replacement/[L|U], DEFAULT". INVALID with a sentence in `message` (256 bytes). */
MUST_USE
enum error principal_rules_new(struct string text, char *message,
                               struct principal_rules **out_rules);
void principal_rules_free(struct principal_rules *rules); /* NULL is fine */

/*
 * The name of the principal, NUL-terminated. NOT_FOUND: no rule matches. INVALID: the subject has a
 * NUL inside, or what came out is empty. LIMIT: it is too long, or a rule would take too long.
 * Whatever is not NONE refuses the client.
 */
MUST_USE
enum error principal_rules_apply(struct principal_rules *rules, struct string subject, char *name,
                                 size_t size, size_t *out_length);

#endif

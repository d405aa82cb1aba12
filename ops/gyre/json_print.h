/* SPDX-License-Identifier: Apache-2.0 */
/* JSON on stdout, for programs. */
#ifndef GYRE_OPS_JSON_PRINT_H
#define GYRE_OPS_JSON_PRINT_H

#include <jansson.h>

#include "gyre/base/bytes.h"

/* Takes `json`. NULL: it could not be built, because a text in it is not UTF-8. */
void json_print(json_t *json);

/* null for a null string, U+FFFD for bytes that are not UTF-8. */
json_t *json_from_string(struct string text);

struct int32_array;
json_t *json_from_int32s(const struct int32_array *numbers);

#endif

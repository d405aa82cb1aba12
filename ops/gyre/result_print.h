/* SPDX-License-Identifier: Apache-2.0 */
/* What a command has done, in a line for people or an object for programs. */
#ifndef GYRE_OPS_RESULT_PRINT_H
#define GYRE_OPS_RESULT_PRINT_H

#include <jansson.h>

#include "command.h"

/* "deleted topic clicks" or {"topic": "clicks", "result": "deleted"}. */
void result_print(enum output_format output, const char *kind, const char *name,
                  const char *result);

/* The object alone, for those who print several. Owned by the caller. */
json_t *result_to_json(const char *kind, const char *name, const char *result);

#endif

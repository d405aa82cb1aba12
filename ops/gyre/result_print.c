/* SPDX-License-Identifier: Apache-2.0 */
#include "result_print.h"

#include <stdio.h>

#include "json_print.h"

json_t *result_to_json(const char *kind, const char *name, const char *result)
{
    return json_pack("{s:o, s:s}", kind, json_from_string(string_from(name)), "result", result);
}

void result_print(enum output_format output, const char *kind, const char *name, const char *result)
{
    if (output == OUTPUT_JSON) {
        json_print(result_to_json(kind, name, result));
    } else {
        (void)printf("%s %s %s\n", result, kind, name);
    }
}

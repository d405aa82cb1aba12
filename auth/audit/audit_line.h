/* SPDX-License-Identifier: Apache-2.0 */
/* An event as a line of JSON. Private to audit/. Thread: any. */
#ifndef GYRE_AUDIT_AUDIT_LINE_H
#define GYRE_AUDIT_AUDIT_LINE_H

#include "gyre/audit/audit.h"

struct audit_line_context {
    int64_t wall_ms;
    struct string cluster_id;
    int32_t node_id;
    uint64_t count; /* how many equal events the line stands for */
};

/* NUL-terminated, with its newline, for free(). */
char *audit_line_format(const struct audit_line_context *context, const struct audit_event *event);

#endif

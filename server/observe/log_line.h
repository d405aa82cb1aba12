/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a log being put together: logfmt or JSON, cut off at LOG_LINE_BYTES_MAX and still
 * well-formed. Thread: one at a time.
 */
#ifndef GYRE_OBSERVE_LOG_LINE_H
#define GYRE_OBSERVE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "gyre/observe/log.h"

struct log_line {
    char text[LOG_LINE_BYTES_MAX];
    size_t length;
    enum log_format format;
    bool is_full; /* further fields are dropped */
};

void log_line_begin(struct log_line *line, enum log_format format, int64_t wall_ms,
                    enum log_level level, const char *area, const char *message);
void log_line_field(struct log_line *line, struct log_field field);
void log_line_end(struct log_line *line); /* with its newline */

#endif

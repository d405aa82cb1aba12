/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>

#include "gyre/base/check.h"

enum { CELL_BYTES = 8192 };

void table_init(struct table *table, const char *const *headings)
{
    table->table = scols_new_table();
    table->line = NULL;
    CHECK(table->table != NULL);
    for (; *headings != NULL; headings++) {
        CHECK(scols_table_new_column(table->table, *headings, 0, 0) != NULL);
    }
}

void table_add_line(struct table *table)
{
    table->line = scols_table_new_line(table->table, NULL);
    CHECK(table->line != NULL);
}

void table_set(struct table *table, int column, const char *format, ...)
{
    char text[CELL_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CHECK(scols_line_set_data(table->line, (size_t)column, text) == 0);
}

void table_print(struct table *table)
{
    (void)scols_print_table(table->table);
    table_release(table);
}

void table_release(struct table *table)
{
    scols_unref_table(table->table);
}

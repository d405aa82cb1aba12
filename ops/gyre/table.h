/* SPDX-License-Identifier: Apache-2.0 */
/* A table on stdout, its columns as wide as what stands in them. */
#ifndef GYRE_OPS_TABLE_H
#define GYRE_OPS_TABLE_H

struct libscols_table;

struct table {
    struct libscols_table *table; /* owned */
    struct libscols_line *line;   /* the last one */
};

/* Headings up to NULL. */
void table_init(struct table *table, const char *const *headings);
void table_add_line(struct table *table);

/* A cell of the last line. */
__attribute__((format(printf, 3, 4))) void table_set(struct table *table, int column,
                                                     const char *format, ...);

/* Print and release. */
void table_print(struct table *table);
void table_release(struct table *table);

#endif

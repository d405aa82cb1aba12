/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration was made of, and how its problems are told. Private to config/. */
#ifndef GYRE_CONFIG_CONFIG_ENTRIES_H
#define GYRE_CONFIG_CONFIG_ENTRIES_H

#include "gyre/base/arena.h"
#include "gyre/config/config.h"

struct config_entry {
    struct string key;
    struct string value;
    int line;           /* 0: not from the file */
    const char *source; /* the path, or "override" */
};

struct config_entries {
    struct arena arena; /* all text and lists of the configuration */
    struct config_entry *items;
    int count;
    int capacity;
};

/* The last entry of this key, because the last one counts; or NULL. */
const struct config_entry *config_entries_find(const struct config_entries *entries,
                                               const char *key);

__attribute__((format(printf, 3, 4))) void config_report_problem(struct config_report *report,
                                                                 const struct config_entry *entry,
                                                                 const char *format, ...);
__attribute__((format(printf, 3, 4))) void config_report_note(struct config_report *report,
                                                              const struct config_entry *entry,
                                                              const char *format, ...);

/* Listeners, seeds and what else follows from the options. Problems go to the report. */
void config_endpoints_derive(struct broker_config *config, struct config_report *report);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of single groups (KIP-848 and later). They are kept and reported whether or not the kind
 * of group that reads them exists yet, as a group needs not exist to have settings. Thread: any.
 */
#ifndef GYRE_HANDLERS_GROUP_OPTIONS_H
#define GYRE_HANDLERS_GROUP_OPTIONS_H

#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/config/config.h"

struct group_option {
    const char *name;
    const char *synonym; /* the broker's key; the name itself where there is none */
    enum option_type type;
    const char *fallback;
    const char *choices; /* "a|b", or NULL */
    int64_t low;
    int64_t high;
    const char *doc;
};

int group_options_count(void);
const struct group_option *group_options_at(int index); /* sorted by name */
const struct group_option *group_options_find(struct string name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "descriptor_budget.h"

#include <sys/resource.h>

#include "gyre/observe/log.h"

enum {
    LIMIT_DEFAULT = 1024,
    LIMIT_USED_MAX = 1 << 20,
    RESERVED = 192, /* journal, catalog, links to brokers, the admin port, the process's own */
    FILES_MIN = 64,
    FILES_MAX = 32768,
};

static int raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return LIMIT_DEFAULT;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            limit.rlim_cur = before;
        }
    }
    return limit.rlim_cur > LIMIT_USED_MAX ? LIMIT_USED_MAX : (int)limit.rlim_cur;
}

struct descriptor_budget descriptor_budget_make(int connections_wanted)
{
    int limit = raise_limit();
    struct descriptor_budget budget = {.connections = connections_wanted};

    if (budget.connections > limit / 2) {
        budget.connections = limit / 2;
        log_warning(LOG_MAIN, "fewer connections than max.connections have file descriptors",
                    field_i64("max_connections", connections_wanted),
                    field_i64("connections", budget.connections),
                    field_i64("file_descriptors", limit),
                    field_string("do", "raise the limit on open files (ulimit -n)"));
    }
    budget.files = limit - budget.connections - RESERVED;
    budget.files = budget.files > FILES_MAX ? FILES_MAX : budget.files;
    budget.files = budget.files < FILES_MIN ? FILES_MIN : budget.files;
    budget.connections_max = limit - budget.files - RESERVED;
    if (budget.connections_max < budget.connections) {
        budget.connections_max = budget.connections;
    }
    return budget;
}

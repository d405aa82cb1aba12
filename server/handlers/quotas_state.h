/* SPDX-License-Identifier: Apache-2.0 */
/* What quotas.c charges to and quotas_open.c fills. Private to both. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_QUOTAS_STATE_H
#define GYRE_HANDLERS_QUOTAS_STATE_H

#include "gyre/metadata/catalog.h"
#include "gyre/quota/quota.h"
#include "gyre/runtime/loop.h"

struct quotas {
    struct loop *loop;
    struct catalog *catalog;
    struct quota_table *table;     /* bytes, requests, connections */
    struct quota_table *mutations; /* has windows of its own */
    struct catalog_listener listener;
    struct task reload; /* once for many changes */
};

#endif

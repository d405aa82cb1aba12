/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas as the catalog has them. In a file of its own: who charges need not link the catalog.
 */
#include <stdlib.h>

#include "gyre/config/config.h"
#include "gyre/metadata/catalog_security.h"
#include "gyre/runtime/loop.h"

#include "handlers/quotas.h"
#include "handlers/quotas_state.h"

enum { METERS_MAX = 100000 };

static struct quota_table *new_table(int32_t samples, int32_t window_seconds)
{
    struct quota_options options = {.samples = samples,
                                    .window_us = (uint64_t)window_seconds * 1000000,
                                    .meters_max = METERS_MAX};

    return quota_table_new(&options);
}

static struct quota_part part_of(struct catalog_quota_part part)
{
    if (!part.is_given) {
        return (struct quota_part){.kind = QUOTA_PART_ABSENT};
    }
    return (struct quota_part){
        .kind = part.name.bytes == NULL ? QUOTA_PART_DEFAULT : QUOTA_PART_NAMED, .name = part.name};
}

static void take_quota(void *context, const struct catalog_quota *quota)
{
    struct quotas *quotas = context;
    struct quota_entity entity = {.user = part_of(quota->user),
                                  .client_id = part_of(quota->client_id),
                                  .ip = part_of(quota->ip)};
    enum quota_kind kind;

    for (int32_t i = 0; i < quota->value_count; i++) {
        if (quota_kind_find(quota->values[i].key, &kind)) {
            quota_table_set(kind == QUOTA_CONTROLLER_MUTATION ? quotas->mutations : quotas->table,
                            &entity, kind, quota->values[i].value);
        }
    }
}

static void reload(struct task *task)
{
    struct quotas *quotas = CONTAINER_OF(task, struct quotas, reload);

    quota_table_clear(quotas->table);
    quota_table_clear(quotas->mutations);
    catalog_for_each_quota(quotas->catalog, take_quota, quotas);
}

static void on_security_changed(void *context, enum catalog_security kind)
{
    struct quotas *quotas = context;

    if (kind == CATALOG_QUOTA) {
        loop_defer(quotas->loop, &quotas->reload);
    }
}

struct quotas *quotas_new(struct loop *loop, struct catalog *catalog,
                          const struct broker_config *config)
{
    struct quotas *quotas = check_alloc_zero(sizeof *quotas);

    quotas->loop = loop;
    quotas->catalog = catalog;
    quotas->table = new_table(config->quota_window_num, config->quota_window_size_seconds);
    quotas->mutations = new_table(config->controller_quota_window_num,
                                  config->controller_quota_window_size_seconds);
    task_init(&quotas->reload, reload);
    quotas->listener =
        (struct catalog_listener){.security_changed = on_security_changed, .context = quotas};
    catalog_add_listener(catalog, &quotas->listener);
    loop_defer(loop, &quotas->reload);
    return quotas;
}

void quotas_free(struct quotas *quotas)
{
    if (quotas != NULL) {
        task_cancel(&quotas->reload);
        list_remove(&quotas->listener.link);
        quota_table_free(quotas->table);
        quota_table_free(quotas->mutations);
        free(quotas);
    }
}

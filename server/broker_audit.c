/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_audit.h"

#include "gyre/audit/audit.h"
#include "gyre/config/config.h"

#include "handlers/audit_topic.h"

static const uint64_t REFUSAL_WINDOW_US = 10 * 1000 * 1000;

struct audit *broker_audit_new(const struct broker_config *config, struct broker *broker,
                               struct loop *loop, struct work_pool *pool, struct metrics *metrics,
                               struct audit_topic **out_topic)
{
    struct audit_options options = {
        .loop = loop,
        .pool = pool,
        .metrics = metrics,
        .path = config->gyre_audit_file.bytes,
        .node_id = config->node_id,
        .waiting_bytes_max = (size_t)config->gyre_audit_waiting_bytes,
        .refusal_window_us = REFUSAL_WINDOW_US,
        .access_sample = config->gyre_audit_access_sample,
    };

    if (config->gyre_audit_topic) {
        *out_topic = audit_topic_new(broker);
        options.publish = audit_topic_publish;
        options.context = *out_topic;
    }
    return options.path == NULL && options.publish == NULL ? NULL : audit_new(&options);
}

void broker_audit_name_region(struct audit *audit, struct uuid cluster_id)
{
    char text[UUID_TEXT_LENGTH + 1];

    if (audit != NULL && !uuid_is_zero(cluster_id)) {
        uuid_format(cluster_id, text);
        audit_set_cluster_id(audit, string_from(text));
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/group_options.h"

/* Names, defaults and synonyms are Kafka 4.3's; bounds are what its brokers allow by default. */
static const struct group_option options[] = {
    {"consumer.assignment.interval.ms", "group.consumer.assignment.interval.ms", OPTION_TYPE_INT,
     "1000", NULL, 0, 15000, "The least time between two assignments."},
    {"consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms", OPTION_TYPE_INT,
     "5000", NULL, 5000, 15000, "How often members of the group are to call."},
    {"consumer.session.timeout.ms", "group.consumer.session.timeout.ms", OPTION_TYPE_INT, "45000",
     NULL, 45000, 60000, "Silence after which a member is taken out."},
    {"share.assignment.interval.ms", "group.share.assignment.interval.ms", OPTION_TYPE_INT, "1000",
     NULL, 0, 15000, "The least time between two assignments of a share group."},
    {"share.auto.offset.reset", "share.auto.offset.reset", OPTION_TYPE_STRING, "latest", NULL, 0, 0,
     "Where a share group begins."},
    {"share.delivery.count.limit", "group.share.delivery.count.limit", OPTION_TYPE_INT, "5", NULL,
     2, 10, "How often a record is tried to be delivered."},
    {"share.heartbeat.interval.ms", "group.share.heartbeat.interval.ms", OPTION_TYPE_INT, "5000",
     NULL, 5000, 15000, "How often members of a share group are to call."},
    {"share.isolation.level", "share.isolation.level", OPTION_TYPE_STRING, "read_uncommitted",
     "read_committed|read_uncommitted", 0, 0, "What a share group sees of transactions."},
    {"share.partition.max.record.locks", "group.share.partition.max.record.locks", OPTION_TYPE_INT,
     "2000", NULL, 100, 4000, "How many records of a partition are lent at once."},
    {"share.record.lock.duration.ms", "group.share.record.lock.duration.ms", OPTION_TYPE_INT,
     "30000", NULL, 15000, 60000, "How long a record is lent to a member."},
    {"share.renew.acknowledge.enable", "share.renew.acknowledge.enable", OPTION_TYPE_BOOL, "true",
     "true|false", 0, 0, "Whether members may keep a record for longer."},
    {"share.session.timeout.ms", "group.share.session.timeout.ms", OPTION_TYPE_INT, "45000", NULL,
     45000, 60000, "Silence after which a member of a share group is taken out."},
    {"streams.assignment.interval.ms", "group.streams.assignment.interval.ms", OPTION_TYPE_INT,
     "1000", NULL, 0, 15000, "The least time between two assignments of a streams group."},
    {"streams.heartbeat.interval.ms", "group.streams.heartbeat.interval.ms", OPTION_TYPE_INT,
     "5000", NULL, 5000, 15000, "How often members of a streams group are to call."},
    {"streams.initial.rebalance.delay.ms", "group.streams.initial.rebalance.delay.ms",
     OPTION_TYPE_INT, "3000", NULL, 0, INT32_MAX, "How long a new streams group waits for more."},
    {"streams.num.standby.replicas", "group.streams.num.standby.replicas", OPTION_TYPE_INT, "0",
     NULL, 0, 2, "Standby tasks of a streams group."},
    {"streams.session.timeout.ms", "group.streams.session.timeout.ms", OPTION_TYPE_INT, "45000",
     NULL, 45000, 60000, "Silence after which a member of a streams group is taken out."},
};

int group_options_count(void)
{
    return sizeof options / sizeof options[0];
}

const struct group_option *group_options_at(int index)
{
    return &options[index];
}

const struct group_option *group_options_find(struct string name)
{
    for (int i = 0; i < group_options_count(); i++) {
        if (string_is(name, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

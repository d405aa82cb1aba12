# SPDX-License-Identifier: Apache-2.0
"""What the driver asks of kafka-python's admin client, in the words of release 2.0."""
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions


def describe_cluster(admin):
    return admin.describe_cluster()


def topic_of(admin, topic):
    return admin.describe_topics([topic])[0]


def config(admin, topic, name):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    answer = admin.describe_configs([resource])[0].resources[0]
    # (name, value, read only, source, sensitive, synonyms)
    return {entry[0]: list(entry[1:5]) for entry in answer[4]}[name]


def alter(admin, topic, configs):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)
    return admin.alter_configs([resource]).resources[0][0]


def grow(admin, topic, count):
    admin.create_partitions({topic: NewPartitions(count)})


def delete_records(_admin, _spot, _before):
    return None


def list_groups(admin):
    return [name for name, _ in admin.list_consumer_groups()]


def describe_group(admin, group):
    found = admin.describe_consumer_groups([group])[0]
    return [found.error_code, found.state, found.protocol, len(found.members),
            [m.client_id for m in found.members]]


def group_offsets(admin, group):
    return admin.list_consumer_group_offsets(group)


def delete_group(admin, group):
    return admin.delete_consumer_groups([group])[0][1].errno


def alter_group_offset(_admin, _group, _spot, _offset):
    return None

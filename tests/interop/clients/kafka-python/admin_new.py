# SPDX-License-Identifier: Apache-2.0
"""What the driver asks of kafka-python's admin client, in the words of release 3."""
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import OffsetAndMetadata


def describe_cluster(admin):
    return admin.describe_cluster()


def topic_of(admin, topic):
    return admin.describe_topics([topic])[0]


def config(admin, topic, name):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    answer = admin.describe_configs([resource], config_filter="all")
    entry = answer["topic"][topic][name]
    return [str(entry[field]) for field in ("value", "read_only", "config_source", "is_sensitive")]


def alter(admin, topic, configs):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs)
    return str(admin.alter_configs([resource])["topic"][topic])


def grow(admin, topic, count):
    admin.create_partitions({topic: count})


def delete_records(admin, spot, before):
    return admin.delete_records({spot: before})[spot]["low_watermark"]


def list_groups(admin):
    return [group["group_id"] for group in admin.list_groups()]


def describe_group(admin, group):
    found = admin.describe_groups([group])[group]
    return [found["error"], found["group_state"], found["protocol_data"], len(found["members"]),
            [m["client_id"] for m in found["members"]]]


def group_offsets(admin, group):
    return admin.list_group_offsets(group)[group]


def delete_group(admin, group):
    answer = admin.delete_groups([group])
    return str(answer[group] if isinstance(answer, dict) else answer[0][1])


def alter_group_offset(admin, group, spot, offset):
    return admin.alter_group_offsets(group, {spot: OffsetAndMetadata(offset, "", -1)})[spot].errno

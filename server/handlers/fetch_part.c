/* SPDX-License-Identifier: Apache-2.0 */
/* One partition of a Fetch: what could be answered now, and from where better (KIP-320, 392). */
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"

#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "handlers/fetch_state.h"
#include "handlers/hosted_partition.h"

/* A session's topic is gone (KIP-516): was it deleted, or created again under its name? */
static enum kafka_error error_of_old_id(const struct fetch_part *part)
{
    const struct request *request = part->fetch->request;
    const struct fetch_session *session =
        fetch_sessions_find(request->broker->fetch_sessions, &part->fetch->plan);
    struct string name = session == NULL || !part->fetch->plan.is_incremental
                             ? STRING_NULL
                             : fetch_session_topic_name(session, part->want);

    if (name.bytes == NULL || !access_allows(request, ACCESS_READ, ACCESS_TOPIC, name)) {
        return KAFKA_ERROR_UNKNOWN_TOPIC_ID;
    }
    return catalog_find_topic(request->broker->catalog, name) == NULL
               ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION
               : KAFKA_ERROR_INCONSISTENT_TOPIC_ID;
}

static enum kafka_error find(struct fetch_part *part, struct group_id *out_group,
                             struct partition **out_partition)
{
    const struct request *request = part->fetch->request;
    const struct topic_reference reference = {
        .by_id = request->api_version >= FETCH_TOPIC_IDS,
        .name = part->want->topic,
        .id = part->want->topic_id,
    };
    const struct catalog_topic *topic = NULL;
    enum kafka_error error;

    if (part->fetch->is_forbidden) {
        return KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
    }
    error = hosted_partition_find_topic(request, &reference, ACCESS_READ, &topic);
    if (error != KAFKA_ERROR_NONE) {
        return error == KAFKA_ERROR_UNKNOWN_TOPIC_ID ? error_of_old_id(part) : error;
    }
    *out_group = (struct group_id){.topic = topic->id, .partition = part->want->partition};
    return hosted_partition_find(request, topic, part->want->partition, out_partition);
}

struct partition *fetch_part_partition(struct fetch_part *part)
{
    struct partition *partition = NULL;
    struct group_id group;

    return find(part, &group, &partition) == KAFKA_ERROR_NONE ? partition : NULL;
}

/* KIP-951: tell who leads where we were asked in vain. */
static void hint_leader(struct fetch_part *part, struct group_id group)
{
    const struct request *request = part->fetch->request;
    struct cluster_leader leader;

    if (request->api_version < FETCH_DIVERGING_EPOCHS ||
        (part->error != KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER &&
         part->error != KAFKA_ERROR_FENCED_LEADER_EPOCH)) {
        return;
    }
    leader = cluster_leader(request->broker->cluster, group);
    part->leader_id = leader.node_id;
    part->leader_epoch = leader.leader_epoch;
}

/* Has the log been cut behind the reader's back? Only the leader can tell. */
static void look_for_divergence(struct fetch_part *part, const struct partition *partition)
{
    const struct fetch_want *want = part->want;
    int64_t end_offset;
    int32_t epoch;

    if (want->last_fetched_epoch < 0 || !part->status.leads) {
        return;
    }
    partition_end_of_epoch(partition, want->last_fetched_epoch, &epoch, &end_offset);
    if (epoch < 0) {
        part->error = KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    } else if (epoch < want->last_fetched_epoch || end_offset < want->fetch_offset) {
        part->diverging_epoch = epoch;
        part->diverging_end_offset = end_offset;
    }
}

static bool selects_by_rack(const struct request *request)
{
    const struct broker_config *config = request->broker->config;
    static const char wanted[] = "RackAwareReplicaSelector";

    return config != NULL && config->replica_selector_class.length > 0 &&
           memmem(config->replica_selector_class.bytes,
                  (size_t)config->replica_selector_class.length, wanted, sizeof wanted - 1) != NULL;
}

static bool is_in_rack(const struct request *request, int32_t node_id, struct string rack)
{
    const struct catalog_broker *broker = catalog_find_broker(request->broker->catalog, node_id);

    return broker != NULL && broker->rack.bytes != NULL && string_equal(broker->rack, rack);
}

/* KIP-392: a replica in the reader's own rack; this one if it is there itself. */
static void look_for_nearer(struct fetch_part *part, const struct partition *partition)
{
    const struct request *request = part->fetch->request;
    struct string rack = part->fetch->in.rack_id;
    int32_t nodes[CONSENSUS_MEMBERS_MAX];
    int count;

    if (request->api_version < FETCH_FROM_FOLLOWERS || !part->status.leads || rack.length <= 0 ||
        !selects_by_rack(request) || is_in_rack(request, request->broker->node_id, rack)) {
        return;
    }
    count = partition_in_sync(partition, nodes);
    for (int i = 0; i < count; i++) {
        if (nodes[i] != request->broker->node_id && is_in_rack(request, nodes[i], rack)) {
            part->preferred_replica = nodes[i];
            return;
        }
    }
}

static bool is_out_of_range(const struct fetch_part *part)
{
    int64_t offset = part->want->fetch_offset;

    return offset < part->status.log_start_offset ||
           (part->status.leads && offset > part->status.end_offset);
}

static void look_inside(struct fetch_part *part, struct partition *partition)
{
    int64_t limit = part->want->bytes_max > 0 ? part->want->bytes_max : 0;
    enum partition_isolation isolation =
        part->fetch->in.isolation_level == 1 ? READ_COMMITTED : READ_UNCOMMITTED;

    partition_status(partition, &part->status);
    part->error = partition_check_epoch(partition, part->want->current_leader_epoch,
                                        part->fetch->request->api_version < FETCH_FROM_FOLLOWERS);
    if (part->error == KAFKA_ERROR_NONE) {
        look_for_divergence(part, partition);
    }
    if (part->error == KAFKA_ERROR_NONE && part->diverging_epoch < 0 && is_out_of_range(part)) {
        part->error = KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    }
    if (part->error != KAFKA_ERROR_NONE || part->diverging_epoch >= 0) {
        return;
    }
    look_for_nearer(part, partition);
    part->available = partition_readable_bytes(partition, part->want->fetch_offset, isolation);
    if (part->available > limit && limit > 0) {
        part->available = limit;
    }
}

void fetch_part_look(struct fetch_part *part)
{
    struct partition *partition = NULL;
    struct group_id group = {.partition = -1};

    part->available = 0;
    part->leader_id = -1;
    part->leader_epoch = -1;
    part->diverging_epoch = -1;
    part->preferred_replica = -1;
    part->error = find(part, &group, &partition);
    if (part->error == KAFKA_ERROR_NONE) {
        look_inside(part, partition);
    }
    if (group.partition >= 0) {
        hint_leader(part, group);
    }
    part->is_decided = part->error != KAFKA_ERROR_NONE || part->diverging_epoch >= 0 ||
                       part->preferred_replica >= 0;
}

static void fail(struct fetch_part *part, enum kafka_error error)
{
    part->error = error;
    if (!part->is_decided) {
        part->is_decided = true;
        part->fetch->decided++;
    }
}

void fetch_part_take(struct fetch_part *part, struct partition_read *read)
{
    struct fetch *fetch = part->fetch;
    int count = read->batches.slice_count;

    part->error = read->error;
    part->status = read->status;
    if (read->error != KAFKA_ERROR_NONE) {
        fail(part, read->error);
        return;
    }
    if (count == 0) {
        return;
    }
    part->slices = arena_alloc_array(&fetch->request->arena, (size_t)count, sizeof *part->slices);
    if (part->slices == NULL) {
        fail(part, KAFKA_ERROR_UNKNOWN_SERVER_ERROR); /* nothing would look like the log's end */
    } else {
        for (int i = 0; i < count; i++) {
            part->slices[i] = buffer_slice_ref(read->batches.slices[i]);
        }
        part->slice_count = count;
        part->bytes = read->batches.bytes;
        fetch->bytes += part->bytes;
        fetch->bytes_left -= part->bytes < fetch->bytes_left ? part->bytes : fetch->bytes_left;
    }
    batches_read_release(&read->batches);
}

void fetch_part_release(struct fetch_part *part)
{
    for (int i = 0; i < part->slice_count; i++) {
        buffer_slice_unref(&part->slices[i]);
    }
    part->slice_count = 0;
    part->bytes = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* CreateTopics, DeleteTopics, CreatePartitions and Metadata: each topic of a request has its own
 * answer, errors are Kafka's, and what was answered is there. */
#include <stdio.h>
#include <stdlib.h>

#include "admin_region.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/create_partitions.h"
#include "wire_messages/create_topics.h"
#include "wire_messages/delete_topics.h"
#include "wire_messages/describe_topic_partitions.h"
#include "wire_messages/metadata.h"

/* ---- CreateTopics ---- */

static struct create_topics_request_topics wanted(const char *name, int32_t partitions,
                                                  int16_t replicas)
{
    struct create_topics_request_topics topic;

    create_topics_request_topics_init(&topic);
    topic.name = string_from(name);
    topic.num_partitions = partitions;
    topic.replication_factor = replicas;
    return topic;
}

static void ask_to_create(struct admin_region *admin, int16_t version,
                          struct create_topics_request_topics *topics, int32_t count,
                          bool validate_only, struct create_topics_response *out)
{
    struct create_topics_request in;

    create_topics_request_init(&in);
    in.topics = (struct create_topics_request_topics_array){topics, count};
    in.validate_only = validate_only;
    admin_region_ask(admin, API_CREATE_TOPICS, version, &in, create_topics_handle, out);
}

static void good_and_bad_topics_of_one_request_are_told_apart(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct create_topics_response out;
    struct create_topics_request_topics topics[] = {
        wanted("good", 2, 2),      wanted("clicks", 1, 1), wanted("bad/name", 1, 1),
        wanted("a..b", 1, 1),      wanted("zero", 0, 1),   wanted("none", 1, 0),
        wanted("wide", 1, 4),      wanted("twice", 1, 1),  wanted("twice", 1, 1),
        wanted("defaults", -1, -1)};
    static const int16_t errors[] = {KAFKA_ERROR_NONE,
                                     KAFKA_ERROR_TOPIC_ALREADY_EXISTS,
                                     KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                                     KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                                     KAFKA_ERROR_INVALID_PARTITIONS,
                                     KAFKA_ERROR_INVALID_REPLICATION_FACTOR,
                                     KAFKA_ERROR_INVALID_REPLICATION_FACTOR,
                                     KAFKA_ERROR_INVALID_REQUEST,
                                     KAFKA_ERROR_NONE};

    (void)state;
    ask_to_create(admin, 7, topics, 10, false, &out);
    assert_int_equal(out.topics.count, 9);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(out.topics.items[i].error_code, errors[i]);
        assert_int_equal(out.topics.items[i].error_message.bytes == NULL, errors[i] == 0);
    }
    assert_int_equal(out.topics.items[0].num_partitions, 2);
    assert_int_equal(out.topics.items[0].replication_factor, 2);
    assert_true(out.topics.items[0].configs.count > 30);
    assert_int_equal(out.topics.items[8].num_partitions, 4);
    assert_int_equal(out.topics.items[8].replication_factor, 3);
    const struct catalog_topic *good = admin_region_topic(admin, "good");
    assert_non_null(good);
    assert_true(uuid_equal(good->id, out.topics.items[0].topic_id));
    assert_null(admin_region_topic(admin, "twice"));
    admin_region_free(admin);
}

static void topics_are_created_in_every_version(void **state)
{
    struct admin_region *admin = admin_region_new();

    (void)state;
    for (int16_t version = 0; version <= 7; version++) {
        char name[16];
        struct create_topics_response out;
        (void)snprintf(name, sizeof name, "version-%d", version);
        struct create_topics_request_topics topic = wanted(name, 1, 1);
        ask_to_create(admin, version, &topic, 1, false, &out);
        assert_int_equal(out.topics.items[0].error_code, KAFKA_ERROR_NONE);
        assert_non_null(admin_region_topic(admin, name));
    }
    admin_region_free(admin);
}

static void a_request_that_only_validates_changes_nothing(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct create_topics_response out;
    struct create_topics_request_topics topic = wanted("good", 2, 2);

    (void)state;
    ask_to_create(admin, 7, &topic, 1, true, &out);
    assert_int_equal(out.topics.items[0].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(out.topics.items[0].num_partitions, 2);
    assert_true(uuid_is_zero(out.topics.items[0].topic_id));
    assert_null(admin_region_topic(admin, "good"));
    admin_region_free(admin);
}

static int16_t create_assigned(struct admin_region *admin, const char *name, int32_t count,
                               const int32_t *indexes, struct int32_array *nodes)
{
    struct create_topics_request_topics_assignments assignments[4];
    struct create_topics_request_topics topic = wanted(name, -1, -1);
    struct create_topics_response out;

    for (int i = 0; i < count; i++) {
        assignments[i] = (struct create_topics_request_topics_assignments){indexes[i], nodes[i]};
    }
    topic.assignments = (struct create_topics_request_topics_assignments_array){assignments, count};
    ask_to_create(admin, 5, &topic, 1, false, &out);
    return out.topics.items[0].error_code;
}

static void assignments_are_taken_or_refused(void **state)
{
    struct admin_region *admin = admin_region_new();
    int32_t a[] = {2, 0};
    int32_t b[] = {1, 2};
    int32_t twice[] = {1, 1};
    int32_t unknown[] = {1, 9};
    struct int32_array good[] = {{a, 2}, {b, 2}};
    struct int32_array uneven[] = {{a, 2}, {b, 1}};
    struct int32_array repeated[] = {{twice, 2}};
    struct int32_array foreign[] = {{unknown, 2}};
    struct int32_array empty[] = {{a, 0}};
    int32_t swapped[] = {1, 0};
    int32_t gap[] = {0, 2};
    int32_t same[] = {0, 0};

    (void)state;
    assert_int_equal(create_assigned(admin, "t", 2, swapped, good), KAFKA_ERROR_NONE);
    assert_int_equal(admin_region_topic(admin, "t")->partitions[0].replicas[0], 1);
    assert_int_equal(admin_region_topic(admin, "t")->partitions[1].replicas[0], 2);
    assert_int_equal(create_assigned(admin, "u", 2, gap, good),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(create_assigned(admin, "u", 2, same, good),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(create_assigned(admin, "u", 2, swapped, uneven),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(create_assigned(admin, "u", 1, same, repeated),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(create_assigned(admin, "u", 1, same, foreign),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(create_assigned(admin, "u", 1, same, empty),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    admin_region_free(admin);
}

static int16_t create_with(struct admin_region *admin, const char *topic_name, const char *name,
                           const char *value)
{
    struct create_topics_request_topics_configs config = {string_from(name), string_from(value)};
    struct create_topics_request_topics topic = wanted(topic_name, 1, 1);
    struct create_topics_response out;

    topic.configs = (struct create_topics_request_topics_configs_array){&config, 1};
    ask_to_create(admin, 7, &topic, 1, false, &out);
    return out.topics.items[0].error_code;
}

static void settings_of_new_topics_are_checked_and_kept(void **state)
{
    struct admin_region *admin = admin_region_new();

    (void)state;
    assert_int_equal(create_with(admin, "a", "retention.ms", "77"), KAFKA_ERROR_NONE);
    assert_string_equal(admin_region_setting(admin, "a", "retention.ms"), "77");
    assert_int_equal(admin_region_topic(admin, "a")->config.retention_ms, 77);
    assert_int_equal(create_with(admin, "b", "retention.ms", "soon"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(admin, "b", "no.such.key", "1"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(admin, "b", "retention.ms", NULL), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(admin, "c", "internal.segment.bytes", "1000"), KAFKA_ERROR_NONE);
    admin_region_free(admin);
}

static void a_request_for_too_many_partitions_is_refused_as_a_whole(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct create_topics_response out;
    struct create_topics_request_topics topics[] = {wanted("a", 1, 1), wanted("b", 10000, 1)};

    (void)state;
    ask_to_create(admin, 7, topics, 2, false, &out);
    assert_int_equal(out.topics.items[0].error_code, KAFKA_ERROR_POLICY_VIOLATION);
    assert_int_equal(out.topics.items[1].error_code, KAFKA_ERROR_POLICY_VIOLATION);
    admin_region_free(admin);
}

static void a_thousand_topics_of_one_request_are_created(void **state)
{
    enum { MANY = 1000 };
    struct admin_region *admin = admin_region_new();
    struct create_topics_request_topics *topics = check_alloc(MANY * sizeof *topics);
    char(*names)[16] = check_alloc(MANY * sizeof *names);
    struct create_topics_response out;
    struct metadata_request in;
    struct metadata_response all;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "many-%d", i);
        topics[i] = wanted(names[i], 10, 3);
    }
    ask_to_create(admin, 7, topics, MANY, false, &out);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(out.topics.items[i].error_code, KAFKA_ERROR_NONE);
    }
    metadata_request_init(&in);
    in.topics.count = -1;
    admin_region_ask(admin, API_METADATA, 12, &in, metadata_handle, &all);
    assert_int_equal(all.topics.count, MANY + 2);
    free(topics);
    free(names);
    admin_region_free(admin);
}

/* ---- DeleteTopics ---- */

static void topics_are_deleted_by_name_and_by_id(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct uuid clicks = admin_region_topic(admin, "clicks")->id;
    struct uuid stranger = {{9}};
    struct delete_topics_request_topics topics[] = {
        {.topic_id = clicks},
        {.name = STRING("views")},
        {.name = STRING("nobody")},
        {.topic_id = stranger},
        {.name = STRING("views"), .topic_id = clicks},
        {.name = STRING_NULL},
        {.name = STRING("clicks")},
    };
    static const int16_t errors[] = {
        KAFKA_ERROR_NONE,
        KAFKA_ERROR_NONE,
        KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
        KAFKA_ERROR_UNKNOWN_TOPIC_ID,
        KAFKA_ERROR_INVALID_REQUEST,
        KAFKA_ERROR_INVALID_REQUEST,
        KAFKA_ERROR_INVALID_REQUEST,
    };
    struct delete_topics_request in;
    struct delete_topics_response out;

    (void)state;
    delete_topics_request_init(&in);
    in.topics = (struct delete_topics_request_topics_array){topics, 7};
    admin_region_ask(admin, API_DELETE_TOPICS, 6, &in, delete_topics_handle, &out);
    assert_int_equal(out.responses.count, 7);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(out.responses.items[i].error_code, errors[i]);
    }
    assert_true(string_is(out.responses.items[0].name, "clicks"));
    assert_null(admin_region_topic(admin, "clicks"));
    assert_null(admin_region_topic(admin, "views"));
    admin_region_free(admin);
}

static void topics_are_deleted_in_every_version(void **state)
{
    struct admin_region *admin = admin_region_new();

    (void)state;
    for (int16_t version = 0; version < 6; version++) {
        struct create_topics_request_topics topic = wanted("passing", 1, 1);
        struct create_topics_response created;
        struct string names[] = {STRING("passing"), STRING("passing"), STRING("nobody")};
        struct delete_topics_request in;
        struct delete_topics_response out;
        ask_to_create(admin, 7, &topic, 1, false, &created);
        delete_topics_request_init(&in);
        in.topic_names = (struct string_array){names + 1, 2};
        admin_region_ask(admin, API_DELETE_TOPICS, version, &in, delete_topics_handle, &out);
        assert_int_equal(out.responses.items[0].error_code, KAFKA_ERROR_NONE);
        assert_int_equal(out.responses.items[1].error_code, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        assert_null(admin_region_topic(admin, "passing"));
        in.topic_names = (struct string_array){names, 2};
        admin_region_ask(admin, API_DELETE_TOPICS, version, &in, delete_topics_handle, &out);
        assert_int_equal(out.responses.count, 1);
        assert_int_equal(out.responses.items[0].error_code, KAFKA_ERROR_INVALID_REQUEST);
    }
    admin_region_free(admin);
}

/* ---- CreatePartitions ---- */

static int16_t grow(struct admin_region *admin, const char *name, int32_t count,
                    struct int32_array *nodes, int32_t node_count)
{
    struct create_partitions_request_topics_assignments assignments[4];
    struct create_partitions_request_topics topic;
    struct create_partitions_request in;
    struct create_partitions_response out;

    create_partitions_request_init(&in);
    create_partitions_request_topics_init(&topic);
    topic.name = string_from(name);
    topic.count = count;
    topic.assignments.count = nodes == NULL ? -1 : node_count;
    topic.assignments.items = assignments;
    for (int i = 0; nodes != NULL && i < node_count; i++) {
        assignments[i].broker_ids = nodes[i];
    }
    in.topics = (struct create_partitions_request_topics_array){&topic, 1};
    admin_region_ask(admin, API_CREATE_PARTITIONS, 3, &in, create_partitions_handle, &out);
    assert_int_equal(out.results.count, 1);
    assert_true(string_is(out.results.items[0].name, name));
    return out.results.items[0].error_code;
}

static void partitions_are_added_up_to_the_new_count(void **state)
{
    struct admin_region *admin = admin_region_new();
    int32_t node[] = {1};
    int32_t two[] = {1, 2};
    struct int32_array one_replica[] = {{node, 1}, {node, 1}};
    struct int32_array two_replicas[] = {{two, 2}};

    (void)state;
    assert_int_equal(grow(admin, "clicks", 5, NULL, 0), KAFKA_ERROR_NONE);
    assert_int_equal(admin_region_topic(admin, "clicks")->partition_count, 5);
    assert_int_equal(admin_region_topic(admin, "clicks")->partitions[4].replica_count, 3);
    assert_int_equal(grow(admin, "clicks", 5, NULL, 0), KAFKA_ERROR_INVALID_PARTITIONS);
    assert_int_equal(grow(admin, "clicks", 2, NULL, 0), KAFKA_ERROR_INVALID_PARTITIONS);
    assert_int_equal(grow(admin, "nobody", 2, NULL, 0), KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(grow(admin, "views", 2, one_replica, 2),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(grow(admin, "views", 2, two_replicas, 1),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(grow(admin, "views", 2, one_replica, 1), KAFKA_ERROR_NONE);
    assert_int_equal(admin_region_topic(admin, "views")->partitions[1].replicas[0], 1);
    admin_region_free(admin);
}

/* ---- Metadata ---- */

static void ask_for(struct admin_region *admin, int16_t version, const char *name, bool may_create,
                    struct metadata_response *out)
{
    struct metadata_request_topics topic = {.name = string_from(name)};
    struct metadata_request in;

    metadata_request_init(&in);
    in.topics = (struct metadata_request_topics_array){&topic, 1};
    if (version >= 4) {
        in.allow_auto_topic_creation = may_create;
    }
    admin_region_ask(admin, API_METADATA, version, &in, metadata_handle, out);
}

static void metadata_shows_topics_in_every_version(void **state)
{
    struct admin_region *admin = admin_region_new();

    (void)state;
    admin->cluster.dead = 2;
    for (int16_t version = 0; version <= 13; version++) {
        struct metadata_response out;
        ask_for(admin, version, "clicks", false, &out);
        assert_int_equal(out.brokers.count, 2);
        assert_int_equal(out.topics.count, 1);
        const struct metadata_response_topics *topic = &out.topics.items[0];
        assert_int_equal(topic->error_code, KAFKA_ERROR_NONE);
        assert_true(string_is(topic->name, "clicks"));
        assert_int_equal(topic->partitions.count, 3);
        assert_int_equal(topic->partitions.items[0].leader_id, 0);
        assert_int_equal(topic->partitions.items[0].replica_nodes.count, 3);
        assert_int_equal(topic->partitions.items[0].isr_nodes.count, 2);
        /* Partition 2 is led by the dead broker. */
        assert_int_equal(topic->partitions.items[2].error_code, KAFKA_ERROR_LEADER_NOT_AVAILABLE);
        assert_int_equal(topic->partitions.items[2].leader_id, -1);
        if (version >= 5) {
            assert_int_equal(topic->partitions.items[0].offline_replicas.items[0], 2);
        }
        if (version >= 7) {
            assert_int_equal(topic->partitions.items[0].leader_epoch, 5);
        }
        if (version >= 8) {
            assert_true(topic->topic_authorized_operations == INT32_MIN);
        }
    }
    admin_region_free(admin);
}

static void a_broker_that_died_is_listed_while_it_is_remembered(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct metadata_response out;

    (void)state;
    admin->cluster.dead = 2;
    admin->cluster.is_dead_remembered = true;
    ask_for(admin, 12, "clicks", false, &out);
    assert_int_equal(out.brokers.count, 3);
    assert_int_equal(out.brokers.items[2].node_id, 2);
    assert_int_equal(out.topics.items[0].partitions.items[2].leader_id, -1);
    assert_int_equal(out.topics.items[0].partitions.items[0].offline_replicas.items[0], 2);
    admin->cluster.is_dead_remembered = false;
    ask_for(admin, 12, "clicks", false, &out);
    assert_int_equal(out.brokers.count, 2);
    admin_region_free(admin);
}

static void all_topics_are_none_in_version_0_and_null_later(void **state)
{
    struct admin_region *admin = admin_region_new();

    (void)state;
    for (int16_t version = 0; version <= 13; version++) {
        struct metadata_request in;
        struct metadata_response out;
        metadata_request_init(&in);
        in.topics.count = version == 0 ? 0 : -1;
        admin_region_ask(admin, API_METADATA, version, &in, metadata_handle, &out);
        assert_int_equal(out.topics.count, 2);
        in.topics.count = 0;
        admin_region_ask(admin, API_METADATA, version, &in, metadata_handle, &out);
        assert_int_equal(out.topics.count, version == 0 ? 2 : 0);
    }
    admin_region_free(admin);
}

static void a_topic_that_is_named_comes_to_be_where_that_is_allowed(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct metadata_response out;

    (void)state;
    ask_for(admin, 9, "new", false, &out);
    assert_int_equal(out.topics.items[0].error_code, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_null(admin_region_topic(admin, "new"));
    ask_for(admin, 9, "new", true, &out);
    assert_int_equal(out.topics.items[0].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(out.topics.items[0].partitions.count, 4);
    assert_non_null(admin_region_topic(admin, "new"));
    ask_for(admin, 1, "older", true, &out);
    assert_non_null(admin_region_topic(admin, "older"));
    ask_for(admin, 9, "not/a/name", true, &out);
    assert_int_equal(out.topics.items[0].error_code, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    ask_for(admin, 9, "__consumer_offsets", true, &out);
    assert_true(out.topics.items[0].is_internal);
    assert_int_equal(out.topics.items[0].partitions.count, 50);
    assert_string_equal(admin_region_setting(admin, "__consumer_offsets", "cleanup.policy"),
                        "compact");
    admin_region_free(admin);
}

static void topics_of_the_broker_have_replicas_on_brokers_that_are_down(void **state)
{
    static const char *const names[] = {"__consumer_offsets", "__transaction_state", "__audit"};
    struct admin_region *admin = admin_region_new();
    struct metadata_response out;

    (void)state;
    admin->cluster.dead = 2;
    for (int i = 0; i < 3; i++) {
        ask_for(admin, 9, names[i], true, &out);
        const struct catalog_topic *topic = admin_region_topic(admin, names[i]);
        assert_non_null(topic);
        for (int32_t j = 0; j < topic->partition_count; j++) {
            assert_int_equal(topic->partitions[j].replica_count, 3);
        }
    }
    admin_region_free(admin);
}

static void topics_are_found_by_id_from_version_12_on(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct metadata_request_topics topics[] = {{.topic_id = admin_region_topic(admin, "views")->id},
                                               {.topic_id = {{9}}}};
    struct metadata_request in;
    struct metadata_response out;

    (void)state;
    metadata_request_init(&in);
    in.topics = (struct metadata_request_topics_array){topics, 2};
    admin_region_ask(admin, API_METADATA, 12, &in, metadata_handle, &out);
    assert_true(string_is(out.topics.items[0].name, "views"));
    assert_int_equal(out.topics.items[1].error_code, KAFKA_ERROR_UNKNOWN_TOPIC_ID);
    assert_null(out.topics.items[1].name.bytes);
    admin_region_free(admin);
}

/* ---- DescribeTopicPartitions ---- */

static void a_page_has_a_partition_at_least(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct describe_topic_partitions_request in;
    struct describe_topic_partitions_response out;

    (void)state;
    describe_topic_partitions_request_init(&in);
    for (in.response_partition_limit = 1; in.response_partition_limit > -3;
         in.response_partition_limit--) {
        admin_region_ask(admin, API_DESCRIBE_TOPIC_PARTITIONS, 0, &in,
                         describe_topic_partitions_handle, &out);
        assert_int_equal(out.topics.count, 1);
        assert_int_equal(out.topics.items[0].partitions.count, 1);
        assert_non_null(out.next_cursor);
    }
    admin_region_free(admin);
}

static void pages_follow_one_another_without_gap(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct describe_topic_partitions_request_cursor cursor;
    struct describe_topic_partitions_request in;
    struct describe_topic_partitions_response out;
    char seen[64] = "";

    (void)state;
    describe_topic_partitions_request_init(&in);
    in.response_partition_limit = 2;
    for (int page = 0; page < 3; page++) {
        admin_region_ask(admin, API_DESCRIBE_TOPIC_PARTITIONS, 0, &in,
                         describe_topic_partitions_handle, &out);
        for (int i = 0; i < out.topics.count; i++) {
            for (int j = 0; j < out.topics.items[i].partitions.count; j++) {
                size_t length = strlen(seen);
                (void)snprintf(seen + length, sizeof seen - length, "%.1s%d ",
                               out.topics.items[i].name.bytes,
                               out.topics.items[i].partitions.items[j].partition_index);
            }
        }
        if (out.next_cursor == NULL) {
            break;
        }
        assert_true(page < 2);
        cursor.topic_name =
            string_is(out.next_cursor->topic_name, "clicks") ? STRING("clicks") : STRING("views");
        cursor.partition_index = out.next_cursor->partition_index;
        in.cursor = &cursor;
    }
    assert_string_equal(seen, "c0 c1 c2 v0 ");
    admin_region_free(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_and_bad_topics_of_one_request_are_told_apart),
        cmocka_unit_test(topics_are_created_in_every_version),
        cmocka_unit_test(a_request_that_only_validates_changes_nothing),
        cmocka_unit_test(assignments_are_taken_or_refused),
        cmocka_unit_test(settings_of_new_topics_are_checked_and_kept),
        cmocka_unit_test(a_request_for_too_many_partitions_is_refused_as_a_whole),
        cmocka_unit_test(a_thousand_topics_of_one_request_are_created),
        cmocka_unit_test(topics_are_deleted_by_name_and_by_id),
        cmocka_unit_test(topics_are_deleted_in_every_version),
        cmocka_unit_test(partitions_are_added_up_to_the_new_count),
        cmocka_unit_test(metadata_shows_topics_in_every_version),
        cmocka_unit_test(a_broker_that_died_is_listed_while_it_is_remembered),
        cmocka_unit_test(all_topics_are_none_in_version_0_and_null_later),
        cmocka_unit_test(a_topic_that_is_named_comes_to_be_where_that_is_allowed),
        cmocka_unit_test(topics_of_the_broker_have_replicas_on_brokers_that_are_down),
        cmocka_unit_test(topics_are_found_by_id_from_version_12_on),
        cmocka_unit_test(a_page_has_a_partition_at_least),
        cmocka_unit_test(pages_follow_one_another_without_gap),
    };
    return cmocka_run_group_tests_name("topics", tests, NULL, NULL);
}

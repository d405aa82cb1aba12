/* SPDX-License-Identifier: Apache-2.0 */
/* Every command does what it says, refuses with Kafka's error, and changes nothing when refused or
 * repeated. */
#include "catalog_fixture.h"
#include "support/test.h"

static void a_topic_is_found_by_name_and_id_and_told_of(void **state)
{
    struct catalog_fixture fixture;

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(create_one(&fixture, "clicks", 1, 4, 3), KAFKA_ERROR_NONE);
    const struct topic_object *topic = topics_find(&fixture.state, STRING("clicks"));
    assert_non_null(topic);
    assert_ptr_equal(topic, topics_find_id(&fixture.state, uuid_of(1)));
    assert_int_equal(topic->topic.partition_count, 4);
    assert_int_equal(topic->topic.partitions[1].replicas[0], 1);
    assert_int_equal(topic->topic.created_index, 4);
    assert_int_equal(fixture.state.partition_count, 4);
    assert_string_equal(fixture.heard, "+clicks ");
    catalog_fixture_release(&fixture);
}

static void a_repeated_creation_succeeds_and_changes_nothing(void **state)
{
    struct catalog_fixture fixture;

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(create_one(&fixture, "clicks", 1, 4, 3), KAFKA_ERROR_NONE);
    assert_int_equal(create_one(&fixture, "clicks", 1, 4, 3), KAFKA_ERROR_NONE);
    assert_int_equal(fixture.state.partition_count, 4);
    assert_string_equal(fixture.heard, "+clicks ");
    catalog_fixture_release(&fixture);
}

static void a_topic_is_refused_with_kafkas_error(void **state)
{
    struct catalog_fixture fixture;

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(create_one(&fixture, "a.b", 1, 1, 1), KAFKA_ERROR_NONE);
    assert_int_equal(create_one(&fixture, "a.b", 2, 1, 1), KAFKA_ERROR_TOPIC_ALREADY_EXISTS);
    assert_string_equal(fixture.result.message, "Topic 'a.b' already exists.");
    assert_int_equal(create_one(&fixture, "a_b", 2, 1, 1), KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    assert_string_equal(fixture.result.message, "Topic 'a_b' collides with existing topic: a.b");
    assert_int_equal(create_one(&fixture, "a/b", 2, 1, 1), KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    assert_int_equal(create_one(&fixture, "c..d", 2, 1, 1), KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    assert_int_equal(create_one(&fixture, "c", 2, 0, 1), KAFKA_ERROR_INVALID_PARTITIONS);
    assert_int_equal(create_one(&fixture, "c", 2, 1, 0), KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    /* Partition 0 of four replicas is on 0, 1, 2, 0. */
    assert_int_equal(create_one(&fixture, "c", 2, 1, 4), KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(fixture.state.topics_by_id.count, 1);
    catalog_fixture_release(&fixture);

    catalog_fixture_init(&fixture, 1); /* brokers 1 and 2 are not registered */
    assert_int_equal(create_one(&fixture, "c", 2, 2, 1), KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    catalog_fixture_release(&fixture);
}

static void a_deleted_topic_is_gone_and_its_name_is_free(void **state)
{
    struct catalog_fixture fixture;
    struct catalog_delete_topic message = {.topic_id = uuid_of(1)};

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(create_one(&fixture, "clicks", 1, 4, 3), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&fixture, delete_topic, DELETE_TOPIC, &message),
                     KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&fixture, delete_topic, DELETE_TOPIC, &message),
                     KAFKA_ERROR_UNKNOWN_TOPIC_ID);
    assert_null(topics_find(&fixture.state, STRING("clicks")));
    assert_int_equal(fixture.state.partition_count, 0);
    assert_int_equal(create_one(&fixture, "clicks", 2, 1, 1), KAFKA_ERROR_NONE);
    assert_string_equal(fixture.heard, "+clicks -clicks +clicks ");
    catalog_fixture_release(&fixture);
}

static enum kafka_error add_partitions(struct catalog_fixture *fixture, int32_t first, int32_t node)
{
    struct catalog_add_partitions_partitions partition = {.replicas = {&node, 1}};
    struct catalog_add_partitions message = {
        .topic_id = uuid_of(1), .first_partition = first, .partitions = {&partition, 1}};

    return apply_command(fixture, add_partitions, ADD_PARTITIONS, &message);
}

static void partitions_are_added_once_behind_those_that_were_seen(void **state)
{
    struct catalog_fixture fixture;

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(add_partitions(&fixture, 2, 1), KAFKA_ERROR_UNKNOWN_TOPIC_ID);
    assert_int_equal(create_one(&fixture, "clicks", 1, 2, 1), KAFKA_ERROR_NONE);
    assert_int_equal(add_partitions(&fixture, 1, 0), KAFKA_ERROR_INVALID_PARTITIONS);
    assert_int_equal(add_partitions(&fixture, 2, 9), KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(add_partitions(&fixture, 2, 1), KAFKA_ERROR_NONE);
    assert_int_equal(add_partitions(&fixture, 2, 1), KAFKA_ERROR_NONE); /* repeated */
    assert_int_equal(fixture.state.partition_count, 3);
    assert_string_equal(fixture.heard, "+clicks *clicks ");
    catalog_fixture_release(&fixture);
}

static void settings_are_set_replaced_and_removed_in_order_of_name(void **state)
{
    struct catalog_fixture fixture;

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(create_one(&fixture, "clicks", 1, 1, 1), KAFKA_ERROR_NONE);
    assert_int_equal(set_one(&fixture, 9, "retention.ms", "1"),
                     KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(set_one(&fixture, 1, "retention.ms", "1000"), KAFKA_ERROR_NONE);
    const struct topic_object *topic = topics_find(&fixture.state, STRING("clicks"));
    assert_int_equal(topic->topic.config.retention_ms, 1000);
    assert_int_equal(set_one(&fixture, 1, "max.message.bytes", "2000"), KAFKA_ERROR_NONE);
    assert_int_equal(set_one(&fixture, 1, "retention.ms", "3000"), KAFKA_ERROR_NONE);
    assert_int_equal(topic->topic.config.retention_ms, 3000);
    const struct catalog_setting *first =
        list_first(&topic->topic.settings, struct catalog_setting, link);
    assert_true(string_is(first->name, "max.message.bytes"));
    assert_int_equal(set_one(&fixture, 1, "retention.ms", NULL), KAFKA_ERROR_NONE);
    assert_int_equal(topic->topic.config.retention_ms, 604800000);
    assert_null(settings_find(&topic->topic.settings, STRING("retention.ms")).bytes);
    catalog_fixture_release(&fixture);
}

static void settings_of_all_brokers_reach_topics_that_say_nothing(void **state)
{
    struct catalog_fixture fixture;
    struct catalog_set_broker_settings_changes change = {.name = STRING("log.retention.ms"),
                                                         .value = STRING("5000")};
    struct catalog_set_broker_settings message = {.broker = STRING(""), .changes = {&change, 1}};

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(create_one(&fixture, "silent", 1, 1, 1), KAFKA_ERROR_NONE);
    assert_int_equal(create_one(&fixture, "loud", 2, 1, 1), KAFKA_ERROR_NONE);
    assert_int_equal(set_one(&fixture, 2, "retention.ms", "1"), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&fixture, set_broker_settings, SET_BROKER_SETTINGS, &message),
                     KAFKA_ERROR_NONE);
    assert_int_equal(topics_find_id(&fixture.state, uuid_of(1))->topic.config.retention_ms, 5000);
    assert_int_equal(topics_find_id(&fixture.state, uuid_of(2))->topic.config.retention_ms, 1);
    change.value = STRING_NULL;
    assert_int_equal(apply_command(&fixture, set_broker_settings, SET_BROKER_SETTINGS, &message),
                     KAFKA_ERROR_NONE);
    assert_int_equal(fixture.state.broker_settings.count, 0);
    assert_int_equal(topics_find_id(&fixture.state, uuid_of(1))->topic.config.retention_ms,
                     604800000);
    catalog_fixture_release(&fixture);
}

static void a_broker_without_its_disk_does_not_come_back(void **state)
{
    struct catalog_fixture fixture;
    struct catalog_unregister_broker leave = {.node_id = 2};
    struct catalog_set_draining drain = {.node_id = 2, .incarnation = 7, .is_draining = true};

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(register_one(&fixture, 2, 102), KAFKA_ERROR_NONE);
    assert_int_equal(register_one(&fixture, 2, 99), KAFKA_ERROR_DUPLICATE_BROKER_REGISTRATION);
    assert_int_equal(apply_command(&fixture, set_draining, SET_DRAINING, &drain), KAFKA_ERROR_NONE);
    assert_true(brokers_find(&fixture.state, 2)->is_draining);
    drain.incarnation = 8;
    assert_int_equal(apply_command(&fixture, set_draining, SET_DRAINING, &drain),
                     KAFKA_ERROR_STALE_BROKER_EPOCH);
    assert_int_equal(register_one(&fixture, 2, 102), KAFKA_ERROR_NONE);
    assert_false(brokers_find(&fixture.state, 2)->is_draining);
    assert_int_equal(create_one(&fixture, "clicks", 1, 1, 3), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&fixture, unregister_broker, UNREGISTER_BROKER, &leave),
                     KAFKA_ERROR_INVALID_REQUEST);
    struct catalog_delete_topic remove = {.topic_id = uuid_of(1)};
    assert_int_equal(apply_command(&fixture, delete_topic, DELETE_TOPIC, &remove),
                     KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&fixture, unregister_broker, UNREGISTER_BROKER, &leave),
                     KAFKA_ERROR_NONE);
    assert_null(brokers_find(&fixture.state, 2));
    assert_int_equal(apply_command(&fixture, unregister_broker, UNREGISTER_BROKER, &leave),
                     KAFKA_ERROR_BROKER_ID_NOT_REGISTERED);
    assert_string_equal(fixture.heard, "b2 b2 b2 +clicks -clicks -b2 ");
    catalog_fixture_release(&fixture);
}

static void a_region_takes_no_more_brokers_than_have_room_in_its_catalogs_group(void **state)
{
    struct catalog_fixture fixture;
    struct catalog_unregister_broker leave = {.node_id = 2};
    int32_t newcomer = CATALOG_BROKERS_MAX;

    (void)state;
    catalog_fixture_init(&fixture, CATALOG_BROKERS_MAX);
    assert_int_equal(register_one(&fixture, newcomer, 250), KAFKA_ERROR_INVALID_REGISTRATION);
    assert_string_equal(fixture.result.message,
                        "The region has 64 brokers, and there may be no more. Unregister one that "
                        "is gone, or begin another region.");
    assert_null(brokers_find(&fixture.state, newcomer));
    assert_int_equal(register_one(&fixture, 2, 102), KAFKA_ERROR_NONE); /* it starts again */
    assert_int_equal(apply_command(&fixture, unregister_broker, UNREGISTER_BROKER, &leave),
                     KAFKA_ERROR_NONE);
    assert_int_equal(register_one(&fixture, newcomer, 250), KAFKA_ERROR_NONE);
    assert_int_equal(register_one(&fixture, 2, 102), KAFKA_ERROR_INVALID_REGISTRATION);
    assert_string_equal(fixture.heard, "b2 -b2 b64 ");
    catalog_fixture_release(&fixture);
}

static void a_reassignment_begins_ends_and_is_called_off(void **state)
{
    struct catalog_fixture fixture;
    int32_t nodes[] = {2, 1};
    struct catalog_set_targets_partitions to = {.partition = 0, .targets = {nodes, 2}};
    struct catalog_set_targets begin = {.topic_id = uuid_of(1), .partitions = {&to, 1}};
    struct catalog_set_replicas_partitions at = {.partition = 0, .replicas = {nodes, 2}};
    struct catalog_set_replicas end = {.topic_id = uuid_of(1), .partitions = {&at, 1}};

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(create_one(&fixture, "clicks", 1, 1, 1), KAFKA_ERROR_NONE);
    const struct catalog_partition *partition =
        &topics_find_id(&fixture.state, uuid_of(1))->topic.partitions[0];
    assert_int_equal(apply_command(&fixture, set_targets, SET_TARGETS, &begin), KAFKA_ERROR_NONE);
    assert_int_equal(partition->target_count, 2);
    assert_int_equal(partition->replica_count, 1);
    assert_int_equal(apply_command(&fixture, set_replicas, SET_REPLICAS, &end), KAFKA_ERROR_NONE);
    assert_int_equal(partition->target_count, 0);
    assert_int_equal(partition->replicas[0], 2);
    assert_true(partition->has_moved);
    assert_int_equal(apply_command(&fixture, set_replicas, SET_REPLICAS, &end), KAFKA_ERROR_NONE);
    nodes[0] = 0;
    assert_int_equal(apply_command(&fixture, set_targets, SET_TARGETS, &begin), KAFKA_ERROR_NONE);
    assert_true(catalog_partition_moves(partition));
    to.targets.count = 0;
    assert_int_equal(apply_command(&fixture, set_targets, SET_TARGETS, &begin), KAFKA_ERROR_NONE);
    assert_false(catalog_partition_moves(partition));
    to.partition = 1;
    assert_int_equal(apply_command(&fixture, set_targets, SET_TARGETS, &begin),
                     KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    nodes[0] = 1; /* twice the same broker */
    to = (struct catalog_set_targets_partitions){.partition = 0, .targets = {nodes, 2}};
    assert_int_equal(apply_command(&fixture, set_targets, SET_TARGETS, &begin),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    catalog_fixture_release(&fixture);
}

static enum kafka_error move_to(struct catalog_fixture *fixture, int32_t *nodes, int count)
{
    struct catalog_set_targets_partitions to = {.partition = 0, .targets = {nodes, count}};
    struct catalog_set_targets begin = {.topic_id = uuid_of(1), .partitions = {&to, 1}};

    return apply_command(fixture, set_targets, SET_TARGETS, &begin);
}

static enum kafka_error arrive_at(struct catalog_fixture *fixture, int32_t *nodes, int count)
{
    struct catalog_set_replicas_partitions at = {.partition = 0, .replicas = {nodes, count}};
    struct catalog_set_replicas end = {.topic_id = uuid_of(1), .partitions = {&at, 1}};

    return apply_command(fixture, set_replicas, SET_REPLICAS, &end);
}

static void a_broker_may_hold_a_replica_until_the_leader_has_let_go_of_it(void **state)
{
    struct catalog_fixture fixture;
    int32_t one[] = {1};
    int32_t two[] = {2};
    int32_t zero[] = {0};
    struct catalog_unregister_broker leave = {.node_id = 1};

    (void)state;
    catalog_fixture_init(&fixture, 3);
    assert_int_equal(create_one(&fixture, "clicks", 1, 1, 1), KAFKA_ERROR_NONE);
    const struct catalog_partition *partition =
        &topics_find_id(&fixture.state, uuid_of(1))->topic.partitions[0];
    assert_int_equal(partition->replicas[0], 0);
    assert_int_equal(move_to(&fixture, one, 1), KAFKA_ERROR_NONE);
    assert_int_equal(move_to(&fixture, two, 1), KAFKA_ERROR_NONE);
    assert_true(catalog_partition_names(partition, 1));
    assert_int_equal(move_to(&fixture, NULL, 0), KAFKA_ERROR_NONE);
    /* The group may be at 1 alone by now, or at 2. */
    assert_true(catalog_partition_names(partition, 0));
    assert_true(catalog_partition_names(partition, 1));
    assert_true(catalog_partition_names(partition, 2));
    assert_int_equal(apply_command(&fixture, unregister_broker, UNREGISTER_BROKER, &leave),
                     KAFKA_ERROR_INVALID_REQUEST);
    /* A leader that has not heard of the change of mind. */
    assert_int_equal(arrive_at(&fixture, one, 1), KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS);
    assert_int_equal(partition->replicas[0], 0);
    assert_int_equal(arrive_at(&fixture, zero, 1), KAFKA_ERROR_NONE);
    assert_int_equal(partition->target_count, 0);
    assert_false(catalog_partition_names(partition, 1));
    assert_false(catalog_partition_names(partition, 2));
    assert_false(partition->has_moved);
    assert_int_equal(arrive_at(&fixture, two, 1), KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS);
    assert_int_equal(apply_command(&fixture, unregister_broker, UNREGISTER_BROKER, &leave),
                     KAFKA_ERROR_NONE);
    catalog_fixture_release(&fixture);
}

static void the_first_secret_of_a_region_stays(void **state)
{
    struct catalog_fixture fixture;
    char secrets[2][CATALOG_SECRET_BYTES];
    struct catalog_form_region form = {.cluster_id = uuid_of(9), .region = STRING("eu")};

    (void)state;
    memset(secrets[0], 'a', CATALOG_SECRET_BYTES);
    memset(secrets[1], 'b', CATALOG_SECRET_BYTES);
    catalog_fixture_init(&fixture, 1);
    /* An older release forms it, and sends none. */
    assert_int_equal(apply_command(&fixture, form_region, FORM_REGION, &form), KAFKA_ERROR_NONE);
    assert_false(fixture.state.has_secret);
    form.secret = (struct bytes){secrets[0], CATALOG_SECRET_BYTES - 1};
    assert_int_equal(apply_command(&fixture, form_region, FORM_REGION, &form), KAFKA_ERROR_NONE);
    assert_false(fixture.state.has_secret);
    for (int i = 0; i < 2; i++) {
        form.secret = (struct bytes){secrets[i], CATALOG_SECRET_BYTES};
        assert_int_equal(apply_command(&fixture, form_region, FORM_REGION, &form),
                         KAFKA_ERROR_NONE);
        assert_memory_equal(fixture.state.secret, secrets[0], CATALOG_SECRET_BYTES);
    }
    form.cluster_id = uuid_of(8);
    assert_int_equal(apply_command(&fixture, form_region, FORM_REGION, &form),
                     KAFKA_ERROR_INCONSISTENT_CLUSTER_ID);
    catalog_fixture_release(&fixture);
}

static void producer_ids_never_repeat_and_carry_the_region(void **state)
{
    struct catalog_fixture fixture;
    struct catalog_form_region form = {
        .cluster_id = uuid_of(9), .region = STRING("eu"), .region_index = 3};
    struct catalog_allocate_producer_ids block = {.count = 1000};

    (void)state;
    catalog_fixture_init(&fixture, 1);
    assert_int_equal(apply_command(&fixture, form_region, FORM_REGION, &form), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&fixture, form_region, FORM_REGION, &form), KAFKA_ERROR_NONE);
    form.cluster_id = uuid_of(8);
    assert_int_equal(apply_command(&fixture, form_region, FORM_REGION, &form),
                     KAFKA_ERROR_INCONSISTENT_CLUSTER_ID);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(
            apply_command(&fixture, allocate_producer_ids, ALLOCATE_PRODUCER_IDS, &block),
            KAFKA_ERROR_NONE);
        assert_int_equal(fixture.result.value_length, 8);
        assert_true(load_be64(fixture.result.value) == ((UINT64_C(3) << 55) | (i * 1000)));
    }
    block.count = 0;
    assert_int_equal(apply_command(&fixture, allocate_producer_ids, ALLOCATE_PRODUCER_IDS, &block),
                     KAFKA_ERROR_INVALID_REQUEST);
    catalog_fixture_release(&fixture);
}

static void bytes_that_are_no_command_are_known_as_such(void **state)
{
    struct catalog_fixture fixture;
    char unknown[] = {0, 99, 0, 0};
    char newer[] = {0, 6, 0, 9};
    char cut[] = {0, 6, 0, 0, 1, 2};

    (void)state;
    catalog_fixture_init(&fixture, 1);
    assert_int_equal(catalog_commands_check((struct bytes){cut, 1}), ERROR_MALFORMED);
    assert_int_equal(catalog_commands_check((struct bytes){cut, sizeof cut}), ERROR_MALFORMED);
    assert_int_equal(catalog_commands_check((struct bytes){unknown, 4}), ERROR_VERSION);
    assert_int_equal(catalog_commands_check((struct bytes){newer, 4}), ERROR_VERSION);
    catalog_apply(&fixture.state, fixture.state.applied_index + 1, (struct bytes){newer, 4},
                  &fixture.result);
    assert_int_equal(fixture.result.error, KAFKA_ERROR_UNSUPPORTED_VERSION);
    catalog_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_is_found_by_name_and_id_and_told_of),
        cmocka_unit_test(a_repeated_creation_succeeds_and_changes_nothing),
        cmocka_unit_test(a_topic_is_refused_with_kafkas_error),
        cmocka_unit_test(a_deleted_topic_is_gone_and_its_name_is_free),
        cmocka_unit_test(partitions_are_added_once_behind_those_that_were_seen),
        cmocka_unit_test(settings_are_set_replaced_and_removed_in_order_of_name),
        cmocka_unit_test(settings_of_all_brokers_reach_topics_that_say_nothing),
        cmocka_unit_test(a_broker_without_its_disk_does_not_come_back),
        cmocka_unit_test(a_region_takes_no_more_brokers_than_have_room_in_its_catalogs_group),
        cmocka_unit_test(a_reassignment_begins_ends_and_is_called_off),
        cmocka_unit_test(a_broker_may_hold_a_replica_until_the_leader_has_let_go_of_it),
        cmocka_unit_test(the_first_secret_of_a_region_stays),
        cmocka_unit_test(producer_ids_never_repeat_and_carry_the_region),
        cmocka_unit_test(bytes_that_are_no_command_are_known_as_such),
    };
    return cmocka_run_group_tests_name("catalog_apply", tests, NULL, NULL);
}

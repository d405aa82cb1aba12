/* SPDX-License-Identifier: Apache-2.0 */
/* A state that went through a snapshot, or through the store, is the same state; what is equal is
 * not announced again; damage is noticed. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "catalog_fixture.h"
#include "metadata/catalog_rows.h"
#include "metadata/catalog_store.h"
#include "support/test.h"

static char secret[] = "thirty-two bytes of some secret.";

/* Views moved from 0 to 1, was then to move to 2 and is on its way back. */
static void move(struct catalog_fixture *fixture)
{
    int32_t one = 1;
    int32_t two = 2;
    struct catalog_set_targets_partitions to = {.partition = 0, .targets = {&one, 1}};
    struct catalog_set_targets begin = {.topic_id = uuid_of(2), .partitions = {&to, 1}};
    struct catalog_set_replicas_partitions at = {.partition = 0, .replicas = {&one, 1}};
    struct catalog_set_replicas end = {.topic_id = uuid_of(2), .partitions = {&at, 1}};

    assert_int_equal(apply_command(fixture, set_targets, SET_TARGETS, &begin), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(fixture, set_replicas, SET_REPLICAS, &end), KAFKA_ERROR_NONE);
    to.targets.items = &two;
    assert_int_equal(apply_command(fixture, set_targets, SET_TARGETS, &begin), KAFKA_ERROR_NONE);
    to.targets.count = 0;
    assert_int_equal(apply_command(fixture, set_targets, SET_TARGETS, &begin), KAFKA_ERROR_NONE);
}

static void fill(struct catalog_fixture *fixture)
{
    struct catalog_form_region form = {.cluster_id = uuid_of(9),
                                       .region = STRING("eu"),
                                       .region_index = 3,
                                       .secret = {secret, CATALOG_SECRET_BYTES}};
    struct catalog_set_broker_settings_changes change = {.name = STRING("log.retention.ms"),
                                                         .value = STRING("5000")};
    struct catalog_set_broker_settings all = {.broker = STRING(""), .changes = {&change, 1}};
    struct catalog_set_group_settings group = {
        .group = STRING("g"),
        .changes = {
            &(struct catalog_set_group_settings_changes){.name = STRING("a"), .value = STRING("b")},
            1}};

    catalog_fixture_init(fixture, 3);
    assert_int_equal(apply_command(fixture, form_region, FORM_REGION, &form), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(fixture, set_broker_settings, SET_BROKER_SETTINGS, &all),
                     KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(fixture, set_group_settings, SET_GROUP_SETTINGS, &group),
                     KAFKA_ERROR_NONE);
    assert_int_equal(create_one(fixture, "clicks", 1, 5, 3), KAFKA_ERROR_NONE);
    assert_int_equal(create_one(fixture, "views", 2, 1, 1), KAFKA_ERROR_NONE);
    assert_int_equal(set_one(fixture, 2, "retention.ms", "7"), KAFKA_ERROR_NONE);
    move(fixture);
}

static struct bytes bytes_of(const struct buffer *buffer)
{
    return (struct bytes){buffer->bytes, (int32_t)buffer->size};
}

static void assert_filled(const struct catalog_state *state)
{
    assert_int_equal(state->topics_by_id.count, 2);
    assert_int_equal(state->brokers.count, 3);
    assert_int_equal(state->partition_count, 6);
    assert_int_equal(state->region_index, 3);
    assert_true(state->has_secret);
    assert_memory_equal(state->secret, secret, CATALOG_SECRET_BYTES);
    assert_true(string_is(state->region, "eu"));
    const struct topic_object *topic = topics_find(state, STRING("clicks"));
    assert_int_equal(topic->topic.partitions[4].replicas[2], 0);
    assert_int_equal(topic->topic.config.retention_ms, 5000);
    assert_int_equal(topics_find(state, STRING("views"))->topic.config.retention_ms, 7);
    const struct catalog_partition *moved = topics_find(state, STRING("views"))->topic.partitions;
    assert_true(moved->has_moved);
    assert_int_equal(moved->targets[0], 1);
    assert_int_equal(moved->leaving_count, 1);
    assert_int_equal(moved->leaving[0], 2);
    const struct catalog_broker *broker = brokers_find(state, 2);
    assert_true(string_is(broker->rack, "rack"));
    assert_int_equal(broker->endpoints[0].port, 9092);
    assert_non_null(settings_find_owner(&state->group_settings, STRING("g")));
}

static void a_snapshot_brings_everything_back(void **test)
{
    struct catalog_fixture fixture;
    struct catalog_fixture other;

    (void)test;
    fill(&fixture);
    struct buffer *snapshot = catalog_rows_snapshot(&fixture.state);
    catalog_fixture_init(&other, 0);
    assert_int_equal(catalog_rows_restore(&other.state, bytes_of(snapshot), 77), ERROR_NONE);
    assert_filled(&other.state);
    assert_int_equal(other.state.applied_index, 77);
    struct buffer *again = catalog_rows_snapshot(&other.state);
    assert_int_equal(again->size, snapshot->size);
    buffer_unref(snapshot);
    buffer_unref(again);
    catalog_fixture_release(&fixture);
    catalog_fixture_release(&other);
}

static void a_snapshot_announces_only_what_differs(void **test)
{
    struct catalog_fixture fixture;
    struct catalog_delete_topic remove = {.topic_id = uuid_of(1)};

    (void)test;
    fill(&fixture);
    struct buffer *snapshot = catalog_rows_snapshot(&fixture.state);
    /* Since: clicks was made anew under another id, and a topic was added. */
    assert_int_equal(apply_command(&fixture, delete_topic, DELETE_TOPIC, &remove),
                     KAFKA_ERROR_NONE);
    assert_int_equal(create_one(&fixture, "clicks", 3, 1, 1), KAFKA_ERROR_NONE);
    fixture.heard[0] = '\0';
    assert_int_equal(catalog_rows_restore(&fixture.state, bytes_of(snapshot), 77), ERROR_NONE);
    assert_filled(&fixture.state);
    assert_true(uuid_equal(topics_find(&fixture.state, STRING("clicks"))->topic.id, uuid_of(1)));
    assert_string_equal(fixture.heard, "-clicks +clicks ");
    buffer_unref(snapshot);
    catalog_fixture_release(&fixture);
}

static void a_damaged_snapshot_is_refused_wherever_it_is_cut(void **test)
{
    struct catalog_fixture fixture;
    struct catalog_fixture other;

    (void)test;
    fill(&fixture);
    struct buffer *snapshot = catalog_rows_snapshot(&fixture.state);
    for (size_t size = 0; size < snapshot->size; size++) {
        catalog_fixture_init(&other, 0);
        enum error error =
            catalog_rows_restore(&other.state, (struct bytes){snapshot->bytes, (int32_t)size}, 77);
        /* Cut between two rows it is whole, only shorter: storage's checksum tells that. */
        assert_true(error == ERROR_CORRUPT || error == ERROR_NONE);
        catalog_fixture_release(&other);
    }
    snapshot->bytes[1] = 9;
    catalog_fixture_init(&other, 0);
    assert_int_equal(catalog_rows_restore(&other.state, bytes_of(snapshot), 77), ERROR_VERSION);
    catalog_fixture_release(&other);
    buffer_unref(snapshot);
    catalog_fixture_release(&fixture);
}

/* ---- through a store ---- */

static int32_t save(struct catalog_state *state, struct catalog_store *store)
{
    struct catalog_store_row rows[32];
    int32_t count = 0;

    map_for_each(link, &state->dirty) {
        struct row_key *key = CONTAINER_OF(link, struct row_key, by_key);
        rows[count].key = (struct bytes){key->bytes, key->length};
        rows[count++].value = catalog_rows_encode(state, key);
    }
    assert_int_equal(store->operations->write(store, rows, count, state->applied_index),
                     ERROR_NONE);
    for (int32_t i = 0; i < count; i++) {
        buffer_unref(rows[i].value);
    }
    catalog_state_forget_dirty(state);
    return count;
}

static enum error put_row(void *context, struct bytes key, struct bytes value)
{
    (void)key;
    return catalog_rows_put(context, value);
}

static void check_store(struct catalog_store *store)
{
    struct catalog_fixture fixture;
    struct catalog_fixture other;
    uint64_t index = 0;

    fill(&fixture);
    fixture.state.keeps_dirty = true;
    struct buffer *snapshot = catalog_rows_snapshot(&fixture.state);
    catalog_fixture_init(&other, 0);
    other.state.keeps_dirty = true;
    assert_int_equal(catalog_rows_restore(&other.state, bytes_of(snapshot), 77), ERROR_NONE);
    assert_int_equal(create_one(&other, "gone", 4, 1, 1), KAFKA_ERROR_NONE);
    assert_int_equal(save(&other.state, store), 9);
    struct catalog_delete_topic remove = {.topic_id = uuid_of(4)};
    assert_int_equal(apply_command(&other, delete_topic, DELETE_TOPIC, &remove), KAFKA_ERROR_NONE);
    assert_int_equal(save(&other.state, store), 1);
    buffer_unref(snapshot);
    catalog_fixture_release(&other);
    catalog_fixture_release(&fixture);

    catalog_fixture_init(&other, 0);
    assert_int_equal(store->operations->load(store, put_row, &other.state, &index), ERROR_NONE);
    topics_compute_all(&other.state);
    assert_int_equal(index, 79);
    assert_filled(&other.state);
    catalog_fixture_release(&other);

    assert_int_equal(store->operations->drop(store), ERROR_NONE);
    catalog_fixture_init(&other, 0);
    index = 1;
    assert_int_equal(store->operations->load(store, put_row, &other.state, &index), ERROR_NONE);
    assert_int_equal(index, 0);
    assert_int_equal(other.state.topics_by_id.count, 0);
    catalog_fixture_release(&other);
}

static void the_store_in_memory_brings_everything_back(void **test)
{
    struct catalog_store *store = catalog_store_new_in_memory();

    (void)test;
    check_store(store);
    catalog_store_close(store);
}

static void the_store_on_disk_brings_everything_back(void **test)
{
    char directory[] = "/tmp/gyre-catalog-XXXXXX";
    char path[64];
    struct catalog_store *store = NULL;

    (void)test;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(catalog_store_open(directory, &store), ERROR_NONE);
    check_store(store);
    catalog_store_close(store);
    (void)snprintf(path, sizeof path, "%s/data.mdb", directory);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/lock.mdb", directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

static void a_flipped_bit_in_the_store_is_noticed(void **test)
{
    char directory[] = "/tmp/gyre-catalog-XXXXXX";
    char path[64];
    struct catalog_store *store = NULL;
    struct catalog_fixture fixture;
    uint64_t index = 0;

    (void)test;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(catalog_store_open(directory, &store), ERROR_NONE);
    catalog_fixture_init(&fixture, 3);
    fixture.state.keeps_dirty = true;
    assert_int_equal(create_one(&fixture, "findme", 1, 1, 1), KAFKA_ERROR_NONE);
    assert_int_equal(save(&fixture.state, store), 1);
    catalog_store_close(store);
    (void)snprintf(path, sizeof path, "%s/data.mdb", directory);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    char bytes[65536];
    size_t length = fread(bytes, 1, sizeof bytes, file);
    char *name = memmem(bytes, length, "findme", 6);
    assert_non_null(name);
    assert_int_equal(fseek(file, name - bytes, SEEK_SET), 0);
    assert_int_equal(fputc('F', file), 'F');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(catalog_store_open(directory, &store), ERROR_NONE);
    catalog_fixture_release(&fixture);
    catalog_fixture_init(&fixture, 0);
    assert_int_equal(store->operations->load(store, put_row, &fixture.state, &index),
                     ERROR_CORRUPT);
    catalog_store_close(store);
    catalog_fixture_release(&fixture);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/lock.mdb", directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_brings_everything_back),
        cmocka_unit_test(a_snapshot_announces_only_what_differs),
        cmocka_unit_test(a_damaged_snapshot_is_refused_wherever_it_is_cut),
        cmocka_unit_test(the_store_in_memory_brings_everything_back),
        cmocka_unit_test(the_store_on_disk_brings_everything_back),
        cmocka_unit_test(a_flipped_bit_in_the_store_is_noticed),
    };
    return cmocka_run_group_tests_name("catalog_rows", tests, NULL, NULL);
}

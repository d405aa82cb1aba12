/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gyre/audit/audit.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

#include "support/fake_clock.h"
#include "support/test.h"

enum { WINDOW_US = 10 * 1000 * 1000, PATH_BYTES = 64 };

/* A pool whose work runs when the test says so. */
struct held_pool {
    struct work_pool pool;
    struct work *held;
};

static void hold(struct work_pool *pool, struct work *work)
{
    struct held_pool *held = (struct held_pool *)pool;

    assert_null(held->held);
    held->held = work;
}

static const struct work_pool_operations held_operations = {.submit = hold};

struct world {
    struct fake_clock clock;
    struct loop loop;
    struct held_pool pool;
    char directory[PATH_BYTES];
    char path[PATH_BYTES + 8];
    struct audit *audit;
    size_t published;
};

static void on_publish(void *context, struct string lines)
{
    struct world *world = context;

    world->published += (size_t)lines.length;
}

static void open_world(struct world *world, size_t waiting_bytes_max, int32_t access_sample)
{
    *world = (struct world){.pool = {.pool = {&held_operations}}};
    fake_clock_init(&world->clock);
    loop_init(&world->loop, &world->clock.clock);
    (void)snprintf(world->directory, sizeof world->directory, "/tmp/test_audit.XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->path, sizeof world->path, "%s/audit", world->directory);
    world->audit = audit_new(&(struct audit_options){.loop = &world->loop,
                                                     .pool = &world->pool.pool,
                                                     .path = world->path,
                                                     .node_id = 3,
                                                     .waiting_bytes_max = waiting_bytes_max,
                                                     .refusal_window_us = WINDOW_US,
                                                     .access_sample = access_sample,
                                                     .publish = on_publish,
                                                     .context = world});
    audit_set_cluster_id(world->audit, STRING("region"));
}

static void run(struct world *world)
{
    (void)loop_turn(&world->loop);
    while (world->pool.held != NULL) {
        struct work *work = world->pool.held;

        world->pool.held = NULL;
        work->run(work);
        work->done(work);
        (void)loop_turn(&world->loop);
    }
}

static void pass(struct world *world, uint64_t time_us)
{
    world->clock.now_us += time_us;
    run(world);
}

/* The lines of the file as an array. */
static json_t *read_lines(struct world *world)
{
    FILE *file = fopen(world->path, "r");
    json_t *lines = json_array();
    char *line = NULL;
    size_t size = 0;

    assert_non_null(file);
    while (getline(&line, &size, file) > 0) {
        json_t *object = json_loads(line, 0, NULL);

        assert_non_null(object);
        (void)json_array_append_new(lines, object);
    }
    free(line);
    (void)fclose(file);
    return lines;
}

static void close_world(struct world *world)
{
    audit_free(world->audit);
    loop_release(&world->loop);
    (void)unlink(world->path);
    (void)rmdir(world->directory);
}

static const char *text_of(const json_t *lines, size_t at, const char *name)
{
    return json_string_value(json_object_get(json_array_get(lines, at), name));
}

static struct audit_event refusal_of(const char *resource)
{
    return (struct audit_event){.kind = AUDIT_REFUSAL,
                                .principal = STRING("User:alice"),
                                .operation = STRING("WRITE"),
                                .resource_type = STRING("TOPIC"),
                                .resource = string_from(resource),
                                .peer = STRING("10.0.0.1")};
}

static void an_event_becomes_a_line_of_json(void **state)
{
    struct audit_event event = {.kind = AUDIT_AUTHENTICATION,
                                .principal = STRING("User:eve\"\n{}"),
                                .client_id = STRING("\xff\xfe"),
                                .mechanism = STRING("PLAIN"),
                                .connection_id = 7};
    struct world world;
    json_t *lines;

    (void)state;
    open_world(&world, 4096, 0);
    audit_record(world.audit, &event);
    run(&world);
    lines = read_lines(&world);
    assert_int_equal(json_array_size(lines), 1);
    assert_string_equal(text_of(lines, 0, "event"), "authentication");
    assert_string_equal(text_of(lines, 0, "result"), "failure");
    assert_string_equal(text_of(lines, 0, "cluster"), "region");
    assert_string_equal(text_of(lines, 0, "principal"), "User:eve\"\n{}");
    assert_string_equal(text_of(lines, 0, "client_id"), "?\?");
    assert_null(text_of(lines, 0, "resource"));
    assert_true(world.published > 0);
    json_decref(lines);
    close_world(&world);
}

static void equal_refusals_are_counted(void **state)
{
    struct audit_event event = refusal_of("orders");
    struct audit_event other = refusal_of("payments");
    struct world world;
    json_t *lines;

    (void)state;
    open_world(&world, 65536, 0);
    for (int i = 0; i < 100; i++) {
        audit_record(world.audit, &event);
    }
    audit_record(world.audit, &other);
    run(&world);
    pass(&world, WINDOW_US + WINDOW_US / 2);
    lines = read_lines(&world);
    assert_int_equal(json_array_size(lines), 3);
    assert_string_equal(text_of(lines, 1, "resource"), "payments");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 2), "count")), 99);
    json_decref(lines);

    audit_record(world.audit, &event); /* a window of its own */
    run(&world);
    lines = read_lines(&world);
    assert_int_equal(json_array_size(lines), 4);
    json_decref(lines);
    close_world(&world);
}

static struct audit_event failure_of(struct string mechanism, struct string peer)
{
    return (struct audit_event){.kind = AUDIT_AUTHENTICATION,
                                .peer = peer,
                                .mechanism = mechanism,
                                .principal = STRING("User:ANONYMOUS"),
                                .error = STRING("unknown user or wrong password")};
}

static void failed_authentications_are_counted_and_others_are_not(void **state)
{
    struct audit_event events[] = {
        failure_of(STRING("PLAIN"), STRING("192.0.2.1")),
        failure_of(STRING("PLAIN"), STRING("192.0.2.2")),
        failure_of(STRING("SCRAM-SHA-256"), STRING("192.0.2.1")),
        failure_of(STRING("PLAIN"), STRING("192.0.2.1")),
    };
    struct world world;
    json_t *lines;

    (void)state;
    open_world(&world, 65536, 0);
    events[3].is_success = true;
    for (int i = 0; i < 40; i++) {
        audit_record(world.audit, &events[i % 4]);
    }
    run(&world);
    lines = read_lines(&world);
    assert_int_equal(json_array_size(lines), 3 + 10);
    json_decref(lines);
    pass(&world, WINDOW_US + WINDOW_US / 2);
    lines = read_lines(&world);
    assert_int_equal(json_array_size(lines), 3 + 10 + 3);
    assert_string_equal(text_of(lines, 13, "event"), "authentication");
    assert_string_equal(text_of(lines, 13, "result"), "failure");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 13), "count")), 9);
    json_decref(lines);
    close_world(&world);
}

static void one_access_of_so_many_is_written(void **state)
{
    struct audit_event event = {.kind = AUDIT_ACCESS, .is_success = true};
    struct world world;
    json_t *lines;

    (void)state;
    open_world(&world, 65536, 10);
    for (int i = 0; i < 100; i++) {
        if (audit_wants_access(world.audit)) {
            audit_record(world.audit, &event);
        }
    }
    run(&world);
    lines = read_lines(&world);
    assert_int_equal(json_array_size(lines), 10);
    json_decref(lines);
    close_world(&world);
}

static void lines_wait_for_a_file_that_cannot_be_written(void **state)
{
    struct audit_event event = {.kind = AUDIT_CHANGE, .detail = STRING("topic created")};
    struct world world;
    json_t *lines;

    (void)state;
    open_world(&world, 1000, 0);
    assert_int_equal(rmdir(world.directory), 0);
    audit_record(world.audit, &event);
    run(&world);
    assert_false(audit_is_behind(world.audit));
    for (int i = 0; i < 100; i++) {
        audit_record(world.audit, &event);
    }
    assert_true(audit_is_behind(world.audit)); /* a thousand bytes hold no hundred lines */
    assert_int_equal(mkdir(world.directory, 0700), 0);
    pass(&world, 1000 * 1000);
    assert_false(audit_is_behind(world.audit));
    lines = read_lines(&world);
    assert_true(json_array_size(lines) > 2 && json_array_size(lines) < 100);
    json_decref(lines);
    close_world(&world);
}

static void the_end_writes_what_waits(void **state)
{
    struct audit_event event = refusal_of("orders");
    struct world world;
    json_t *lines;

    (void)state;
    open_world(&world, 65536, 0);
    for (int i = 0; i < 5; i++) {
        audit_record(world.audit, &event);
    }
    audit_free(world.audit);
    world.audit = NULL;
    lines = read_lines(&world);
    assert_int_equal(json_array_size(lines), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 1), "count")), 4);
    json_decref(lines);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_becomes_a_line_of_json),
        cmocka_unit_test(equal_refusals_are_counted),
        cmocka_unit_test(failed_authentications_are_counted_and_others_are_not),
        cmocka_unit_test(one_access_of_so_many_is_written),
        cmocka_unit_test(lines_wait_for_a_file_that_cannot_be_written),
        cmocka_unit_test(the_end_writes_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

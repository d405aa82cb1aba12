/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/test.h"

static void note(struct catalog_fixture *fixture, const char *mark, struct string name)
{
    size_t length = strlen(fixture->heard);

    (void)snprintf(fixture->heard + length, sizeof fixture->heard - length, "%s%.*s ", mark,
                   STRING_ARGUMENTS(name));
}

static void on_created(void *context, const struct catalog_topic *topic)
{
    note(context, "+", topic->name);
}

static void on_deleted(void *context, const struct catalog_topic *topic)
{
    note(context, "-", topic->name);
}

static void on_changed(void *context, const struct catalog_topic *topic)
{
    note(context, "*", topic->name);
}

static void on_broker(void *context, const struct catalog_broker *broker)
{
    char text[16];

    (void)snprintf(text, sizeof text, "b%d", broker->node_id);
    note(context, "", string_from(text));
}

static void on_broker_removed(void *context, int32_t node_id)
{
    char text[16];

    (void)snprintf(text, sizeof text, "b%d", node_id);
    note(context, "-", string_from(text));
}

static void on_security(void *context, enum catalog_security kind)
{
    static const char *const names[] = {"scram", "acl", "quota", "token", "stream", "role"};

    note(context, "!", string_from(names[kind]));
}

void catalog_fixture_listen(struct catalog_fixture *fixture, struct catalog_state *state)
{
    fixture->listener = (struct catalog_listener){
        .topic_created = on_created,
        .topic_deleted = on_deleted,
        .topic_changed = on_changed,
        .broker_changed = on_broker,
        .broker_removed = on_broker_removed,
        .security_changed = on_security,
        .context = fixture,
    };
    list_append(&state->listeners, &fixture->listener.link);
}

void catalog_fixture_init(struct catalog_fixture *fixture, int broker_count)
{
    memset(fixture, 0, sizeof *fixture);
    catalog_state_init(&fixture->state, NULL, 0);
    for (int i = 0; i < broker_count; i++) {
        assert_int_equal(register_one(fixture, i, (uint8_t)(100 + i)), KAFKA_ERROR_NONE);
    }
    catalog_fixture_listen(fixture, &fixture->state);
}

void catalog_fixture_release(struct catalog_fixture *fixture)
{
    catalog_state_release(&fixture->state);
}

enum kafka_error catalog_fixture_apply(struct catalog_fixture *fixture,
                                       const struct message_layout *layout, int16_t record,
                                       const void *message)
{
    struct buffer *command = NULL;

    assert_int_equal(catalog_commands_encode(layout, record, message, &command), ERROR_NONE);
    struct bytes bytes = {command->bytes, (int32_t)command->size};
    assert_int_equal(catalog_commands_check(bytes), ERROR_NONE);
    catalog_apply(&fixture->state, fixture->state.applied_index + 1, bytes, &fixture->result);
    buffer_unref(command);
    return fixture->result.error;
}

struct uuid uuid_of(uint8_t number)
{
    return (struct uuid){.bytes = {0xab, number, [15] = number}};
}

enum kafka_error register_one(struct catalog_fixture *fixture, int32_t node_id, uint8_t directory)
{
    struct catalog_register_broker_endpoints endpoint = {
        .name = STRING("PLAINTEXT"), .host = STRING("host"), .port = 9092};
    struct catalog_register_broker message = {
        .node_id = node_id,
        .directory_id = uuid_of(directory),
        .incarnation = 7,
        .rack = STRING("rack"),
        .rpc_host = STRING("host"),
        .rpc_port = 9112,
        .endpoints = {&endpoint, 1},
    };
    return apply_command(fixture, register_broker, REGISTER_BROKER, &message);
}

static void fill_create(struct catalog_create_topic *message, struct arena *arena, const char *name,
                        uint8_t id, int32_t partitions, int replicas)
{
    catalog_create_topic_init(message);
    message->name = string_from(name);
    message->topic_id = uuid_of(id);
    assert_int_equal(
        catalog_create_topic_partitions_array_alloc(&message->partitions, arena, partitions),
        ERROR_NONE);
    for (int32_t i = 0; i < partitions; i++) {
        int32_t *nodes = arena_alloc_array(arena, (size_t)replicas + 1, sizeof *nodes);
        for (int j = 0; j < replicas; j++) {
            nodes[j] = (i + j) % 3;
        }
        message->partitions.items[i].replicas = (struct int32_array){nodes, replicas};
    }
}

enum kafka_error create_one(struct catalog_fixture *fixture, const char *name, uint8_t id,
                            int32_t partitions, int replicas)
{
    struct catalog_create_topic message;
    struct arena arena;

    arena_init(&arena, 16 << 20);
    fill_create(&message, &arena, name, id, partitions, replicas);
    enum kafka_error error = apply_command(fixture, create_topic, CREATE_TOPIC, &message);
    arena_release(&arena);
    return error;
}

struct buffer *create_topic_command(const char *name, uint8_t id, int32_t partitions, int replicas)
{
    struct catalog_create_topic message;
    struct buffer *command = NULL;
    struct arena arena;

    arena_init(&arena, 16 << 20);
    fill_create(&message, &arena, name, id, partitions, replicas);
    assert_int_equal(catalog_commands_of(create_topic, CREATE_TOPIC, &message, &command),
                     ERROR_NONE);
    arena_release(&arena);
    return command;
}

enum kafka_error set_one(struct catalog_fixture *fixture, uint8_t id, const char *name,
                         const char *value)
{
    struct catalog_set_topic_settings_changes change = {.name = string_from(name),
                                                        .value = string_from(value)};
    struct catalog_set_topic_settings message = {.topic_id = uuid_of(id), .changes = {&change, 1}};

    return apply_command(fixture, set_topic_settings, SET_TOPIC_SETTINGS, &message);
}

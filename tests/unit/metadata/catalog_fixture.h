/* SPDX-License-Identifier: Apache-2.0 */
/* A catalog's state, commands for it, and a listener that writes down what it hears. */
#ifndef GYRE_TESTS_UNIT_METADATA_CATALOG_FIXTURE_H
#define GYRE_TESTS_UNIT_METADATA_CATALOG_FIXTURE_H

#include "metadata/catalog_apply.h"
#include "metadata/catalog_commands.h"
#include "metadata/catalog_state.h"

struct catalog_fixture {
    struct catalog_state state;
    struct catalog_listener listener;
    struct catalog_result result; /* of the last command */
    char heard[1024]; /* "+t" created, "-t" deleted, "*t" changed, "b1", "-b1", "!acl" */
};

void catalog_fixture_init(struct catalog_fixture *fixture, int broker_count);
void catalog_fixture_release(struct catalog_fixture *fixture);
void catalog_fixture_listen(struct catalog_fixture *fixture, struct catalog_state *state);

/* Encode, decode, apply at the next index; returns the error. */
enum kafka_error catalog_fixture_apply(struct catalog_fixture *fixture,
                                       const struct message_layout *layout, int16_t record,
                                       const void *message);
#define apply_command(fixture, name, NAME, message)                                                \
    catalog_fixture_apply(fixture, &catalog_##name##_layout, CATALOG_##NAME##_RECORD,              \
                          (const struct catalog_##name *)(message))

struct uuid uuid_of(uint8_t number);
struct buffer *create_topic_command(const char *name, uint8_t id, int32_t partitions, int replicas);

enum kafka_error register_one(struct catalog_fixture *fixture, int32_t node_id, uint8_t directory);
/* Partition i is on brokers i, i+1, ... modulo three. */
enum kafka_error create_one(struct catalog_fixture *fixture, const char *name, uint8_t id,
                            int32_t partitions, int replicas);
/* value NULL removes it. */
enum kafka_error set_one(struct catalog_fixture *fixture, uint8_t id, const char *name,
                         const char *value);

#endif

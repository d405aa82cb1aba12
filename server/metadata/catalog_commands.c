/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/catalog_commands.h"

#include "gyre/metadata/catalog.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/reader.h"

static const struct catalog_command_kind kinds[] = {
    {CATALOG_FORM_REGION_RECORD, &catalog_form_region_layout},
    {CATALOG_REGISTER_BROKER_RECORD, &catalog_register_broker_layout},
    {CATALOG_UNREGISTER_BROKER_RECORD, &catalog_unregister_broker_layout},
    {CATALOG_SET_DRAINING_RECORD, &catalog_set_draining_layout},
    {CATALOG_CREATE_TOPIC_RECORD, &catalog_create_topic_layout},
    {CATALOG_DELETE_TOPIC_RECORD, &catalog_delete_topic_layout},
    {CATALOG_ADD_PARTITIONS_RECORD, &catalog_add_partitions_layout},
    {CATALOG_SET_TOPIC_SETTINGS_RECORD, &catalog_set_topic_settings_layout},
    {CATALOG_SET_BROKER_SETTINGS_RECORD, &catalog_set_broker_settings_layout},
    {CATALOG_SET_GROUP_SETTINGS_RECORD, &catalog_set_group_settings_layout},
    {CATALOG_SET_TARGETS_RECORD, &catalog_set_targets_layout},
    {CATALOG_SET_REPLICAS_RECORD, &catalog_set_replicas_layout},
    {CATALOG_ALLOCATE_PRODUCER_IDS_RECORD, &catalog_allocate_producer_ids_layout},
    {CATALOG_SET_SCRAM_RECORD, &catalog_set_scram_layout},
    {CATALOG_SET_ACLS_RECORD, &catalog_set_acls_layout},
    {CATALOG_SET_QUOTAS_RECORD, &catalog_set_quotas_layout},
    {CATALOG_SET_TOKEN_RECORD, &catalog_set_token_layout},
    {CATALOG_REMOVE_TOKENS_RECORD, &catalog_remove_tokens_layout},
    {CATALOG_SET_STREAM_RECORD, &catalog_set_stream_layout},
    {CATALOG_REMOVE_STREAM_RECORD, &catalog_remove_stream_layout},
    {CATALOG_SET_ROLE_RECORD, &catalog_set_role_layout},
};

/* Decoded, a command is larger than its bytes, but not by more than this. */
enum { DECODED_PER_BYTE_MAX = 64 };

const struct catalog_command_kind *catalog_commands_find(int16_t record)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].record == record) {
            return &kinds[i];
        }
    }
    return NULL;
}

enum error catalog_commands_encode(const struct message_layout *layout, int16_t record,
                                   const void *message, struct buffer **out_command)
{
    struct frame_output output;
    struct buffer *head = buffer_new(CATALOG_RECORD_HEAD_BYTES);

    store_be16(head->bytes, (uint16_t)record);
    store_be16(head->bytes + 2, (uint16_t)layout->version_max);
    frame_output_init(&output);
    frame_output_append(&output, (struct buffer_slice){head, head->bytes, head->size});
    enum error error = message_encode(layout, layout->version_max, message, &output);
    if (error == ERROR_NONE && output.bytes > CATALOG_COMMAND_BYTES_MAX) {
        error = ERROR_LIMIT;
    }
    if (error == ERROR_NONE) {
        *out_command = frame_output_join(&output);
    }
    frame_output_release(&output);
    return error;
}

enum error catalog_commands_head(struct bytes record, int16_t *out_number, int16_t *out_version)
{
    if (record.length < CATALOG_RECORD_HEAD_BYTES) {
        return ERROR_MALFORMED;
    }
    *out_number = (int16_t)load_be16(record.bytes);
    *out_version = (int16_t)load_be16(record.bytes + 2);
    return ERROR_NONE;
}

enum error catalog_commands_decode(struct bytes command, struct arena *arena, int16_t *out_record,
                                   void **out_message)
{
    int16_t record = 0;
    int16_t version = 0;
    struct reader reader;

    enum error error = catalog_commands_head(command, &record, &version);
    if (error != ERROR_NONE) {
        return error;
    }
    const struct catalog_command_kind *kind = catalog_commands_find(record);
    if (kind == NULL || version > kind->layout->version_max) {
        return ERROR_VERSION;
    }
    void *message = arena_alloc(arena, kind->layout->root->size);
    if (message == NULL) {
        return ERROR_LIMIT;
    }
    reader_init(&reader, command.bytes + CATALOG_RECORD_HEAD_BYTES,
                (size_t)command.length - CATALOG_RECORD_HEAD_BYTES);
    error = message_decode(kind->layout, version, &reader, arena, message);
    if (error == ERROR_NONE && reader_left(&reader) > 0) {
        error = ERROR_MALFORMED;
    }
    if (error == ERROR_NONE) {
        *out_record = record;
        *out_message = message;
    }
    return error;
}

enum error catalog_commands_check(struct bytes command)
{
    struct arena arena;
    int16_t record;
    void *message;

    if (command.length > CATALOG_COMMAND_BYTES_MAX) {
        return ERROR_LIMIT;
    }
    arena_init(&arena, (size_t)command.length * DECODED_PER_BYTE_MAX + 4096);
    enum error error = catalog_commands_decode(command, &arena, &record, &message);
    arena_release(&arena);
    return error;
}

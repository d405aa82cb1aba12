/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: which header belongs to which version, what is refused and how, records that leave
 * without being copied, fields that a version lacks. Bytes are spelled out where they are the
 * contract.
 */
#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/wire/api.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/reader.h"

#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/api_versions.h"
#include "wire_messages/fetch.h"
#include "wire_messages/list_groups.h"
#include "wire_messages/metadata.h"
#include "wire_messages/offset_commit_record.h"
#include "wire_messages/produce.h"
#include "wire_messages/sasl_authenticate.h"

enum { ARENA_BYTES = 1 << 16 };

#define BYTES(literal) ((char[]){literal}), sizeof(literal) - 1

static enum error decode_header(char *bytes, size_t length, struct frame_header *header,
                                struct reader *reader)
{
    reader_init(reader, bytes, length);
    return frame_decode_request_header(reader, header);
}

static void a_request_header_of_old_versions_ends_with_the_client_id(void **state)
{
    struct frame_header header;
    struct reader reader;

    (void)state;
    assert_int_equal(decode_header(BYTES("\0\3\0\1\0\0\0\7\0\2meBODY"), &header, &reader),
                     ERROR_NONE);
    assert_int_equal(header.api_key, API_METADATA);
    assert_int_equal(header.api_version, 1);
    assert_int_equal(header.correlation_id, 7);
    assert_true(string_is(header.client_id, "me"));
    assert_string_equal(header.api->name, "Metadata");
    assert_int_equal(reader_left(&reader), 4);
}

static void a_flexible_request_header_ends_with_tags_that_are_skipped(void **state)
{
    struct frame_header header;
    struct reader reader;

    (void)state;
    assert_int_equal(decode_header(BYTES("\0\3\0\14\0\0\0\7\377\377\1\5\2ab!"), &header, &reader),
                     ERROR_NONE);
    assert_null(header.client_id.bytes);
    assert_int_equal(reader_left(&reader), 1);
}

static void an_unknown_version_is_told_apart_from_nonsense(void **state)
{
    struct frame_header header;
    struct reader reader;

    (void)state;
    assert_int_equal(decode_header(BYTES("\0\22\0\143\0\0\0\7garbage"), &header, &reader),
                     ERROR_UNSUPPORTED);
    assert_int_equal(header.correlation_id, 7);
    assert_int_equal(header.api->key, API_API_VERSIONS);
    assert_int_equal(decode_header(BYTES("\0\4\0\1\0\0\0\7"), &header, &reader), ERROR_UNSUPPORTED);
    assert_null(header.api);
    assert_int_equal(decode_header(BYTES("\0\3\0\1\0\0\0"), &header, &reader), ERROR_MALFORMED);
    assert_int_equal(decode_header(BYTES("\0\3\0\1\0\0\0\7\0\5me"), &header, &reader),
                     ERROR_MALFORMED);
}

static void check_response(int16_t key, int16_t version, const void *response, const char *wanted,
                           size_t wanted_length)
{
    struct frame_header header = {
        .api_key = key, .api_version = version, .correlation_id = 9, .api = api_find(key)};
    struct frame_output output;
    struct buffer *bytes;

    frame_output_init(&output);
    assert_int_equal(frame_encode_response(&header, response, &output), ERROR_NONE);
    bytes = frame_output_join(&output);
    assert_int_equal(bytes->size, wanted_length);
    assert_memory_equal(bytes->bytes, wanted, wanted_length);
    buffer_unref(bytes);
    frame_output_release(&output);
}

static void api_versions_is_always_answered_with_header_0(void **state)
{
    struct api_versions_response response;
    struct list_groups_response groups;

    (void)state;
    api_versions_response_init(&response);
    response.error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
    check_response(API_API_VERSIONS, 0, &response, BYTES("\0\0\0\12\0\0\0\11\0\43\0\0\0\0"));
    check_response(API_API_VERSIONS, 3, &response, BYTES("\0\0\0\14\0\0\0\11\0\43\1\0\0\0\0\0"));
    list_groups_response_init(&groups);
    check_response(API_LIST_GROUPS, 3, &groups, BYTES("\0\0\0\15\0\0\0\11\0\0\0\0\0\0\0\1\0"));
}

static void a_request_comes_back_from_its_frame(void **state)
{
    struct frame_header header = {.api_key = API_METADATA,
                                  .api_version = 12,
                                  .correlation_id = 77,
                                  .client_id = STRING("client")};
    struct metadata_request request;
    struct metadata_request back;
    struct frame_header decoded;
    struct frame_output output;
    struct reader reader;
    struct arena arena;
    struct buffer *bytes;
    int32_t size;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    metadata_request_init(&request);
    assert_int_equal(metadata_request_topics_array_alloc(&request.topics, &arena, 2), ERROR_NONE);
    request.topics.items[0].name = STRING("first");
    frame_output_init(&output);
    assert_int_equal(frame_encode_request(&header, &request, &output), ERROR_NONE);
    bytes = frame_output_join(&output);
    assert_int_equal(frame_parse_size(bytes->bytes, 1000, &size), ERROR_NONE);
    assert_int_equal(size, bytes->size - FRAME_PREFIX_BYTES);
    reader_init(&reader, bytes->bytes + FRAME_PREFIX_BYTES, (size_t)size);
    assert_int_equal(frame_decode_request_header(&reader, &decoded), ERROR_NONE);
    assert_true(string_is(decoded.client_id, "client"));
    assert_int_equal(metadata_request_decode(12, &reader, &arena, &back), ERROR_NONE);
    assert_true(message_equal(&metadata_request_layout, 12, &request, &back));
    assert_int_equal(back.topics.count, 2);
    assert_true(back.allow_auto_topic_creation);
    buffer_unref(bytes);
    frame_output_release(&output);
    arena_release(&arena);
}

static void a_response_header_is_read_by_its_version(void **state)
{
    struct reader reader;
    int32_t correlation_id = 0;

    (void)state;
    reader_init(&reader, BYTES("\0\0\0\5\0rest"));
    assert_int_equal(frame_decode_response_header(&reader, API_METADATA, 12, &correlation_id),
                     ERROR_NONE);
    assert_int_equal(correlation_id, 5);
    assert_int_equal(reader_left(&reader), 4);
    reader_init(&reader, BYTES("\0\0\0"));
    assert_int_equal(frame_decode_response_header(&reader, API_METADATA, 1, &correlation_id),
                     ERROR_MALFORMED);
}

static void sizes_out_of_bounds_are_refused(void **state)
{
    int32_t size = 5;

    (void)state;
    assert_int_equal(frame_parse_size("\377\377\377\377", 100, &size), ERROR_MALFORMED);
    assert_int_equal(frame_parse_size("\0\0\0\145", 100, &size), ERROR_LIMIT);
    assert_int_equal(size, 5);
    assert_int_equal(frame_parse_size("\0\0\0\144", 100, &size), ERROR_NONE);
    assert_int_equal(size, 100);
}

static void records_leave_as_the_slices_they_are(void **state)
{
    struct buffer *batch = buffer_copy("0123456789", 10);
    struct buffer_slice slices[2] = {buffer_slice(batch, 2, 3), buffer_slice(batch, 7, 3)};
    struct frame_header header = {
        .api_key = API_FETCH, .api_version = 12, .api = api_find(API_FETCH)};
    struct fetch_response response;
    struct fetch_response back;
    struct frame_output output;
    struct reader reader;
    struct arena arena;
    struct buffer *joined;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    fetch_response_init(&response);
    assert_int_equal(fetch_response_responses_array_alloc(&response.responses, &arena, 1),
                     ERROR_NONE);
    assert_int_equal(fetch_response_responses_partitions_array_alloc(
                         &response.responses.items[0].partitions, &arena, 2),
                     ERROR_NONE);
    response.responses.items[0].partitions.items[0].records =
        (struct records){.slices = slices, .slice_count = 2};
    frame_output_init(&output);
    assert_int_equal(frame_encode_response(&header, &response, &output), ERROR_NONE);
    assert_int_equal(output.count, 4); /* written, slice, slice, written */
    assert_ptr_equal(output.slices[1].bytes, batch->bytes + 2);
    assert_ptr_equal(output.slices[2].bytes, batch->bytes + 7);
    buffer_slice_unref(&slices[0]);
    buffer_slice_unref(&slices[1]);
    buffer_unref(batch);
    joined = frame_output_join(&output); /* the output has references of its own */
    frame_output_release(&output);
    reader_init(&reader, joined->bytes + FRAME_PREFIX_BYTES + 5, joined->size - 9);
    assert_int_equal(fetch_response_decode(12, &reader, &arena, &back), ERROR_NONE);
    assert_int_equal(back.responses.items[0].partitions.items[0].records.length, 6);
    assert_memory_equal(back.responses.items[0].partitions.items[0].records.bytes, "234789", 6);
    assert_int_equal(back.responses.items[0].partitions.items[1].records.length, 0);
    buffer_unref(joined);
    arena_release(&arena);
}

static enum error try_encode(const struct message_layout *layout, int16_t version,
                             const void *message)
{
    struct frame_output output;
    enum error error;

    frame_output_init(&output);
    error = message_encode(layout, version, message, &output);
    assert_true(error == ERROR_NONE || output.count == 0);
    frame_output_release(&output);
    return error;
}

static void what_a_version_lacks_is_skipped_or_refused(void **state)
{
    struct fetch_response response;
    struct metadata_request request;

    (void)state;
    fetch_response_init(&response);
    response.error_code = KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND; /* ignorable below 7 */
    assert_int_equal(try_encode(&fetch_response_layout, 4, &response), ERROR_NONE);
    response.session_id = 3; /* not ignorable */
    assert_int_equal(try_encode(&fetch_response_layout, 4, &response), ERROR_UNSUPPORTED);
    assert_int_equal(try_encode(&fetch_response_layout, 7, &response), ERROR_NONE);
    metadata_request_init(&request);
    request.topics.count = -1; /* null: all topics, since version 1 */
    assert_int_equal(try_encode(&metadata_request_layout, 0, &request), ERROR_UNSUPPORTED);
    assert_int_equal(try_encode(&metadata_request_layout, 1, &request), ERROR_NONE);
    assert_int_equal(try_encode(&metadata_request_layout, 99, &request), ERROR_VERSION);
}

static void a_text_that_does_not_fit_its_length_is_refused(void **state)
{
    static char long_text[40000];
    struct produce_request request;

    (void)state;
    produce_request_init(&request);
    request.transactional_id = (struct string){.bytes = long_text, .length = sizeof long_text};
    assert_int_equal(try_encode(&produce_request_layout, 8, &request), ERROR_LIMIT);
    assert_int_equal(try_encode(&produce_request_layout, 9, &request), ERROR_NONE);
}

static void a_count_beyond_the_bytes_takes_no_memory(void **state)
{
    struct metadata_request request;
    struct reader reader;
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    reader_init(&reader, BYTES("\177\377\377\377\0\0"));
    assert_int_equal(metadata_request_decode(0, &reader, &arena, &request), ERROR_MALFORMED);
    assert_int_equal(arena.used_bytes, 0);
    arena_release(&arena);
}

static void a_message_beyond_its_arena_is_a_limit(void **state)
{
    struct metadata_request request;
    struct reader reader;
    struct arena arena;
    char bytes[4 + 2 * 100] = "\0\0\0\144";

    (void)state;
    arena_init(&arena, 256);
    reader_init(&reader, bytes, sizeof bytes);
    assert_int_equal(metadata_request_decode(0, &reader, &arena, &request), ERROR_LIMIT);
    arena_release(&arena);
}

static void secrets_do_not_print(void **state)
{
    struct sasl_authenticate_request request;
    char text[64];

    (void)state;
    sasl_authenticate_request_init(&request);
    request.auth_bytes = (struct bytes){.bytes = text, .length = 3};
    message_print(&sasl_authenticate_request_layout, 1, &request, text, sizeof text);
    assert_string_equal(text, "{auth_bytes: ***}");
}

static void a_record_value_begins_with_its_version(void **state)
{
    struct offset_commit_value value;
    struct buffer *bytes = NULL;

    (void)state;
    offset_commit_value_init(&value);
    value.offset = 42;
    value.commit_timestamp = 1;
    assert_int_equal(message_encode_record(&offset_commit_value_layout, 3, 3, &value, &bytes),
                     ERROR_NONE);
    assert_int_equal(bytes->size, 24);
    assert_memory_equal(bytes->bytes, "\0\3\0\0\0\0\0\0\0\52\377\377\377\377\0\0\0\0\0\0\0\0\0\1",
                        24);
    buffer_unref(bytes);
}

static void errors_have_kafkas_numbers_and_names(void **state)
{
    (void)state;
    assert_int_equal(KAFKA_ERROR_UNKNOWN_SERVER_ERROR, -1);
    assert_int_equal(KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, 6);
    assert_int_equal(KAFKA_ERROR_SHARE_SESSION_LIMIT_REACHED, 133);
    assert_string_equal(kafka_error_name(74), "FENCED_LEADER_EPOCH");
    assert_string_equal(kafka_error_name(9999), "UNKNOWN_SERVER_ERROR");
    assert_true(kafka_error_is_retriable(KAFKA_ERROR_NOT_COORDINATOR));
    assert_false(kafka_error_is_retriable(KAFKA_ERROR_MESSAGE_TOO_LARGE));
    assert_string_equal(kafka_error_text(0), "No error.");
}

static void what_is_advertised_lies_within_what_is_accepted(void **state)
{
    int count = 0;

    (void)state;
    for (const struct api_description *api = api_next(0); api != NULL;
         api = api_next((int16_t)(api->key + 1))) {
        assert_true(api_accepts(api, api->advertised_min));
        assert_true(api_accepts(api, api->advertised_max));
        assert_false(api_accepts(api, (int16_t)(api->accepted_max + 1)));
        assert_int_equal(api->request->version_min, api->accepted_min);
        assert_int_equal(api->response->version_max, api->accepted_max);
        count++;
    }
    assert_true(count > 60);
    assert_null(api_find(-1));
    assert_null(api_find(4));
    assert_null(api_find(INT16_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_header_of_old_versions_ends_with_the_client_id),
        cmocka_unit_test(a_flexible_request_header_ends_with_tags_that_are_skipped),
        cmocka_unit_test(an_unknown_version_is_told_apart_from_nonsense),
        cmocka_unit_test(api_versions_is_always_answered_with_header_0),
        cmocka_unit_test(a_request_comes_back_from_its_frame),
        cmocka_unit_test(a_response_header_is_read_by_its_version),
        cmocka_unit_test(sizes_out_of_bounds_are_refused),
        cmocka_unit_test(records_leave_as_the_slices_they_are),
        cmocka_unit_test(what_a_version_lacks_is_skipped_or_refused),
        cmocka_unit_test(a_text_that_does_not_fit_its_length_is_refused),
        cmocka_unit_test(a_count_beyond_the_bytes_takes_no_memory),
        cmocka_unit_test(a_message_beyond_its_arena_is_a_limit),
        cmocka_unit_test(secrets_do_not_print),
        cmocka_unit_test(a_record_value_begins_with_its_version),
        cmocka_unit_test(errors_have_kafkas_numbers_and_names),
        cmocka_unit_test(what_is_advertised_lies_within_what_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A request ends once; bad bodies close; bytes that are kept outlive the request. */
#include <string.h>

#include "support/request_fixture.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/heartbeat.h"

static const struct heartbeat_request asked = {.group_id = {"g", 1},
                                               .generation_id = 7,
                                               .member_id = {"m", 1}};

static void answer_generation(struct request *request)
{
    struct heartbeat_request in;
    struct heartbeat_response out;

    if (!request_decode(request, &heartbeat_request_layout, &in)) {
        return;
    }
    heartbeat_response_init(&out);
    out.error_code = (int16_t)in.generation_id;
    request_reply(request, &heartbeat_response_layout, &out);
}

static void a_handler_gets_what_was_asked_and_its_answer_goes_back(void **state)
{
    struct request_fixture fixture;
    struct heartbeat_response out;

    (void)state;
    request_fixture_init(&fixture, NULL);
    for (int16_t version = 0; version <= 4; version++) {
        request_fixture_ask(&fixture, API_HEARTBEAT, version, &asked, answer_generation);
        assert_true(string_is(fixture.request.client_id, "test"));
        request_fixture_answer(&fixture, &out);
        assert_int_equal(out.error_code, 7);
    }
    request_fixture_release(&fixture);
}

static void cut_body(struct request *request)
{
    request->body.end -= 1;
    answer_generation(request);
}

static void a_malformed_body_closes_the_connection(void **state)
{
    struct request_fixture fixture;

    (void)state;
    request_fixture_init(&fixture, NULL);
    request_fixture_ask(&fixture, API_HEARTBEAT, 0, &asked, cut_body);
    assert_int_equal(fixture.request.end, REQUEST_CLOSED);
    assert_int_equal(fixture.request.output.count, 0);
    request_fixture_release(&fixture);
}

static void ask_too_much(struct request *request)
{
    if (request_alloc(request, REQUEST_ARENA_BYTES_MAX + 1) == NULL) {
        return;
    }
    request_reply_nothing(request);
}

static void too_much_memory_closes_the_connection(void **state)
{
    struct request_fixture fixture;

    (void)state;
    request_fixture_init(&fixture, NULL);
    request_fixture_ask(&fixture, API_HEARTBEAT, 0, &asked, ask_too_much);
    assert_int_equal(fixture.request.end, REQUEST_CLOSED);
    request_fixture_release(&fixture);
}

static void park(struct request *request)
{
    (void)request;
}

static void an_orphan_is_answered_into_the_void(void **state)
{
    struct request_fixture fixture;
    struct heartbeat_response out;

    (void)state;
    request_fixture_init(&fixture, NULL);
    request_fixture_ask(&fixture, API_HEARTBEAT, 0, &asked, park);
    fixture.request.is_orphaned = true;
    heartbeat_response_init(&out);
    request_reply(&fixture.request, &heartbeat_response_layout, &out);
    assert_int_equal(fixture.request.end, REQUEST_REPLIED);
    assert_int_equal(fixture.request.output.count, 0);
    request_fixture_release(&fixture);
}

/* A frame that shares its buffer with others is copied from, so that it does not pin them. */
static void kept_bytes_outlive_the_request(void **state)
{
    struct buffer *shared = buffer_new(1000);
    struct connection_info connection = {.peer_host = "127.0.0.1"};
    struct request request;
    struct buffer_slice kept;

    (void)state;
    for (size_t length = 100; length <= 1000; length += 900) {
        memset(shared->bytes, 'x', shared->size);
        request_init(&request, NULL, &connection, buffer_slice(shared, 0, length));
        kept = request_keep(&request, request.frame.bytes + 10, 20);
        request_release(&request);
        assert_true((kept.buffer == shared) == (length == 1000));
        if (length < 1000) {
            memset(shared->bytes, 'y', shared->size);
        }
        assert_memory_equal(kept.bytes, "xxxxxxxxxxxxxxxxxxxx", 20);
        buffer_slice_unref(&kept);
    }
    buffer_unref(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_gets_what_was_asked_and_its_answer_goes_back),
        cmocka_unit_test(a_malformed_body_closes_the_connection),
        cmocka_unit_test(too_much_memory_closes_the_connection),
        cmocka_unit_test(an_orphan_is_answered_into_the_void),
        cmocka_unit_test(kept_bytes_outlive_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two brokers on one loop, over loopback: seeds are found, frames of any size arrive in order,
 * calls are answered, and a call whose link is lost fails. */
#include "gyre/runtime/links_uv.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/rpc.h"

#include "support/test.h"

static uv_loop_t uv;
static struct loop loop;

struct node {
    struct links *links;
    struct rpc *rpc;
    uint16_t port;
    int ups;
    int downs;
    int frames;
    uint64_t next_byte;
    bool is_closed;
};

static struct node nodes[2];

static void on_up(void *context, int32_t peer)
{
    (void)peer;
    ((struct node *)context)->ups++;
}

static void on_down(void *context, int32_t peer)
{
    (void)peer;
    ((struct node *)context)->downs++;
}

/* Every frame continues one long sequence of bytes. */
static void on_frame(void *context, int32_t peer, struct buffer_slice frame)
{
    struct node *node = context;

    (void)peer;
    node->frames++;
    for (size_t i = 0; i < frame.length; i++) {
        assert_int_equal((uint8_t)frame.bytes[i], (uint8_t)(node->next_byte++ * 31));
    }
}

static void on_closed(void *context)
{
    ((struct node *)context)->is_closed = true;
}

static void run_until(const int *counter, int value)
{
    uint64_t deadline = clock_monotonic_us(clock_system()) + 20 * 1000 * 1000;

    while (*counter < value) {
        (void)uv_run(&uv, UV_RUN_NOWAIT);
        (void)loop_turn(&loop);
        assert_true(clock_monotonic_us(clock_system()) < deadline);
    }
}

static void start(struct node *node, int32_t id, const char *host)
{
    struct links_uv_options options = {
        .node_id = id, .incarnation = (uint64_t)id + 1, .queued_bytes_max = 256 << 20};
    struct link_receiver receiver = {on_frame, on_up, on_down, node};

    *node = (struct node){0};
    assert_int_equal(links_uv_new(&uv, &loop, &options, &node->links), ERROR_NONE);
    assert_int_equal(links_uv_listen(node->links, host, 0, &node->port), ERROR_NONE);
    node->links->operations->set_receiver(node->links, LINK_RAFT, &receiver);
    node->rpc = rpc_new(&loop, node->links);
}

static void stop(struct node *node)
{
    rpc_free(node->rpc);
    links_uv_close(node->links, on_closed, node);
    while (!node->is_closed) {
        (void)uv_run(&uv, UV_RUN_NOWAIT);
        (void)loop_turn(&loop);
    }
}

static void start_both(const char *host)
{
    assert_int_equal(uv_loop_init(&uv), 0);
    loop_init(&loop, clock_system());
    start(&nodes[0], 0, host);
    start(&nodes[1], 1, host);
}

/* Only the second dials, so that its stream is the only one from the beginning. */
static int start_pair(void **state)
{
    (void)state;
    start_both("127.0.0.1");
    links_uv_add_seed(nodes[1].links, "127.0.0.1", nodes[0].port);
    run_until(&nodes[0].ups, 1);
    run_until(&nodes[1].ups, 1);
    return 0;
}

static int stop_pair(void **state)
{
    (void)state;
    stop(&nodes[0]);
    stop(&nodes[1]);
    while (uv_run(&uv, UV_RUN_NOWAIT) != 0) {
        (void)loop_turn(&loop);
    }
    assert_int_equal(uv_loop_close(&uv), 0);
    loop_release(&loop);
    return 0;
}

static void frames_of_any_size_arrive_in_order(void **state)
{
    static const size_t sizes[] = {0, 1, 4, 1000, 70000, 300000, 5, 3000000, 17};
    uint64_t next = 0;
    int sent = 0;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buffer *bytes = buffer_new(sizes[i]);
        struct buffer_slice slices[2] = {
            {bytes, bytes->bytes, sizes[i] / 3},
            {buffer_ref(bytes), bytes->bytes + sizes[i] / 3, sizes[i] - sizes[i] / 3}};

        for (size_t at = 0; at < sizes[i]; at++) {
            bytes->bytes[at] = (char)(next++ * 31);
        }
        assert_int_equal(links_send(nodes[0].links, 1, LINK_RAFT, slices, 2), ERROR_NONE);
        sent++;
    }
    run_until(&nodes[1].frames, sent);
    assert_true(nodes[1].next_byte == next);
}

static int answers;
static enum error last_error;
static char last_answer[32];

static void on_answer(void *context, enum error error, struct buffer_slice answer)
{
    (void)context;
    answers++;
    last_error = error;
    assert_true(answer.length < sizeof last_answer);
    memcpy(last_answer, answer.bytes == NULL ? "" : answer.bytes, answer.length);
    last_answer[answer.length] = '\0';
}

static void serve_echo(void *context, struct rpc_request request, struct buffer_slice body)
{
    (void)context;
    rpc_answer(request, ERROR_NONE, buffer_slice_ref(body));
}

static void serve_never(void *context, struct rpc_request request, struct buffer_slice body)
{
    (void)context;
    (void)request;
    (void)body;
}

static struct buffer_slice text(const char *bytes)
{
    struct buffer *buffer = buffer_copy(bytes, strlen(bytes));

    return (struct buffer_slice){buffer, buffer->bytes, buffer->size};
}

static void a_call_is_answered_by_a_peer_and_by_ourselves(void **state)
{
    (void)state;
    answers = 0;
    rpc_serve(nodes[1].rpc, RPC_JOIN, serve_echo, NULL);
    rpc_call(nodes[0].rpc, 1, RPC_JOIN, text("hello"), 5000000, on_answer, NULL);
    run_until(&answers, 1);
    assert_int_equal(last_error, ERROR_NONE);
    assert_string_equal(last_answer, "hello");
    rpc_call(nodes[1].rpc, 1, RPC_JOIN, text("myself"), 5000000, on_answer, NULL);
    assert_int_equal(answers, 1);
    run_until(&answers, 2);
    assert_string_equal(last_answer, "myself");
    rpc_call(nodes[1].rpc, 0, RPC_ELECT, text(""), 5000000, on_answer, NULL);
    run_until(&answers, 3);
    assert_int_equal(last_error, ERROR_UNSUPPORTED);
}

static void a_call_fails_when_its_time_is_up_or_its_link_is_lost(void **state)
{
    (void)state;
    answers = 0;
    rpc_serve(nodes[1].rpc, RPC_JOIN, serve_never, NULL);
    rpc_call(nodes[0].rpc, 1, RPC_JOIN, text("a"), 1000, on_answer, NULL);
    run_until(&answers, 1);
    assert_int_equal(last_error, ERROR_TIMEOUT);
    rpc_call(nodes[0].rpc, 1, RPC_JOIN, text("b"), 60000000, on_answer, NULL);
    nodes[1].links->operations->set_peer(nodes[1].links, 0, NULL, 0);
    run_until(&answers, 2);
    assert_int_equal(last_error, ERROR_CLOSED);
    rpc_call(nodes[0].rpc, 77, RPC_JOIN, text("c"), 60000000, on_answer, NULL);
    run_until(&answers, 3);
    assert_int_equal(last_error, ERROR_CLOSED);
}

static void who_is_about_to_stop_serves_nobody_and_is_still_answered(void **state)
{
    (void)state;
    answers = 0;
    rpc_serve(nodes[0].rpc, RPC_JOIN, serve_echo, NULL);
    rpc_serve(nodes[1].rpc, RPC_JOIN, serve_echo, NULL);
    rpc_stop_serving(nodes[1].rpc);
    rpc_call(nodes[0].rpc, 1, RPC_JOIN, text("late"), 5000000, on_answer, NULL);
    run_until(&answers, 1);
    assert_int_equal(last_error, ERROR_CANCELLED);
    rpc_call(nodes[1].rpc, 0, RPC_JOIN, text("last words"), 5000000, on_answer, NULL);
    run_until(&answers, 2);
    assert_int_equal(last_error, ERROR_NONE);
    assert_string_equal(last_answer, "last words");
}

/* Each has both addresses as seeds, itself among them. Streams that cross are cut down to one; a
 * call that was lost with the other is repeated. */
static void two_that_dial_each_other_end_up_with_one_link(void **state)
{
    (void)state;
    start_both("127.0.0.1");
    for (int i = 0; i < 2; i++) {
        links_uv_add_seed(nodes[i].links, "127.0.0.1", nodes[0].port);
        links_uv_add_seed(nodes[i].links, "127.0.0.1", nodes[1].port);
    }
    run_until(&nodes[0].ups, 1);
    run_until(&nodes[1].ups, 1);
    rpc_serve(nodes[1].rpc, RPC_JOIN, serve_echo, NULL);
    last_error = ERROR_CLOSED;
    for (int tries = 0; last_error != ERROR_NONE; tries++) {
        assert_true(tries < 100);
        answers = 0;
        rpc_call(nodes[0].rpc, 1, RPC_JOIN, text("again"), 5000000, on_answer, NULL);
        run_until(&answers, 1);
    }
    assert_string_equal(last_answer, "again");
    assert_true(nodes[0].ups - nodes[0].downs == 1);
    (void)stop_pair(state);
}

/* As a seed and as a peer. Its stream is not broken by a second one. */
static void an_address_that_is_known_twice_is_dialled_once(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        start_both("127.0.0.1");
        nodes[0].links->operations->set_peer(nodes[0].links, 1, "127.0.0.1", nodes[1].port);
        links_uv_add_seed(nodes[0].links, "127.0.0.1", nodes[1].port);
        run_until(&nodes[0].ups, 1);
        run_until(&nodes[1].ups, 1);
        rpc_serve(nodes[1].rpc, RPC_JOIN, serve_echo, NULL);
        for (int i = 0; i < 200; i++) {
            answers = 0;
            rpc_call(nodes[0].rpc, 1, RPC_JOIN, text("still there"), 5000000, on_answer, NULL);
            run_until(&answers, 1);
            assert_int_equal(last_error, ERROR_NONE);
        }
        assert_int_equal(nodes[0].ups, 1);
        assert_int_equal(nodes[1].ups, 1);
        (void)stop_pair(state);
    }
}

static void run_until_seed_is(const struct node *node, const char *host, uint16_t port, int32_t id)
{
    uint64_t deadline = clock_monotonic_us(clock_system()) + 20 * 1000 * 1000;

    while (node->links->operations->seed_node(node->links, host, port) != id) {
        (void)uv_run(&uv, UV_RUN_NOWAIT);
        (void)loop_turn(&loop);
        assert_true(clock_monotonic_us(clock_system()) < deadline);
    }
}

/* However it is spelt. */
static void who_answers_at_a_seed_is_known_also_when_it_is_ourselves(void **state)
{
    const struct links_operations *operations;

    (void)state;
    start_both("127.0.0.1");
    operations = nodes[0].links->operations;
    for (int i = 0; i < 2; i++) {
        links_uv_add_seed(nodes[0].links, "127.1", nodes[i].port);
        assert_int_equal(operations->seed_node(nodes[0].links, "127.1", nodes[i].port), -1);
    }
    run_until_seed_is(&nodes[0], "127.1", nodes[0].port, 0);
    run_until_seed_is(&nodes[0], "127.1", nodes[1].port, 1);
    assert_int_equal(operations->seed_node(nodes[0].links, "127.0.0.1", nodes[0].port), -1);
    (void)stop_pair(state);
}

static void brokers_may_listen_on_a_name_or_everywhere(void **state)
{
    static const char *const listened[] = {"localhost", "", "0.0.0.0"};
    static const char *const dialled[] = {"localhost", "127.0.0.1", "127.0.0.1"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        start_both(listened[i]);
        links_uv_add_seed(nodes[1].links, dialled[i], nodes[0].port);
        run_until(&nodes[0].ups, 1);
        run_until(&nodes[1].ups, 1);
        (void)stop_pair(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_of_any_size_arrive_in_order, start_pair, stop_pair),
        cmocka_unit_test_setup_teardown(a_call_is_answered_by_a_peer_and_by_ourselves, start_pair,
                                        stop_pair),
        cmocka_unit_test_setup_teardown(a_call_fails_when_its_time_is_up_or_its_link_is_lost,
                                        start_pair, stop_pair),
        cmocka_unit_test_setup_teardown(who_is_about_to_stop_serves_nobody_and_is_still_answered,
                                        start_pair, stop_pair),
        cmocka_unit_test(two_that_dial_each_other_end_up_with_one_link),
        cmocka_unit_test(an_address_that_is_known_twice_is_dialled_once),
        cmocka_unit_test(who_answers_at_a_seed_is_known_also_when_it_is_ourselves),
        cmocka_unit_test(brokers_may_listen_on_a_name_or_everywhere),
    };
    return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}

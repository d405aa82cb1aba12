/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gyre/base/check.h"
#include "gyre/runtime/disk_engine.h"
#include "gyre/runtime/work_uv.h"

#include "support/test.h"

enum { BLOCK = 4096, WRITES = 200 };

struct world {
    uv_loop_t uv;
    struct disk *disk;
    char directory[64];
    char path[128];
    int done;
};

struct call {
    struct disk_request request;
    struct world *world;
    struct iovec vector;
    int order; /* in which it was done */
};

static void begin(struct world *world, bool uses_ring)
{
    memset(world, 0, sizeof *world);
    assert_int_equal(uv_loop_init(&world->uv), 0);
    if (!uses_ring) {
        world->disk = disk_thread_new(&world->uv);
    } else if (disk_uring_new(&world->uv, &world->disk) != ERROR_NONE) {
        print_message("io_uring does not work here\n");
        (void)uv_loop_close(&world->uv);
        skip();
    }
    (void)snprintf(world->directory, sizeof world->directory, "/tmp/gyre-disk-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->path, sizeof world->path, "%s/file", world->directory);
}

static void end(struct world *world)
{
    disk_engine_free(world->disk);
    (void)uv_run(&world->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->uv), 0);
    (void)unlink(world->path);
    (void)rmdir(world->directory);
}

static void on_done(struct disk_request *request)
{
    struct call *call = CONTAINER_OF(request, struct call, request);

    call->order = call->world->done++;
}

static void submit(struct world *world, enum disk_lane lane, struct call *call,
                   struct disk_request request)
{
    call->request = request;
    call->request.done = on_done;
    call->world = world;
    call->order = -1;
    disk_submit(world->disk, lane, &call->request);
    assert_int_equal(call->order, -1); /* never inside the call */
}

static void wait_for(struct world *world, int done)
{
    while (world->done < done) {
        (void)uv_run(&world->uv, UV_RUN_ONCE);
    }
}

static enum error do_one(struct world *world, enum disk_lane lane, struct call *call,
                         struct disk_request request)
{
    submit(world, lane, call, request);
    wait_for(world, world->done + 1);
    return call->request.error;
}

static void expect_edges(struct world *world, struct iovec *vector, int fd)
{
    struct call call;

    /* Behind the end there is nothing, and half of it is half. */
    assert_int_equal(
        do_one(world, DISK_LANE_SEGMENT, &call,
               (struct disk_request){.operation = DISK_TRUNCATE, .fd = fd, .offset = BLOCK + 512}),
        ERROR_NONE);
    vector->iov_len = 2 * BLOCK;
    assert_int_equal(
        do_one(world, DISK_LANE_READ, &call,
               (struct disk_request){
                   .operation = DISK_READ_AT, .fd = fd, .vectors = vector, .vector_count = 1}),
        ERROR_NONE);
    assert_int_equal(call.request.bytes, BLOCK + 512);
    assert_int_equal(do_one(world, DISK_LANE_READ, &call,
                            (struct disk_request){.operation = DISK_SYNC, .fd = fd}),
                     ERROR_NONE);
    assert_int_equal(do_one(world, DISK_LANE_READ, &call,
                            (struct disk_request){.operation = DISK_SYNC_ALL, .path = "."}),
                     ERROR_NONE);
    assert_int_equal(do_one(world, DISK_LANE_JOURNAL, &call,
                            (struct disk_request){.operation = DISK_CLOSE, .fd = fd}),
                     ERROR_NONE);
    assert_int_equal(do_one(world, DISK_LANE_JOURNAL, &call,
                            (struct disk_request){.operation = DISK_SYNC, .fd = 9999}),
                     ERROR_IO);
}

static void requests_are_carried_out(bool uses_ring)
{
    struct world world;
    static struct call calls[WRITES];
    struct call call;
    char *memory = aligned_alloc(BLOCK, (size_t)WRITES * BLOCK);
    int fd;

    begin(&world, uses_ring);
    assert_int_equal(do_one(&world, DISK_LANE_READ, &call,
                            (struct disk_request){.operation = DISK_OPEN, .path = world.path}),
                     ERROR_NOT_FOUND);
    assert_int_equal(
        do_one(&world, DISK_LANE_SEGMENT, &call,
               (struct disk_request){.operation = DISK_OPEN,
                                     .flags = DISK_CREATE | DISK_EXCLUSIVE | DISK_DIRECT,
                                     .path = world.path}),
        ERROR_NONE);
    fd = call.request.opened_fd;
    assert_int_equal(do_one(&world, DISK_LANE_SEGMENT, &call,
                            (struct disk_request){.operation = DISK_ALLOCATE,
                                                  .fd = fd,
                                                  .length = (int64_t)WRITES * BLOCK}),
                     ERROR_NONE);
    world.done = 0;
    for (int i = 0; i < WRITES; i++) {
        memset(memory + (size_t)i * BLOCK, i, BLOCK);
        calls[i].vector = (struct iovec){.iov_base = memory + (size_t)i * BLOCK, .iov_len = BLOCK};
        submit(&world, DISK_LANE_JOURNAL, &calls[i],
               (struct disk_request){.operation = i % 3 == 0 ? DISK_WRITE_AT : DISK_WRITE_DURABLE,
                                     .fd = fd,
                                     .offset = (int64_t)i * BLOCK,
                                     .vectors = &calls[i].vector,
                                     .vector_count = 1});
    }
    wait_for(&world, WRITES);
    for (int i = 0; i < WRITES; i++) {
        assert_int_equal(calls[i].order, i); /* an ordered lane */
        assert_int_equal(calls[i].request.error, ERROR_NONE);
        assert_int_equal(calls[i].request.bytes, BLOCK);
    }
    assert_int_equal(do_one(&world, DISK_LANE_SEGMENT, &call,
                            (struct disk_request){.operation = DISK_WRITE_BACK,
                                                  .fd = fd,
                                                  .length = (int64_t)WRITES * BLOCK}),
                     ERROR_NONE);
    memset(memory, 0x7f, (size_t)WRITES * BLOCK);
    world.done = 0;
    for (int i = 0; i < WRITES; i++) {
        submit(&world, DISK_LANE_READ, &calls[i],
               (struct disk_request){.operation = DISK_READ_AT,
                                     .fd = fd,
                                     .offset = (int64_t)i * BLOCK,
                                     .vectors = &calls[i].vector,
                                     .vector_count = 1});
    }
    wait_for(&world, WRITES);
    for (int i = 0; i < WRITES; i++) {
        assert_int_equal(calls[i].request.bytes, BLOCK);
        assert_int_equal((unsigned char)memory[(size_t)i * BLOCK + 17], i % 256);
    }
    expect_edges(&world, &calls[0].vector, fd);
    free(memory);
    end(&world);
}

static void threads_carry_out_requests(void **state)
{
    (void)state;
    requests_are_carried_out(false);
}

static void io_uring_carries_out_requests(void **state)
{
    (void)state;
    requests_are_carried_out(true);
}

/* Submitted in bursts of all lengths, so that the lane's thread meets them in all ways: more than
 * it keeps to itself, one alone, and those that come while it works. */
static void the_lane_of_segments_tells_of_all_in_order(void **state)
{
    static struct call calls[WRITES];
    struct world world;
    struct call call;
    char byte = 1;
    int submitted = 0;
    int fd;

    (void)state;
    begin(&world, false);
    assert_int_equal(do_one(&world, DISK_LANE_SEGMENT, &call,
                            (struct disk_request){
                                .operation = DISK_OPEN, .flags = DISK_CREATE, .path = world.path}),
                     ERROR_NONE);
    fd = call.request.opened_fd;
    world.done = 0;
    for (int burst = 1; submitted < WRITES; burst++) {
        for (int i = 0; i < burst && submitted < WRITES; i++, submitted++) {
            calls[submitted].vector = (struct iovec){.iov_base = &byte, .iov_len = 1};
            submit(&world, DISK_LANE_SEGMENT, &calls[submitted],
                   (struct disk_request){.operation = DISK_WRITE_AT,
                                         .fd = fd,
                                         .offset = submitted,
                                         .vectors = &calls[submitted].vector,
                                         .vector_count = 1});
        }
        if (burst % 2 == 0) {
            wait_for(&world, submitted);
        }
    }
    wait_for(&world, WRITES);
    assert_int_equal(world.done, WRITES);
    for (int i = 0; i < WRITES; i++) {
        assert_int_equal(calls[i].order, i);
        assert_int_equal(calls[i].request.bytes, 1);
    }
    (void)close(fd);
    end(&world);
}

/* ---- the pool ---- */

struct sum {
    struct work work;
    uint64_t bound;
    uint64_t result;
    int *done;
};

static void add_up(struct work *work)
{
    struct sum *sum = CONTAINER_OF(work, struct sum, work);

    for (uint64_t i = 1; i <= sum->bound; i++) {
        sum->result += i;
    }
}

static void on_summed(struct work *work)
{
    (*CONTAINER_OF(work, struct sum, work)->done)++;
}

static void work_is_done_off_the_loop_and_ends_on_it(void **state)
{
    enum { SUMS = 100 };
    static struct sum sums[SUMS];
    uv_loop_t uv;
    struct work_pool *pool;
    int done = 0;

    (void)state;
    assert_int_equal(uv_loop_init(&uv), 0);
    pool = work_uv_new(&uv, 3);
    for (int i = 0; i < SUMS; i++) {
        sums[i] = (struct sum){
            .work = {.run = add_up, .done = on_summed}, .bound = (uint64_t)i * 100, .done = &done};
        work_submit(pool, &sums[i].work);
    }
    assert_int_equal(done, 0);
    while (done < SUMS) {
        (void)uv_run(&uv, UV_RUN_ONCE);
    }
    for (int i = 0; i < SUMS; i++) {
        assert_int_equal(sums[i].result, sums[i].bound * (sums[i].bound + 1) / 2);
    }
    work_uv_free(pool);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&uv), 0);
}

static void nap(struct work *work)
{
    (void)work;
    (void)usleep(20 * 1000);
}

static void on_idle(void *context)
{
    int *done = context;

    assert_int_equal(*done, 2);
    *done = 3;
}

static void a_pool_says_when_nothing_is_under_way(void **state)
{
    uv_loop_t uv;
    struct work_pool *pool;
    struct sum slow[2];
    int done = 0;

    (void)state;
    assert_int_equal(uv_loop_init(&uv), 0);
    pool = work_uv_new(&uv, 2);
    for (int i = 0; i < 2; i++) {
        slow[i] = (struct sum){.work = {.run = nap, .done = on_summed}, .done = &done};
        work_submit(pool, &slow[i].work);
    }
    work_uv_when_idle(pool, on_idle, &done);
    while (done < 3) {
        (void)uv_run(&uv, UV_RUN_ONCE);
    }
    done = 2;
    work_uv_when_idle(pool, on_idle, &done); /* nothing is: soon, but not at once */
    assert_int_equal(done, 2);
    while (done < 3) {
        (void)uv_run(&uv, UV_RUN_ONCE);
    }
    work_uv_free(pool);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&uv), 0);
}

static void ask_class(struct work *work)
{
    CONTAINER_OF(work, struct sum, work)->result = (uint64_t)sched_getscheduler(gettid());
}

static void spare_work_yields_to_everybody(void **state)
{
    struct sum sum = {.work = {.run = ask_class, .done = on_summed}};
    uv_loop_t uv;
    struct work_pool *pool;
    int done = 0;

    (void)state;
    assert_int_equal(uv_loop_init(&uv), 0);
    pool = work_uv_new_spare(&uv);
    sum.done = &done;
    work_submit(pool, &sum.work);
    while (done < 1) {
        (void)uv_run(&uv, UV_RUN_ONCE);
    }
    assert_int_equal(sum.result, SCHED_IDLE);
    work_uv_free(pool);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&uv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_carry_out_requests),
        cmocka_unit_test(io_uring_carries_out_requests),
        cmocka_unit_test(the_lane_of_segments_tells_of_all_in_order),
        cmocka_unit_test(work_is_done_off_the_loop_and_ends_on_it),
        cmocka_unit_test(a_pool_says_when_nothing_is_under_way),
        cmocka_unit_test(spare_work_yields_to_everybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

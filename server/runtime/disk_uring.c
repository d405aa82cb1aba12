/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_uring for many requests at once: reads, and the syncs and durable writes that run beside them.
 * Names, lazy writes and the journal stay with the threads. A journal write is one at a time; its
 * flush would be issued and awaited by a worker of the kernel's that stands in line with all other
 * work of the processor that took the interrupt, and our own thread need not.
 *
 * Whatever the ring answers oddly (short, interrupted, full) is done again from the start by a
 * thread: reads and writes at a position may be repeated.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gyre/base/check.h"
#include "gyre/runtime/disk_engine.h"

#include "disk_system.h"
#include "disk_thread.h"

enum { RING_ENTRIES = 256, RETRY_MS = 1 };

struct disk_uring;

/* A request on its way through the ring, or through a thread if it came back oddly. */
struct flight {
    struct disk_uring *owner;
    struct disk_request *request;
    struct disk_request again; /* the same work, for a thread */
};

struct disk_uring {
    struct disk_engine engine;
    struct disk *threads;
    struct io_uring ring;
    unsigned in_flight;
    int event_fd;
    uv_poll_t poll;
    uv_timer_t retry;
    int open_handles;
};

static int64_t vectors_length(const struct disk_request *request)
{
    int64_t length = 0;

    for (int i = 0; i < request->vector_count; i++) {
        length += (int64_t)request->vectors[i].iov_len;
    }
    return length;
}

static bool suits_ring(const struct disk_request *request)
{
    return request->operation == DISK_READ_AT || request->operation == DISK_WRITE_AT ||
           request->operation == DISK_WRITE_DURABLE || request->operation == DISK_SYNC;
}

static void push_again(uv_timer_t *retry);

/* ---- the end of a request ---- */

static void finish(struct flight *flight)
{
    struct disk_request *request = flight->request;

    free(flight);
    request->done(request);
}

static void on_thread_done(struct disk_request *again)
{
    struct flight *flight = CONTAINER_OF(again, struct flight, again);

    flight->request->error = again->error;
    flight->request->system_error = again->system_error;
    flight->request->bytes = again->bytes;
    flight->request->opened_fd = again->opened_fd;
    finish(flight);
}

static void pass_to_thread(struct flight *flight)
{
    flight->again = *flight->request;
    flight->again.done = on_thread_done;
    disk_submit(flight->owner->threads, DISK_LANE_READ, &flight->again);
}

static void landed(struct flight *flight, int result)
{
    struct disk_request *request = flight->request;

    if (result < 0 && result != -EAGAIN && result != -EINTR) {
        request->error = error_from_errno(-result);
        request->system_error = -result;
        finish(flight);
        return;
    }
    if (result < 0 || (request->operation != DISK_SYNC && result != vectors_length(request))) {
        pass_to_thread(flight);
        return;
    }
    request->bytes = request->operation == DISK_SYNC ? 0 : result;
    finish(flight);
}

/* ---- the ring ---- */

static void prepare(struct io_uring_sqe *sqe, const struct disk_request *request)
{
    unsigned count = (unsigned)request->vector_count;
    uint64_t offset = (uint64_t)request->offset;

    if (request->operation == DISK_READ_AT) {
        io_uring_prep_readv(sqe, request->fd, request->vectors, count, offset);
    } else if (request->operation == DISK_SYNC) {
        io_uring_prep_fsync(sqe, request->fd, IORING_FSYNC_DATASYNC);
    } else {
        io_uring_prep_writev2(sqe, request->fd, request->vectors, count, offset,
                              request->operation == DISK_WRITE_DURABLE ? RWF_DSYNC : 0);
    }
}

/* EAGAIN, EBUSY: the kernel is short of something; what is queued goes a moment later. */
static void push(struct disk_uring *self)
{
    if (io_uring_submit(&self->ring) < 0) {
        CHECK(uv_timer_start(&self->retry, push_again, RETRY_MS, 0) == 0);
    }
}

static void push_again(uv_timer_t *retry)
{
    push(CONTAINER_OF(retry, struct disk_uring, retry));
}

static void start(struct flight *flight)
{
    struct disk_uring *self = flight->owner;
    struct io_uring_sqe *sqe;

    flight->request->error = ERROR_NONE;
    flight->request->system_error = 0;
    flight->request->bytes = 0;
    sqe = !suits_ring(flight->request) || self->in_flight >= RING_ENTRIES
              ? NULL
              : io_uring_get_sqe(&self->ring);
    if (sqe == NULL) {
        pass_to_thread(flight);
        return;
    }
    prepare(sqe, flight->request);
    io_uring_sqe_set_data(sqe, flight);
    self->in_flight++;
    push(self);
}

static void reap(uv_poll_t *poll, int status, int events)
{
    struct disk_uring *self = CONTAINER_OF(poll, struct disk_uring, poll);
    struct io_uring_cqe *cqe = NULL;
    uint64_t count;

    (void)status;
    (void)events;
    if (read(self->event_fd, &count, sizeof count) < 0) {
        return;
    }
    while (io_uring_peek_cqe(&self->ring, &cqe) == 0) {
        struct flight *flight = io_uring_cqe_get_data(cqe);
        int result = cqe->res;

        io_uring_cqe_seen(&self->ring, cqe);
        self->in_flight--;
        landed(flight, result);
    }
}

/* ---- the engine ---- */

static void uring_submit(struct disk *disk, enum disk_lane lane, struct disk_request *request)
{
    struct disk_uring *self = CONTAINER_OF(disk, struct disk_uring, engine.disk);
    struct flight *flight;

    if (lane != DISK_LANE_READ || !suits_ring(request)) {
        disk_submit(self->threads, lane, request);
        return;
    }
    flight = check_alloc_zero(sizeof *flight);
    flight->owner = self;
    flight->request = request;
    start(flight);
}

static void uring_execute(struct disk *disk, struct disk_request *request)
{
    (void)disk;
    disk_system_perform(request);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct disk_uring *self = handle->data;

    if (--self->open_handles == 0) {
        (void)close(self->event_fd);
        free(self);
    }
}

static void uring_free(struct disk_engine *engine)
{
    struct disk_uring *self = CONTAINER_OF(engine, struct disk_uring, engine);

    CHECK(self->in_flight == 0);
    disk_engine_free(self->threads);
    io_uring_queue_exit(&self->ring);
    (void)uv_poll_stop(&self->poll);
    uv_close((uv_handle_t *)&self->poll, on_handle_closed);
    uv_close((uv_handle_t *)&self->retry, on_handle_closed);
}

static bool knows_operations(struct io_uring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool knows = probe != NULL && io_uring_opcode_supported(probe, IORING_OP_READV) &&
                 io_uring_opcode_supported(probe, IORING_OP_WRITEV) &&
                 io_uring_opcode_supported(probe, IORING_OP_FSYNC);

    io_uring_free_probe(probe);
    return knows;
}

enum error disk_uring_new(uv_loop_t *uv, struct disk **out_disk)
{
    static const struct disk_operations operations = {.submit = uring_submit,
                                                      .execute = uring_execute,
                                                      .stat = disk_system_stat,
                                                      .list = disk_system_list,
                                                      .space = disk_system_space,
                                                      .is_resident = disk_system_is_resident};
    struct disk_uring *self = check_alloc_zero(sizeof *self);

    if (io_uring_queue_init(RING_ENTRIES, &self->ring, 0) < 0) {
        free(self);
        return ERROR_UNSUPPORTED;
    }
    self->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->event_fd < 0 || !knows_operations(&self->ring) ||
        io_uring_register_eventfd(&self->ring, self->event_fd) < 0) {
        io_uring_queue_exit(&self->ring);
        if (self->event_fd >= 0) {
            (void)close(self->event_fd);
        }
        free(self);
        return ERROR_UNSUPPORTED;
    }
    self->engine =
        (struct disk_engine){.disk = {.operations = &operations}, .free_engine = uring_free};
    self->threads = disk_thread_new(uv);
    CHECK(uv_poll_init(uv, &self->poll, self->event_fd) == 0);
    CHECK(uv_poll_start(&self->poll, UV_READABLE, reap) == 0);
    CHECK(uv_timer_init(uv, &self->retry) == 0);
    self->poll.data = self;
    self->retry.data = self;
    self->open_handles = 2;
    *out_disk = &self->engine.disk;
    return ERROR_NONE;
}

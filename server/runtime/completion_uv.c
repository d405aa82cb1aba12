/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uv_async_send() wakes the loop a moment before it has done with the handle, and a loop that comes
 * in that moment spins for it, some 50 us. Where they share a processor it mostly does, for waking
 * it takes the processor from the sender. An eventfd of our own needs nothing after it was written.
 */
#include "completion_uv.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gyre/base/check.h"

static void drain_all(struct completion *completion)
{
    void *newest = atomic_exchange_explicit(&completion->newest, NULL, memory_order_acquire);
    void *oldest = NULL;

    while (newest != NULL) {
        void *next = *completion->next_of(newest);

        *completion->next_of(newest) = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        void *next = *completion->next_of(oldest);

        completion->drain(completion, oldest);
        oldest = next;
    }
}

/* The eventfd first: what is pushed after it was read writes it again. */
static void on_wakeup(uv_poll_t *wakeup, int status, int events)
{
    struct completion *completion = CONTAINER_OF(wakeup, struct completion, wakeup);
    uint64_t count;

    (void)status;
    (void)events;
    if (read(completion->event_fd, &count, sizeof count) == (ssize_t)sizeof count) {
        drain_all(completion);
    }
}

void completion_init(struct completion *completion, uv_loop_t *uv)
{
    atomic_init(&completion->newest, NULL);
    completion->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(completion->event_fd >= 0);
    CHECK(uv_poll_init(uv, &completion->wakeup, completion->event_fd) == 0);
    CHECK(uv_poll_start(&completion->wakeup, UV_READABLE, on_wakeup) == 0);
}

void completion_push_all(struct completion *completion, void **items, int count)
{
    static const uint64_t one = 1;
    void *head = atomic_load_explicit(&completion->newest, memory_order_relaxed);

    CHECK(count > 0);
    for (int i = 1; i < count; i++) {
        *completion->next_of(items[i]) = items[i - 1];
    }
    do {
        *completion->next_of(items[0]) = head;
    } while (!atomic_compare_exchange_weak_explicit(&completion->newest, &head, items[count - 1],
                                                    memory_order_release, memory_order_relaxed));
    if (head == NULL) {
        CHECK(write(completion->event_fd, &one, sizeof one) == (ssize_t)sizeof one);
    }
}

void completion_push(struct completion *completion, void *item)
{
    completion_push_all(completion, &item, 1);
}

static void on_closed(uv_handle_t *handle)
{
    uv_poll_t *wakeup = (uv_poll_t *)(void *)handle;
    struct completion *completion = CONTAINER_OF(wakeup, struct completion, wakeup);

    (void)close(completion->event_fd);
    completion->closed(completion);
}

void completion_close(struct completion *completion)
{
    CHECK(atomic_load(&completion->newest) == NULL);
    uv_close((uv_handle_t *)&completion->wakeup, on_closed);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "completion_uv.h"

#include "gyre/base/check.h"

static void on_wakeup(uv_async_t *wakeup)
{
    struct completion *completion = CONTAINER_OF(wakeup, struct completion, wakeup);
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

void completion_init(struct completion *completion, uv_loop_t *uv)
{
    atomic_init(&completion->newest, NULL);
    CHECK(uv_async_init(uv, &completion->wakeup, on_wakeup) == 0);
}

void completion_push(struct completion *completion, void *item)
{
    void *head = atomic_load_explicit(&completion->newest, memory_order_relaxed);

    do {
        *completion->next_of(item) = head;
    } while (!atomic_compare_exchange_weak_explicit(&completion->newest, &head, item,
                                                    memory_order_release, memory_order_relaxed));
    if (head == NULL) {
        CHECK(uv_async_send(&completion->wakeup) == 0);
    }
}

static void on_closed(uv_handle_t *handle)
{
    uv_async_t *wakeup = (uv_async_t *)(void *)handle;
    struct completion *completion = CONTAINER_OF(wakeup, struct completion, wakeup);

    completion->closed(completion);
}

void completion_close(struct completion *completion)
{
    CHECK(atomic_load(&completion->newest) == NULL);
    uv_close((uv_handle_t *)&completion->wakeup, on_closed);
}

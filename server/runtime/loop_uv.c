/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/runtime/loop_uv.h"

#include "gyre/base/check.h"
#include "gyre/runtime/loop.h"

/* The turn happens in on_prepare(); the timer only ends the wait. */
static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

/* libuv counts milliseconds: round up, or the wait would end just before the timer is due. */
static uint64_t wait_ms(const struct loop *loop, uint64_t deadline_us)
{
    uint64_t now_us = clock_monotonic_us(loop->clock);

    return deadline_us <= now_us ? 0 : (deadline_us - now_us + 999) / 1000;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop_uv *driver = CONTAINER_OF(prepare, struct loop_uv, prepare);
    uint64_t deadline_us = loop_turn(driver->loop);

    if (uv_is_closing((uv_handle_t *)&driver->timer)) {
        return; /* stopped in this turn */
    }
    if (deadline_us == UINT64_MAX) {
        CHECK(uv_timer_stop(&driver->timer) == 0);
        return;
    }
    uv_update_time(prepare->loop); /* a turn takes time, and libuv counts from its own clock */
    CHECK(uv_timer_start(&driver->timer, on_timer, wait_ms(driver->loop, deadline_us), 0) == 0);
}

void loop_uv_start(struct loop_uv *driver, uv_loop_t *uv, struct loop *loop)
{
    driver->loop = loop;
    CHECK(uv_prepare_init(uv, &driver->prepare) == 0);
    CHECK(uv_timer_init(uv, &driver->timer) == 0);
    CHECK(uv_prepare_start(&driver->prepare, on_prepare) == 0);
}

void loop_uv_stop(struct loop_uv *driver)
{
    uv_close((uv_handle_t *)&driver->prepare, NULL);
    uv_close((uv_handle_t *)&driver->timer, NULL);
}

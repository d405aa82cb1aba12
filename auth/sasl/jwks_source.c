/* SPDX-License-Identifier: Apache-2.0 */
#include "jwks_source.h"

#include <stdlib.h>

#include "gyre/observe/log.h"

#include "jwks.h"

/* Tokens with made-up key ids are free; downloads are not. */
static const uint64_t EARLY_AGAIN_US = 10 * 1000 * 1000;

enum { MESSAGE_BYTES = 256 };

struct jwks_source {
    struct jwks_source_options options;
    struct jwks *keys; /* a reference; NULL: none yet */
    struct timer timer;
    struct list waiters;
    uint64_t asked_us; /* the last time, early or not */
    uint64_t retry_us;
    bool is_stopped;

    /* ---- the load under way ---- */
    struct work work;
    bool is_loading;
    struct jwks *loaded;
    enum error error;
    char message[MESSAGE_BYTES];
};

static void run(struct work *work)
{
    struct jwks_source *source = CONTAINER_OF(work, struct jwks_source, work);

    source->error =
        jwks_load(source->options.url, source->options.ca_path, source->message, &source->loaded);
}

static void tell_waiters(struct jwks_source *source)
{
    struct list waiters;

    list_init(&waiters);
    list_append_all(&waiters, &source->waiters);
    while (!list_is_empty(&waiters)) {
        struct jwks_waiter *waiter = list_first(&waiters, struct jwks_waiter, link);

        list_remove(&waiter->link);
        waiter->came(waiter);
    }
}

static uint64_t take_loaded(struct jwks_source *source)
{
    const struct jwks_source_options *options = &source->options;
    uint64_t retry_us = source->retry_us;

    if (source->error == ERROR_NONE) {
        jwks_unref(source->keys);
        source->keys = source->loaded;
        source->retry_us = options->retry_us;
        return options->refresh_us;
    }
    log_warning(LOG_AUTH, "keys of token signers cannot be loaded",
                field_string("reason", source->message));
    source->retry_us = 2 * retry_us < options->retry_us_max ? 2 * retry_us : options->retry_us_max;
    return retry_us;
}

static void done(struct work *work)
{
    struct jwks_source *source = CONTAINER_OF(work, struct jwks_source, work);

    source->is_loading = false;
    if (source->is_stopped) {
        if (source->error == ERROR_NONE) {
            jwks_unref(source->loaded);
        }
        return;
    }
    timer_start(source->options.loop, &source->timer, take_loaded(source));
    tell_waiters(source);
}

static void load(struct jwks_source *source)
{
    if (!source->is_loading) {
        source->is_loading = true;
        source->asked_us = clock_monotonic_us(source->options.loop->clock);
        source->work = (struct work){.run = run, .done = done};
        work_submit(source->options.pool, &source->work);
    }
}

static void on_due(struct timer *timer)
{
    load(CONTAINER_OF(timer, struct jwks_source, timer));
}

struct jwks_source *jwks_source_new(const struct jwks_source_options *options)
{
    struct jwks_source *source = check_alloc_zero(sizeof *source);

    source->options = *options;
    source->retry_us = options->retry_us;
    list_init(&source->waiters);
    timer_init(&source->timer, on_due);
    load(source);
    return source;
}

void jwks_source_stop(struct jwks_source *source)
{
    source->is_stopped = true;
    timer_stop(source->options.loop, &source->timer);
}

void jwks_source_free(struct jwks_source *source)
{
    if (source != NULL) {
        CHECK(!source->is_loading);
        timer_stop(source->options.loop, &source->timer);
        jwks_unref(source->keys);
        free(source);
    }
}

struct jwks *jwks_source_get(const struct jwks_source *source)
{
    return source->keys == NULL ? NULL : jwks_ref(source->keys);
}

bool jwks_source_wait(struct jwks_source *source, struct jwks_waiter *waiter)
{
    uint64_t now_us = clock_monotonic_us(source->options.loop->clock);

    if (source->is_stopped || (!source->is_loading && source->asked_us != 0 &&
                               now_us - source->asked_us < EARLY_AGAIN_US)) {
        return false;
    }
    list_append(&source->waiters, &waiter->link);
    load(source);
    return true;
}

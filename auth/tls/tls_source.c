/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/tls/tls_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

/* What a file looks like from outside. */
struct appearance {
    int64_t changed_ns;
    int64_t size;
    uint64_t inode;
};

struct tls_source {
    struct tls_source_services services;
    const char *name;
    struct tls_options options;
    struct tls_options *owned;   /* what `options` points into; NULL: the opener's text */
    struct tls_options *next;    /* owned; wanted while the pool looked; NULL: none */
    struct tls_context *context; /* a reference */
    struct appearance seen[TLS_OPTIONS_FILES];
    void (*trust_changed)(void *context); /* NULL: nobody asked */
    void *trust_context;
    bool is_forced;      /* asked for while it looked */
    uint64_t tickets_us; /* since when its session tickets are good */

    /* ---- of the pool while is_looking ---- */
    struct work work;
    bool is_looking;
    bool must_load;
    bool has_new_tickets;
    struct appearance found[TLS_OPTIONS_FILES];
    struct tls_context *before; /* a reference */
    struct tls_context *loaded; /* NULL: nothing changed, or it failed */
    enum error error;
    char message[TLS_MESSAGE_BYTES];

    /* ---- the end ---- */
    struct task finish;
    bool is_closing;
    void (*closed)(void *context);
    void *closed_context;
};

/* A key that was stolen unlocks no more than this. */
static const uint64_t TICKETS_US = UINT64_C(12) * 3600 * 1000 * 1000;

static void look_at(const struct tls_options *options, struct appearance found[TLS_OPTIONS_FILES])
{
    const char *paths[TLS_OPTIONS_FILES];

    tls_options_files(options, paths);
    for (int i = 0; i < TLS_OPTIONS_FILES; i++) {
        struct stat file;

        found[i] = (struct appearance){0};
        if (paths[i] != NULL && stat(paths[i], &file) == 0) {
            found[i] = (struct appearance){
                .changed_ns =
                    (int64_t)file.st_ctim.tv_sec * 1000000000 + (int64_t)file.st_ctim.tv_nsec,
                .size = (int64_t)file.st_size,
                .inode = (uint64_t)file.st_ino,
            };
        }
    }
}

/* ---- looking ---- */

static void run(struct work *work)
{
    struct tls_source *source = CONTAINER_OF(work, struct tls_source, work);

    look_at(&source->options, source->found);
    if (source->must_load || memcmp(source->found, source->seen, sizeof source->seen) != 0) {
        source->must_load = true;
        source->error =
            tls_context_load(&source->options, source->has_new_tickets ? NULL : source->before,
                             source->message, &source->loaded);
    }
}

static void count(const struct tls_source *source, enum metric metric)
{
    if (source->services.metrics != NULL) {
        metric_add(source->services.metrics, metric, 1);
    }
}

static const char ended_list[] = "a list of revoked certificates has ended";

/* One that ends where it lies is kept: no other is known. */
static bool brings_ended_list(const struct tls_source *source)
{
    return source->error == ERROR_NONE && tls_context_has_ended_list(source->loaded) &&
           !tls_context_trusts_alike(source->context, source->loaded);
}

static void take_loaded(struct tls_source *source)
{
    bool is_alike;

    memcpy(source->seen, source->found, sizeof source->seen);
    if (brings_ended_list(source)) {
        (void)snprintf(source->message, sizeof source->message, "%s", ended_list);
        tls_context_unref(source->loaded);
        source->loaded = NULL;
        source->error = ERROR_INVALID;
    }
    if (source->error != ERROR_NONE) {
        log_error(LOG_AUTH, "certificates could not be reloaded; the old ones stay",
                  field_string("listener", source->name), field_string("reason", source->message));
        count(source, METRIC_TLS_RELOADS_REFUSED);
        return;
    }
    is_alike = tls_context_trusts_alike(source->context, source->loaded);
    tls_context_unref(source->context);
    source->context = source->loaded;
    source->loaded = NULL;
    if (source->has_new_tickets) {
        source->tickets_us = loop_now_us(source->services.loop);
    }
    log_info(LOG_AUTH, "certificates were reloaded", field_string("listener", source->name),
             field_i64("expires_ms", tls_context_expires_ms(source->context)));
    count(source, METRIC_TLS_RELOADS);
    if (!is_alike && source->trust_changed != NULL) {
        source->trust_changed(source->trust_context);
    }
}

/* Whether or not they can be loaded: files that come later may heal them. */
static void adopt(struct tls_source *source)
{
    tls_options_free(source->owned);
    source->owned = source->next;
    source->next = NULL;
    source->options = *source->owned;
}

static void done(struct work *work)
{
    struct tls_source *source = CONTAINER_OF(work, struct tls_source, work);

    source->is_looking = false;
    tls_context_unref(source->before);
    source->before = NULL;
    if (source->is_closing) {
        loop_defer(source->services.loop, &source->finish);
        return;
    }
    if (source->must_load) {
        take_loaded(source);
    }
    if (source->next != NULL) {
        adopt(source);
    }
    if (source->is_forced) {
        source->is_forced = false;
        tls_source_look(source, true);
    }
}

void tls_source_change(struct tls_source *source, const struct tls_options *options)
{
    const struct tls_options *last = source->next == NULL ? &source->options : source->next;

    if (source->is_closing || tls_options_equal(last, options)) {
        return;
    }
    tls_options_free(source->next);
    source->next = tls_options_copy(options);
    if (!source->is_looking) {
        adopt(source);
    }
    tls_source_look(source, true);
}

void tls_source_look(struct tls_source *source, bool is_forced)
{
    if (source->is_looking || source->is_closing) {
        source->is_forced = source->is_forced || is_forced;
        return;
    }
    source->is_looking = true;
    source->has_new_tickets = loop_now_us(source->services.loop) - source->tickets_us >= TICKETS_US;
    source->must_load = is_forced || source->has_new_tickets;
    source->error = ERROR_NONE;
    source->before = tls_context_ref(source->context);
    work_submit(source->services.pool, &source->work);
}

/* ---- life ---- */

static void finish(struct task *task)
{
    struct tls_source *source = CONTAINER_OF(task, struct tls_source, finish);
    void (*closed)(void *context) = source->closed;
    void *context = source->closed_context;

    tls_context_unref(source->context);
    tls_context_unref(source->loaded);
    tls_options_free(source->owned);
    tls_options_free(source->next);
    free(source);
    closed(context);
}

enum error tls_source_open(const struct tls_source_services *services, const char *name,
                           const struct tls_options *options, char *message,
                           struct tls_source **out_source)
{
    struct tls_source *source = check_alloc_zero(sizeof *source);
    enum error error;

    source->services = *services;
    source->name = name;
    source->options = *options;
    source->tickets_us = loop_now_us(services->loop);
    source->work = (struct work){.run = run, .done = done};
    task_init(&source->finish, finish);
    look_at(options, source->seen);
    error = tls_context_load(options, NULL, message, &source->context);
    if (error != ERROR_NONE) {
        free(source);
        return error;
    }
    source->options.allows_expired = false;
    if (message[0] != '\0') {
        log_error(LOG_AUTH, "clients will refuse this listener's certificate",
                  field_string("listener", name), field_string("reason", message));
    }
    if (tls_context_has_ended_list(source->context)) {
        log_error(LOG_AUTH, "certificates that others show will be refused",
                  field_string("listener", name), field_string("reason", ended_list));
    }
    *out_source = source;
    return ERROR_NONE;
}

struct tls_context *tls_source_context(const struct tls_source *source)
{
    return tls_context_ref(source->context);
}

void tls_source_watch_trust(struct tls_source *source, void (*changed)(void *context),
                            void *context)
{
    source->trust_changed = changed;
    source->trust_context = context;
}

int64_t tls_source_expires_ms(const struct tls_source *source)
{
    return tls_context_expires_ms(source->context);
}

void tls_source_close(struct tls_source *source, void (*closed)(void *context), void *context)
{
    CHECK(!source->is_closing);
    source->is_closing = true;
    source->closed = closed;
    source->closed_context = context;
    if (!source->is_looking) {
        loop_defer(source->services.loop, &source->finish);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gyre/base/check.h"
#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

#include "audit_line.h"
#include "audit_refusals.h"

static const uint64_t RETRY_US = 1000 * 1000;

struct block {
    char *bytes; /* owned */
    size_t length;
    size_t capacity;
};

struct audit {
    struct audit_options options;
    char *path; /* owned; NULL: no file */
    char *cluster_id;
    struct block waiting;
    struct block writing; /* the pool's while is_writing */
    size_t written;       /* of it; the pool's */
    int write_errno;      /* the pool's */
    bool is_writing;
    bool is_dropping;
    struct work write;
    struct task gather;
    struct timer retry;
    struct timer sweep;
    struct audit_refusals refusals;
    uint64_t accesses;
};

/* ---- the file ---- */

/* Pool. Opened anew for each block, so that a rotated file is let go. */
static void write_block(struct audit *audit)
{
    int file = open(audit->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    audit->write_errno = file < 0 ? errno : 0;
    while (file >= 0 && audit->write_errno == 0 && audit->written < audit->writing.length) {
        ssize_t size = write(file, audit->writing.bytes + audit->written,
                             audit->writing.length - audit->written);

        if (size >= 0) {
            audit->written += (size_t)size;
        } else if (errno != EINTR) {
            audit->write_errno = errno;
        }
    }
    if (file >= 0 && close(file) != 0 && audit->write_errno == 0) {
        audit->write_errno = errno;
    }
}

static void run_write(struct work *work)
{
    write_block(CONTAINER_OF(work, struct audit, write));
}

static void submit(struct audit *audit)
{
    audit->is_writing = true;
    work_submit(audit->options.pool, &audit->write);
}

static void on_written(struct work *work)
{
    struct audit *audit = CONTAINER_OF(work, struct audit, write);

    audit->is_writing = false;
    if (audit->write_errno != 0) {
        log_error(LOG_AUTH, "the audit cannot be written; it is tried again",
                  field_string("path", audit->path),
                  field_string("reason", strerror(audit->write_errno)));
        timer_start(audit->options.loop, &audit->retry, RETRY_US);
        return;
    }
    audit->writing.length = 0;
    if (audit->waiting.length > 0) {
        loop_defer_last(audit->options.loop, &audit->gather);
    }
}

static void on_retry(struct timer *timer)
{
    submit(CONTAINER_OF(timer, struct audit, retry));
}

/* ---- lines ---- */

static void take_waiting(struct audit *audit)
{
    struct block empty = audit->writing;

    audit->writing = audit->waiting;
    audit->waiting = empty;
    audit->waiting.length = 0;
    audit->written = 0;
    audit->is_dropping = false;
    if (audit->options.publish != NULL) {
        audit->options.publish(
            audit->options.context,
            (struct string){audit->writing.bytes, (int32_t)audit->writing.length});
    }
}

static void gather(struct task *task)
{
    struct audit *audit = CONTAINER_OF(task, struct audit, gather);

    if (audit->writing.length > 0 || audit->waiting.length == 0) {
        return; /* on_written() comes back */
    }
    take_waiting(audit);
    if (audit->path == NULL) {
        audit->writing.length = 0;
        return;
    }
    submit(audit);
}

static void drop(struct audit *audit)
{
    if (audit->options.metrics != NULL) {
        metric_add(audit->options.metrics, METRIC_AUDIT_DROPPED, 1);
    }
    if (!audit->is_dropping) {
        log_error(LOG_AUTH, "the audit loses lines: it cannot be written as fast as they come",
                  field_i64("waiting_bytes", (int64_t)audit->waiting.length));
    }
    audit->is_dropping = true;
}

static void append(struct audit *audit, const char *line, size_t length)
{
    struct block *waiting = &audit->waiting;

    if (waiting->length + length > audit->options.waiting_bytes_max) {
        drop(audit);
        return;
    }
    if (waiting->length + length > waiting->capacity) {
        waiting->capacity = 2 * (waiting->length + length);
        waiting->bytes = check_realloc(waiting->bytes, waiting->capacity);
    }
    memcpy(waiting->bytes + waiting->length, line, length);
    waiting->length += length;
    loop_defer_last(audit->options.loop, &audit->gather);
}

static void write_event(struct audit *audit, const struct audit_event *event, uint64_t count)
{
    struct audit_line_context context = {
        .wall_ms = clock_wall_ms(audit->options.loop->clock),
        .cluster_id = string_from(audit->cluster_id),
        .node_id = audit->options.node_id,
        .count = count,
    };
    char *line = audit_line_format(&context, event);

    append(audit, line, strlen(line));
    free(line);
}

/* ---- refusals ---- */

/* What came again in its window becomes one line with a count. */
static void end_windows(struct audit *audit, uint64_t before_us)
{
    struct audit_refusal *refusal;

    while ((refusal = audit_refusals_take(&audit->refusals, before_us)) != NULL) {
        if (refusal->again > 0) {
            write_event(audit, &refusal->event, refusal->again);
        }
        free(refusal);
    }
}

static void on_sweep(struct timer *timer)
{
    struct audit *audit = CONTAINER_OF(timer, struct audit, sweep);
    uint64_t now_us = loop_now_us(audit->options.loop);
    uint64_t window_us = audit->options.refusal_window_us;

    end_windows(audit, now_us > window_us ? now_us - window_us + 1 : 0);
    if (audit->refusals.by_key.count > 0) {
        timer_start(audit->options.loop, timer, window_us / 4 + 1);
    }
}

static void record_refusal(struct audit *audit, const struct audit_event *event)
{
    if (audit_refusals_count(&audit->refusals, event)) {
        return;
    }
    write_event(audit, event, 1);
    if (audit_refusals_are_full(&audit->refusals)) {
        return; /* written one by one until windows end */
    }
    audit_refusals_add(&audit->refusals, event, loop_now_us(audit->options.loop));
    if (!timer_is_running(&audit->sweep)) {
        timer_start(audit->options.loop, &audit->sweep, audit->options.refusal_window_us / 4 + 1);
    }
}

bool audit_wants_access(struct audit *audit)
{
    int32_t sample = audit->options.access_sample;

    return sample > 0 && audit->accesses++ % (uint64_t)sample == 0;
}

/* Names may have 32 KiB on the wire; a trace needs no more than their beginning. */
static void clip(struct string *text)
{
    if (text->length > AUDIT_TEXT_BYTES_MAX) {
        text->length = AUDIT_TEXT_BYTES_MAX;
    }
}

void audit_record(struct audit *audit, const struct audit_event *event)
{
    struct audit_event clipped = *event;

    clip(&clipped.tls_subject);
    clip(&clipped.principal);
    clip(&clipped.client_id);
    clip(&clipped.resource);
    clip(&clipped.rule);
    clip(&clipped.error);
    clip(&clipped.detail);
    if (event->kind == AUDIT_REFUSAL ||
        (event->kind == AUDIT_AUTHENTICATION && !event->is_success)) {
        record_refusal(audit, &clipped);
    } else {
        write_event(audit, &clipped, 1);
    }
}

bool audit_is_behind(const struct audit *audit)
{
    return audit->is_dropping || audit->waiting.length > audit->options.waiting_bytes_max / 4 * 3;
}

/* ---- life ---- */

static char *copy_text(struct string text)
{
    char *copy = check_alloc((size_t)text.length + 1);

    memcpy(copy, text.bytes, (size_t)text.length);
    copy[text.length] = '\0';
    return copy;
}

struct audit *audit_new(const struct audit_options *options)
{
    struct audit *audit = check_alloc_zero(sizeof *audit);

    audit->options = *options;
    audit->path = options->path == NULL ? NULL : copy_text(string_from(options->path));
    audit->write = (struct work){.run = run_write, .done = on_written};
    task_init(&audit->gather, gather);
    timer_init(&audit->retry, on_retry);
    timer_init(&audit->sweep, on_sweep);
    audit_refusals_init(&audit->refusals);
    return audit;
}

void audit_set_cluster_id(struct audit *audit, struct string cluster_id)
{
    free(audit->cluster_id);
    audit->cluster_id = copy_text(cluster_id);
}

/* What a write left over, then what waited behind it. */
static void write_rest(struct audit *audit)
{
    if (audit->path == NULL) {
        return;
    }
    if (audit->writing.length > 0) {
        write_block(audit);
    }
    take_waiting(audit);
    write_block(audit);
    if (audit->write_errno != 0) {
        log_error(LOG_AUTH, "the end of the audit cannot be written",
                  field_string("path", audit->path),
                  field_string("reason", strerror(audit->write_errno)));
    }
}

void audit_free(struct audit *audit)
{
    if (audit == NULL) {
        return;
    }
    audit->options.publish = NULL;
    end_windows(audit, UINT64_MAX);
    task_cancel(&audit->gather);
    timer_stop(audit->options.loop, &audit->retry);
    timer_stop(audit->options.loop, &audit->sweep);
    write_rest(audit);
    audit_refusals_release(&audit->refusals);
    free(audit->waiting.bytes);
    free(audit->writing.bytes);
    free(audit->cluster_id);
    free(audit->path);
    free(audit);
}

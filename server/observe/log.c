/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "observe/log_line.h"

enum { RING_LINES = 1024, RING_LINE_BYTES = 256, FIELDS_MAX = 16 };

struct sink {
    pthread_mutex_t mutex;
    int fd;
    bool is_started;
    enum log_format format;
    int32_t node_id;
    int64_t (*wall_ms)(void);
    atomic_int levels[LOG_AREA_COUNT]; /* above LOG_LEVEL_INFO, so that zero is right */
    char (*ring)[RING_LINE_BYTES];     /* owned; the last lines, cut off, those of debug included */
    unsigned ring_next;
};

static struct sink the_sink = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .fd = STDERR_FILENO,
    .node_id = -1,
};

static int64_t system_wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(void)
{
    return the_sink.wall_ms != NULL ? the_sink.wall_ms() : system_wall_ms();
}

/* Lines are short and the kernel takes them whole; what it does not take is lost, not waited for.
 */
static void write_line(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(the_sink.fd, text, length);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        text += written;
        length -= (size_t)written;
    }
}

static void remember(const char *text, size_t length)
{
    char *line;

    if (the_sink.ring == NULL) {
        return;
    }
    line = the_sink.ring[the_sink.ring_next++ % RING_LINES];
    length = length < RING_LINE_BYTES ? length : RING_LINE_BYTES - 1;
    memcpy(line, text, length);
    line[length] = '\0';
}

/* How many lines were kept back before this one; -1: keep this one back too. */
static int admit(struct log_site *site, int64_t now_ms)
{
    int64_t second = now_ms / 1000;
    int64_t seen = atomic_load_explicit(&site->second, memory_order_relaxed);

    if (seen != second &&
        atomic_compare_exchange_strong_explicit(&site->second, &seen, second, memory_order_relaxed,
                                                memory_order_relaxed)) {
        atomic_store_explicit(&site->lines, 1, memory_order_relaxed);
        return (int)atomic_exchange_explicit(&site->kept_back, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&site->lines, 1, memory_order_relaxed) <
        LOG_SITE_LINES_PER_SECOND_MAX) {
        return 0;
    }
    (void)atomic_fetch_add_explicit(&site->kept_back, 1, memory_order_relaxed);
    return -1;
}

void log_write(struct log_site *site, enum log_level level, enum log_area area, const char *message,
               ...)
{
    bool is_shown = level >= log_level_of(area);
    int64_t now_ms = wall_ms();
    int kept_back = 0;
    struct log_line line;
    va_list fields;

    if (!is_shown && the_sink.ring == NULL) {
        return;
    }
    if (is_shown) {
        kept_back = admit(site, now_ms);
        if (kept_back < 0) {
            return;
        }
    }
    log_line_begin(&line, the_sink.format, now_ms, level, log_area_name(area), message);
    if (the_sink.node_id >= 0) {
        log_line_field(&line, field_i64("node", the_sink.node_id));
    }
    va_start(fields, message);
    for (int i = 0; i < FIELDS_MAX; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started above. */
        struct log_field field = va_arg(fields, struct log_field);

        if (field.kind == LOG_FIELD_END) {
            break;
        }
        log_line_field(&line, field);
    }
    va_end(fields);
    if (kept_back > 0) {
        log_line_field(&line, field_i64("kept_back", kept_back));
    }
    log_line_end(&line);
    (void)pthread_mutex_lock(&the_sink.mutex);
    remember(line.text, line.length);
    if (is_shown) {
        write_line(line.text, line.length);
    }
    (void)pthread_mutex_unlock(&the_sink.mutex);
}

/* The process is about to abort: no locks, another thread may hold them for ever. */
static void write_out_ring(const char *text)
{
    static const char head[] = "the last log lines before the failed check:\n";

    (void)text; /* is on stderr already */
    if (the_sink.ring == NULL) {
        return;
    }
    write_line(head, sizeof head - 1);
    for (unsigned i = 0; i < RING_LINES; i++) {
        const char *line = the_sink.ring[(the_sink.ring_next + i) % RING_LINES];
        size_t length = strnlen(line, RING_LINE_BYTES);

        if (length == 0) {
            continue;
        }
        write_line(line, length);
        if (line[length - 1] != '\n') {
            write_line("\n", 1);
        }
    }
}

enum error log_start(const struct log_settings *settings)
{
    int fd = STDERR_FILENO;

    CHECK(!the_sink.is_started);
    if (settings->path != NULL) {
        fd = open(settings->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0) {
            return error_from_errno(errno);
        }
    }
    the_sink.fd = fd;
    the_sink.format = settings->format;
    the_sink.wall_ms = settings->wall_ms;
    the_sink.node_id = settings->node_id;
    the_sink.ring = check_alloc_zero(sizeof(char[RING_LINES][RING_LINE_BYTES]));
    the_sink.ring_next = 0;
    the_sink.is_started = true;
    for (int area = 0; area < LOG_AREA_COUNT; area++) {
        log_set_level((enum log_area)area, settings->level);
    }
    check_set_witness(write_out_ring);
    return ERROR_NONE;
}

void log_stop(void)
{
    if (!the_sink.is_started) {
        return;
    }
    check_set_witness(NULL);
    if (the_sink.fd != STDERR_FILENO) {
        (void)close(the_sink.fd);
    }
    the_sink.fd = STDERR_FILENO;
    the_sink.format = LOG_FORMAT_LOGFMT;
    the_sink.wall_ms = NULL;
    the_sink.node_id = -1;
    free(the_sink.ring);
    the_sink.ring = NULL;
    the_sink.is_started = false;
}

void log_set_level(enum log_area area, enum log_level level)
{
    atomic_store_explicit(&the_sink.levels[area], (int)level - LOG_LEVEL_INFO,
                          memory_order_relaxed);
}

enum log_level log_level_of(enum log_area area)
{
    int above = atomic_load_explicit(&the_sink.levels[area], memory_order_relaxed);

    return (enum log_level)(above + LOG_LEVEL_INFO);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source is where a listener takes its TLS context from: the newest good one. When files change,
 * or when it is told to, it loads them anew on the pool; what cannot be loaded is told in the log
 * and changes nothing.
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_TLS_TLS_SOURCE_H
#define GYRE_TLS_TLS_SOURCE_H

#include "gyre/tls/tls_context.h"

struct loop;
struct metrics;
struct tls_source; /* opaque */
struct work_pool;

/* Borrowed until the source is closed. */
struct tls_source_services {
    struct loop *loop;
    struct work_pool *pool;
    struct metrics *metrics; /* NULL: none */
};

/* Loads at once: before the loop runs. `options` is copied, its text and `name` are borrowed. With
 * allows_expired it opens with a certificate that has ended, and says so in the log; so it does
 * with a list of revoked certificates that has ended. What is loaded later has to be good. */
MUST_USE
enum error tls_source_open(const struct tls_source_services *services, const char *name,
                           const struct tls_options *options, char *message,
                           struct tls_source **out_source);

/* For a connection that begins now; a reference of its own. */
struct tls_context *tls_source_context(const struct tls_source *source);

/* changed(context) whenever a new context believes others than the one before: those who came in
 * by the old one may be asked about again. NULL: nobody wants to know any more. */
void tls_source_watch_trust(struct tls_source *source, void (*changed)(void *context),
                            void *context);

/* Other options from now on, copied; until they can be loaded the last good context stays. */
void tls_source_change(struct tls_source *source, const struct tls_options *options);

/* Looks whether files have changed, at most once at a time; `is_forced`: loads them whatever. */
void tls_source_look(struct tls_source *source, bool is_forced);

/* When the present certificate ends, ms since 1970. */
int64_t tls_source_expires_ms(const struct tls_source *source);

/* Gone when closed(context) is called, never before this returns. */
void tls_source_close(struct tls_source *source, void (*closed)(void *context), void *context);

#endif

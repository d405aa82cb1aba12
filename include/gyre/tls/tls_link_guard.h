/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for the links between brokers. Both sides show a certificate.
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_TLS_TLS_LINK_GUARD_H
#define GYRE_TLS_TLS_LINK_GUARD_H

#include "gyre/runtime/link_guard.h"

struct tls_source;

struct tls_link_guard {
    struct link_guard base;
    struct tls_source *accepting; /* a server's, that demands certificates */
    struct tls_source *dialling;  /* a client's */
};

/* The sources are borrowed until the links are closed. */
void tls_link_guard_init(struct tls_link_guard *guard, struct tls_source *accepting,
                         struct tls_source *dialling);

#endif

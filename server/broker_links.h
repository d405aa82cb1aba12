/* SPDX-License-Identifier: Apache-2.0 */
/* The links of a broker to its peers, as the configuration wants them. Thread: the shard's own. */
#ifndef GYRE_BROKER_LINKS_H
#define GYRE_BROKER_LINKS_H

#include <stdint.h>
#include <uv.h>

#include "gyre/base/error.h"
#include "gyre/base/uuid.h"

struct broker_config;
struct broker_tls;
struct links;
struct loop;
struct storage;

/* Who may speak to us. Borrowed until the links are closed. */
struct broker_admission {
    const struct storage *storage; /* open: the region's id and who we are */
    /* A broker that we were told to dial is of another region. Called for each attempt. */
    void (*seed_is_foreign)(void *context, struct uuid ours, struct uuid theirs);
    void *context;
};

/* Borrowed until the links are closed. */
struct broker_links_services {
    const struct broker_config *config;
    uv_loop_t *uv;
    struct loop *loop;
    struct broker_admission *admission;
    struct broker_tls *tls;
    uint64_t incarnation;
};

/* Listens for peers and dials the seeds. On error the log says why. */
MUST_USE
enum error broker_links_open(const struct broker_links_services *services, struct links **out_links,
                             uint16_t *out_port);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog's parts, for its own files: state, submissions, waits, the store's flusher. */
#ifndef GYRE_METADATA_CATALOG_INTERNAL_H
#define GYRE_METADATA_CATALOG_INTERNAL_H

#include "gyre/metadata/catalog.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/rpc.h"
#include "gyre/runtime/work.h"

#include "metadata/catalog_apply.h"
#include "metadata/catalog_open.h"
#include "metadata/catalog_state.h"

enum {
    CATALOG_SUBMIT_TIMEOUT_US = 5 * 1000 * 1000, /* to find a leader and be committed */
    CATALOG_SPREAD_TIMEOUT_US = 1000 * 1000,     /* to be applied on every live broker */
    CATALOG_TICK_US = 20 * 1000,
    CATALOG_FLUSH_US = 50 * 1000,
    CATALOG_LISTEN_US = 500 * 1000,      /* between looks at whether a leader is heard */
    CATALOG_HEARD_LATE_US = 2000 * 1000, /* a leader is missed so late, with usual timeouts */
    CATALOG_HEARD_LATE_SHARE = 5,        /* and never more than this part of a limit */
    CATALOG_SUBMISSIONS_MAX = 20000,     /* more are refused with BUSY */
    CATALOG_WAITS_MAX = 20000,
};

struct catalog_flush;
struct catalog_flush_batch;

struct catalog {
    struct catalog_services services;
    struct catalog_state state;
    struct consensus_group *group; /* owned; NULL until open */
    int32_t leader;
    bool leads;
    bool was_announced;
    struct task announce;
    struct catalog_result result; /* scratch of the entry being applied */

    /* catalog_news.c */
    struct timer listen;
    uint64_t heard_us; /* when a leader with a quorum was last heard of */
    bool was_heard;    /* at all, by this process */
    bool is_stale;     /* the operator was told */

    /* catalog_submit.c */
    struct list looking;   /* for a leader, in order of arrival */
    struct list submitted; /* lie in our log, by index */
    struct list asked;     /* were handed to the leader */
    struct list spreading; /* committed; the brokers are being waited for */
    struct list finished;  /* done() is to be called */
    int submission_count;
    struct task pump;
    struct task finish;
    struct timer tick; /* runs while anything above or below waits */

    /* catalog_spread.c */
    struct map followers;
    struct list calls; /* open RPC_CATALOG_WAIT questions */
    struct list waits;
    int wait_count;

    /* catalog_flush.c */
    struct timer flush;
    struct catalog_flush_batch *flushing; /* owned by the pool while it works */
    bool has_flush_failed;
};

/* ---- catalog_submit.c ---- */
void catalog_submit_init(struct catalog *catalog);
void catalog_submit_release(struct catalog *catalog);
/* The entry (index, term) was applied with catalog->result. */
void catalog_submit_applied(struct catalog *catalog, uint64_t index, uint64_t term);
/* Everything up to `index` was replaced by a snapshot. */
void catalog_submit_restored(struct catalog *catalog, uint64_t index);
void catalog_submit_leader_changed(struct catalog *catalog);
/* All brokers that are to be waited for have applied what is below or at `index`. */
void catalog_submit_spread(struct catalog *catalog, uint64_t index);
void catalog_submit_tick(struct catalog *catalog, uint64_t now_us);
bool catalog_submit_is_idle(const struct catalog *catalog);

/* ---- catalog_spread.c ---- */
void catalog_spread_init(struct catalog *catalog);
void catalog_spread_release(struct catalog *catalog);
/* Ask the live brokers whether they have applied `index`; answers come by catalog_submit_spread().
 * True: there is nobody to ask, or all have said so before. */
bool catalog_spread_has_reached(struct catalog *catalog, uint64_t index);
void catalog_spread_applied(struct catalog *catalog); /* local waits */
void catalog_spread_tick(struct catalog *catalog, uint64_t now_us);
void catalog_need_tick(struct catalog *catalog);

/* ---- catalog_news.c ---- */
void catalog_news_init(struct catalog *catalog);
void catalog_news_start(struct catalog *catalog);
void catalog_news_release(struct catalog *catalog);
void catalog_news_look(struct catalog *catalog); /* something of the leader has changed */

/* ---- catalog_flush.c ---- */
/* Blocks; the state is empty after damage. */
void catalog_flush_load(struct catalog *catalog);
void catalog_flush_init(struct catalog *catalog);
void catalog_flush_release(struct catalog *catalog);
void catalog_flush_note(struct catalog *catalog); /* rows may be dirty */

#endif

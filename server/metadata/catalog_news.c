/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How old may what we know be? A leader that has a quorum is heard all the time, so whoever hears
 * none may have missed that somebody's rights were revoked (promise P6). Looked at twice a second:
 * the question itself comes with every request.
 */
#include "gyre/observe/log.h"

#include "metadata/catalog_internal.h"

void catalog_news_look(struct catalog *catalog)
{
    if (catalog->group != NULL && consensus_hears_leader(catalog->group)) {
        catalog->heard_us = loop_now_us(catalog->services.loop);
        catalog->was_heard = true;
    }
    if (catalog->was_heard && catalog->is_stale != catalog_is_stale(catalog, CATALOG_STALE_US)) {
        catalog->is_stale = !catalog->is_stale;
        if (catalog->is_stale) {
            log_warning(LOG_METADATA, "no leader of the catalog is heard: nobody new is let in");
        } else {
            log_info(LOG_METADATA, "the catalog's leader is heard again");
        }
    }
}

static void listen_expired(struct timer *timer)
{
    struct catalog *catalog = CONTAINER_OF(timer, struct catalog, listen);

    catalog_news_look(catalog);
    timer_start(catalog->services.loop, timer, CATALOG_LISTEN_US);
}

void catalog_news_init(struct catalog *catalog)
{
    timer_init(&catalog->listen, listen_expired);
}

void catalog_news_start(struct catalog *catalog)
{
    timer_start(catalog->services.loop, &catalog->listen, CATALOG_LISTEN_US);
}

void catalog_news_release(struct catalog *catalog)
{
    timer_stop(catalog->services.loop, &catalog->listen);
}

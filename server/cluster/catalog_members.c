/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog is on every broker; three or five of them vote. Its leader takes new brokers in as
 * standbys, makes voters of them while there are too few, and lets go of those that left.
 */
#include "gyre/observe/log.h"

#include "cluster/cluster_private.h"
#include "metadata/catalog_open.h"

enum { VOTERS_MAX = 5, VOTERS_USUAL = 3 };
static const uint64_t LOOK_AGAIN_US = 500 * 1000;
static const uint64_t FORGET_US = 10 * 1000 * 1000;
static const uint64_t CATCH_UP_US = 10 * 1000 * 1000;

struct wish {
    int32_t node; /* -1: nothing to do */
    bool is_removal;
    enum member_role role;
};

struct survey {
    const struct member_progress *members;
    int member_count;
    struct wish wish;
};

static void look_for_newcomer(void *context, const struct catalog_broker *broker)
{
    struct survey *survey = context;

    for (int i = 0; i < survey->member_count; i++) {
        if (survey->members[i].node == broker->node_id) {
            return;
        }
    }
    if (survey->wish.node < 0 && survey->member_count < CONSENSUS_MEMBERS_MAX) {
        survey->wish = (struct wish){broker->node_id, false, MEMBER_STANDBY};
    }
}

static int voters_wanted(int broker_count)
{
    if (broker_count >= VOTERS_MAX) {
        return VOTERS_MAX;
    }
    return broker_count >= VOTERS_USUAL ? VOTERS_USUAL : 1;
}

/* Unregistered. A founder that can be heard may not have registered yet. */
static bool is_gone(const struct cluster *cluster, const struct member_progress *member)
{
    return catalog_find_broker(cluster->services.catalog, member->node) == NULL &&
           (member->role == MEMBER_STANDBY || member->node == cluster->leaving_node ||
            consensus_peer_silent_us(cluster->services.consensus, member->node) >= FORGET_US);
}

/* A live standby, by turns: the one that had the last may be the one that cannot catch up. */
static int32_t next_candidate(const struct cluster *cluster, const struct member_progress *members,
                              int count)
{
    int first = 0;

    for (int i = 0; i < count; i++) {
        first = members[i].node == cluster->candidate ? i + 1 : first;
    }
    for (int i = 0; i < count; i++) {
        const struct member_progress *member = &members[(first + i) % count];

        if (member->role == MEMBER_STANDBY && member->is_live) {
            return member->node;
        }
    }
    return -1;
}

static struct wish find_wish(struct cluster *cluster, const struct member_progress *members,
                             int count)
{
    struct catalog *catalog = cluster->services.catalog;
    struct survey survey = {members, count, {-1, false, MEMBER_STANDBY}};
    int voters = 0;

    catalog_for_each_broker(catalog, look_for_newcomer, &survey);
    if (survey.wish.node >= 0) {
        return survey.wish;
    }
    for (int i = 0; i < count; i++) {
        voters += members[i].role == MEMBER_VOTER;
        if (is_gone(cluster, &members[i])) {
            return (struct wish){members[i].node, true, MEMBER_STANDBY};
        }
    }
    if (voters < voters_wanted(catalog_broker_count(catalog))) {
        return (struct wish){next_candidate(cluster, members, count), false, MEMBER_VOTER};
    }
    return survey.wish;
}

bool catalog_members_admit(struct cluster *cluster, int32_t node_id, struct uuid directory_id)
{
    struct catalog *catalog = cluster->services.catalog;
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int count = consensus_members(catalog_group(catalog), members);

    if (catalog_find_broker(catalog, node_id) != NULL ||
        formation_names(cluster, node_id, directory_id)) {
        return true;
    }
    for (int i = 0; i < count; i++) {
        if (members[i].node == node_id) {
            cluster->leaving_node = node_id;
            return false;
        }
    }
    if (cluster->leaving_node == node_id) {
        cluster->leaving_node = -1;
    }
    return true;
}

static void on_changed(void *context, enum error error)
{
    struct cluster *cluster = context;

    cluster->is_changing_catalog = false;
    if (error != ERROR_NONE) {
        log_warning(LOG_CLUSTER, "the catalog's members could not be changed",
                    field_i64("node", cluster->changing_node), field_error(error));
    }
}

static void begin_change(struct cluster *cluster, struct consensus_group *group, struct wish wish)
{
    cluster->is_changing_catalog = true;
    cluster->changing_node = wish.node;
    cluster->changing_since_us = loop_now_us(cluster->services.loop);
    if (wish.is_removal) {
        consensus_remove_member(group, wish.node, on_changed, cluster);
        return;
    }
    if (wish.role == MEMBER_VOTER) {
        cluster->candidate = wish.node;
    }
    consensus_set_member(group, wish.node, wish.role, on_changed, cluster);
}

/* A standby that does not catch up would hold up all other changes, its own removal, too. It is fed
 * on, and has another turn. */
static void stop_vain_wait(struct cluster *cluster, struct consensus_group *group)
{
    int32_t node = cluster->changing_node;
    uint64_t waited_us = loop_now_us(cluster->services.loop) - cluster->changing_since_us;

    if (waited_us >= CATCH_UP_US || !consensus_peer_is_live(cluster->services.consensus, node) ||
        catalog_find_broker(cluster->services.catalog, node) == NULL) {
        consensus_stop_waiting(group, node);
    }
}

static void on_timer(struct timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, members_timer);
    struct consensus_group *group = catalog_group(cluster->services.catalog);
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    struct wish wish;

    timer_start(cluster->services.loop, timer, LOOK_AGAIN_US);
    if (group == NULL || !catalog_leads(cluster->services.catalog)) {
        return;
    }
    if (cluster->is_changing_catalog) {
        stop_vain_wait(cluster, group);
        return;
    }
    wish = find_wish(cluster, members, consensus_members(group, members));
    if (wish.node >= 0) {
        begin_change(cluster, group, wish);
    }
}

void catalog_members_init(struct cluster *cluster)
{
    timer_init(&cluster->members_timer, on_timer);
    cluster->leaving_node = -1;
    cluster->changing_node = -1;
    cluster->candidate = -1;
}

void catalog_members_start(struct cluster *cluster)
{
    timer_start(cluster->services.loop, &cluster->members_timer, LOOK_AGAIN_US);
}

void catalog_members_stop(struct cluster *cluster)
{
    timer_stop(cluster->services.loop, &cluster->members_timer);
}

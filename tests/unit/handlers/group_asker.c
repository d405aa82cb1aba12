/* SPDX-License-Identifier: Apache-2.0 */
#include "group_asker.h"

#include "cluster/cluster.h"
#include "support/test.h"

struct cluster_leader cluster_leader(const struct cluster *cluster, struct group_id group)
{
    (void)cluster;
    (void)group;
    return (struct cluster_leader){-1, -1};
}

bool cluster_broker_is_live(const struct cluster *cluster, int32_t node_id)
{
    (void)cluster;
    (void)node_id;
    return true;
}

void group_asker_init(struct group_asker *asker)
{
    fixture_init(&asker->fixture);
    asker->broker = (struct broker){.node_id = 1,
                                    .loop = &asker->fixture.loop,
                                    .config = &asker->fixture.config,
                                    .groups = asker->fixture.coordinator};
    request_fixture_init(&asker->request, &asker->broker);
}

void group_asker_release(struct group_asker *asker)
{
    request_fixture_release(&asker->request);
    fixture_release(&asker->fixture);
}

void group_asker_ask(struct group_asker *asker, int16_t api_key, int16_t version, const void *in,
                     request_handler handle)
{
    request_fixture_ask(&asker->request, api_key, version, in, handle);
    fixture_run(&asker->fixture);
}

bool group_asker_is_answered(const struct group_asker *asker)
{
    return asker->request.request.end == REQUEST_REPLIED;
}

void group_asker_answer(struct group_asker *asker, void *out)
{
    assert_true(group_asker_is_answered(asker));
    request_fixture_answer(&asker->request, out);
}

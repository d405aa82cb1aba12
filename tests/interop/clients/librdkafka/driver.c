/* SPDX-License-Identifier: Apache-2.0 */
/* The twelve conversations, held by librdkafka: driver CLIENT BOOTSTRAP PREFIX [CONVERSATION ...].
 */
#include "talks.h"

int main(int argc, char **argv)
{
    static const struct talk talks[] = {
        {"metadata", talk_metadata}, {"codecs", talk_codecs}, {"idempotent", talk_idempotent},
        {"acks", talk_acks},         {"group", talk_group},   {"rebalance", talk_rebalance},
        {"seek", talk_seek},         {"large", talk_large},   {"topics", talk_topics},
        {"partitions", talk_grow},   {"groups", talk_groups}, {"failover", talk_failover},
    };

    return talk_main(argc, argv, talks, sizeof talks / sizeof talks[0]);
}

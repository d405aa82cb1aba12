/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker with one topic, "clicks", of two partitions: 0 is hosted here (support/fake_group.h), 1
 * is led by node 2. "__own" is an internal topic. Nodes 1 and 2 stand in racks "a" and "b".
 */
#ifndef GYRE_TESTS_SUPPORT_FAKE_BROKER_H
#define GYRE_TESTS_SUPPORT_FAKE_BROKER_H

#include "gyre/base/random.h"
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"

#include "handlers/broker.h"
#include "support/fake_group.h"
#include "support/request_fixture.h"

struct fake_broker {
    struct fake_group group;
    struct request_fixture fixture;
    struct broker broker;
    struct broker_config config;
    struct random random;
    struct catalog_topic topic;
    struct catalog_topic internal;
    struct catalog_broker brokers[2];
    bool is_catalog_stale;
};

void fake_broker_init(struct fake_broker *fake); /* leads partition 0 in epoch 1 */
void fake_broker_release(struct fake_broker *fake);
void fake_broker_ask(struct fake_broker *fake, int16_t api_key, int16_t version, const void *in,
                     request_handler handle);
enum request_end fake_broker_end(const struct fake_broker *fake);

/* Append a batch of `count` records to partition 0 and commit it. Takes `batch`. */
void fake_broker_store(struct fake_broker *fake, struct buffer *batch);

#endif

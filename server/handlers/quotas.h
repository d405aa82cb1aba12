/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client quotas at work: what a request used is charged to its user and client id, and the rest
 * that follows goes into request->throttle_ms. The answer tells it to the client, and the pipeline
 * lets the connection rest for as long (KIP-219).
 *
 * Requests that another broker forwarded are charged where the client asked. Thread: the shard's
 * own.
 */
#ifndef GYRE_HANDLERS_QUOTAS_H
#define GYRE_HANDLERS_QUOTAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct broker_config;
struct catalog;
struct loop;
struct quotas;
struct request;

struct quotas *quotas_new(struct loop *loop, struct catalog *catalog,
                          const struct broker_config *config);
void quotas_free(struct quotas *quotas); /* before the catalog; NULL is fine */

/* The bytes of a Produce, answered or not. */
void quotas_charge_produce(struct request *request, size_t bytes);

/*
 * The bytes that a Fetch is about to send. False: it must send none, and nothing was charged for
 * them.
 */
bool quotas_charge_fetch(struct request *request, size_t bytes);
/* No answer of a Fetch may be larger: it would go beyond the quota in one step. */
size_t quotas_fetch_bytes_max(const struct request *request);

/*
 * Partitions to be created or deleted. From `strict_version` on a client beyond its quota is
 * refused with THROTTLING_QUOTA_EXCEEDED before anything is done: false. Older ones are served,
 * then rest.
 */
bool quotas_charge_mutations(struct request *request, int32_t partitions, int16_t strict_version);

/* The processor's time of a request: measured around its handler, charged when it is answered. */
void quotas_begin_time(struct request *request);
void quotas_end_time(struct request *request);
void quotas_charge_time(struct request *request);

/* A new connection of this address: how long it must wait; then it is closed. */
int32_t quotas_charge_connection(struct quotas *quotas, struct string ip);

#endif

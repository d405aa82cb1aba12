/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GYRE_HANDLERS_INIT_PRODUCER_ID_H
#define GYRE_HANDLERS_INIT_PRODUCER_ID_H

struct request;

void init_producer_id_handle(struct request *request);

#endif

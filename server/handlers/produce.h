/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GYRE_HANDLERS_PRODUCE_H
#define GYRE_HANDLERS_PRODUCE_H

struct request;

void produce_handle(struct request *request);

#endif

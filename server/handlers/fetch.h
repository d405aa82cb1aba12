/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GYRE_HANDLERS_FETCH_H
#define GYRE_HANDLERS_FETCH_H

struct request;

void fetch_handle(struct request *request);

#endif

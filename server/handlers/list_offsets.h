/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GYRE_HANDLERS_LIST_OFFSETS_H
#define GYRE_HANDLERS_LIST_OFFSETS_H

struct request;

void list_offsets_handle(struct request *request);

#endif

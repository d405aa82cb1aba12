/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GYRE_HANDLERS_OFFSET_FOR_LEADER_EPOCH_H
#define GYRE_HANDLERS_OFFSET_FOR_LEADER_EPOCH_H

struct request;

void offset_for_leader_epoch_handle(struct request *request);

#endif

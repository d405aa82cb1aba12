/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replica that is too far behind, or whose log is damaged, pulls a snapshot from the leader and
 * puts it under its log on disk; then the engine starts anew from disk. The engine itself never
 * installs anything.
 *
 *     ASK ──► COMPARE ──► PULL ──(no batch is missing)──► FINISH ──(durable)──► restart
 *      ▲         │         │
 *      └─(failed: later, from whoever leads then)
 *
 * COMPARE finds what of our log behind the applied prefix differs from the leader's committed
 * batches; only that is dropped, so a replica that is whole may vote all the time. One whose log
 * was damaged is refilled from nothing and does not vote until it has what the leader had; that
 * the leader is one is proved without it (consensus_confirm.h).
 */
#ifndef GYRE_CONSENSUS_INSTALL_H
#define GYRE_CONSENSUS_INSTALL_H

#include "consensus_private.h"

void consensus_install_begin(struct consensus_group *group, int32_t source);
/* Forget it; storage keeps what it has. */
void consensus_install_cancel(struct consensus_group *group);
void consensus_install_durable(struct consensus_group *group);
/* Storage has begun to change the log. */
bool consensus_install_is_open(const struct consensus_group *group);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* From open to close, inside storage. */
#ifndef GYRE_STORAGE_STORAGE_LIFE_H
#define GYRE_STORAGE_STORAGE_LIFE_H

#include "storage_state.h"

const struct journal_events *storage_journal_events(struct storage *storage);

/* Something ended; if the storage is closing, it may have been the last thing. */
void storage_close_poke(struct storage *storage);

/* ---- storage_meta.c ---- */
MUST_USE
enum error storage_meta_read(struct storage *storage, char *message);
/* Blocks. */
MUST_USE
enum error storage_meta_write(struct storage *storage, bool is_clean);
MUST_USE
enum error storage_write_file(struct disk *disk, const char *directory, const char *name,
                              const void *bytes, size_t length);

/* ---- recovery.c ---- */
MUST_USE
enum error storage_recover(struct storage *storage, char *message);

#endif

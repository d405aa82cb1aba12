/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a log should hold. Every change is kept since the last start, so that after a crash each
 * state that the log may be in can be made again and compared with the one that it is in.
 */
#ifndef GYRE_TESTS_UNIT_STORAGE_STORAGE_MODEL_H
#define GYRE_TESTS_UNIT_STORAGE_STORAGE_MODEL_H

#include "support/storage_world.h"

struct model_entry {
    uint64_t term;
    enum entry_kind kind;
    int32_t offset_count;
    int64_t base_offset;
    uint32_t size;
    uint64_t content; /* what the payload's bytes follow from */
};

struct model_state {
    struct model_entry *entries; /* owned; number 0 has index entries_first */
    uint64_t entries_first;
    uint64_t last_index;
    uint64_t capacity;
    int64_t end_offset;
    uint64_t term;
    uint64_t vote;
    uint64_t snapshot_index;
    uint64_t snapshot_content;
    uint32_t snapshot_size;
};

enum model_change_kind {
    MODEL_APPEND,
    MODEL_TRUNCATE,
    MODEL_TERM_VOTE,
    MODEL_SNAPSHOT,
    MODEL_INSTALL_START,
    MODEL_INSTALL_FINISH,
    MODEL_REMOVE,
};

struct model_change {
    enum model_change_kind kind;
    uint64_t sequence;
    struct model_entry entry;
    uint64_t index;
    uint64_t term;
    uint64_t vote;
    uint64_t content;
    uint32_t size;
    int64_t offset;
};

struct model_log {
    int number;
    struct partition_log *log;
    struct model_state base; /* at the start of the process */
    struct model_state now;
    struct model_change *changes; /* owned */
    size_t change_count;
    size_t change_capacity;
    uint64_t sequence;
    uint64_t durable;
    uint64_t stable; /* of a log in memory: what no loss of power takes away; else not used */
};

void model_init(struct model_log *model, int number);
void model_release(struct model_log *model);

/* Do it to both, the log and the model. */
void model_append(struct model_log *model, const struct model_entry *entry);
void model_truncate(struct model_log *model, uint64_t index);
void model_term_vote(struct model_log *model, uint64_t term, uint64_t vote);
void model_snapshot(struct model_log *model, struct random *random);
void model_install(struct model_log *model, struct storage_world *world);

void model_forget(struct model_log *model); /* the log was removed and made anew */
void model_all_durable(struct model_log *model);

/* The process is back: find out which of its possible states the log is in. */
void model_recover(struct model_log *model, struct storage_world *world);
/* Compare everything, reading all of it. */
void model_check(struct model_log *model, struct storage_world *world);

#endif

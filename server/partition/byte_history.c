/* SPDX-License-Identifier: Apache-2.0 */
#include "partition/byte_history.h"

/* Keep every second sample. Old ones pass through this again and again, hence their distance. */
static void thin_out(struct byte_history *history)
{
    int kept = 0;

    for (int i = 0; i < history->count; i += 2) {
        history->samples[kept++] = history->samples[i];
    }
    history->count = kept;
}

void byte_history_add(struct byte_history *history, int64_t base_offset, int64_t next_offset,
                      int64_t bytes)
{
    if (history->count == BYTE_HISTORY_SAMPLES) {
        thin_out(history);
    }
    history->samples[history->count].offset = base_offset;
    history->samples[history->count].bytes = history->end_bytes;
    history->count++;
    history->end_offset = next_offset;
    history->end_bytes += bytes;
}

int64_t byte_history_from(const struct byte_history *history, int64_t offset)
{
    int at = history->count;
    int64_t next_offset;
    int64_t next_bytes;
    int64_t span;
    double share;

    if (history->count == 0 || offset >= history->end_offset) {
        return 0;
    }
    while (at > 0 && history->samples[at - 1].offset > offset) {
        at--;
    }
    if (at == 0) {
        return history->end_bytes - history->samples[0].bytes + history->samples[0].offset - offset;
    }
    next_offset = at == history->count ? history->end_offset : history->samples[at].offset;
    next_bytes = at == history->count ? history->end_bytes : history->samples[at].bytes;
    span = next_offset - history->samples[at - 1].offset;
    if (span <= 0 || at == history->count) {
        return history->end_bytes - history->samples[at - 1].bytes; /* the batch that holds it */
    }
    /* Not in integers: a few batches may claim so many offsets that the product has no room. */
    share = (double)(next_offset - offset) / (double)span;
    return history->end_bytes - next_bytes +
           (int64_t)((double)(next_bytes - history->samples[at - 1].bytes) * share);
}

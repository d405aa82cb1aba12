/* SPDX-License-Identifier: Apache-2.0 */
#include "partition/leader_epochs.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/writer.h"

enum { ROW_BYTES = 12 };

void leader_epochs_init(struct leader_epochs *epochs)
{
    *epochs = (struct leader_epochs){0};
}

void leader_epochs_release(struct leader_epochs *epochs)
{
    free(epochs->rows);
    leader_epochs_init(epochs);
}

static void append(struct leader_epochs *epochs, int32_t epoch, int64_t offset)
{
    if (epochs->count == epochs->capacity) {
        epochs->capacity = epochs->capacity == 0 ? 2 : epochs->capacity * 2;
        epochs->rows =
            check_realloc(epochs->rows, epochs->capacity * sizeof(struct leader_epoch_row));
    }
    epochs->rows[epochs->count++] =
        (struct leader_epoch_row){.epoch = epoch, .start_offset = offset};
}

void leader_epochs_assign(struct leader_epochs *epochs, int32_t epoch, int64_t offset)
{
    if (epoch <= leader_epochs_latest(epochs)) {
        return;
    }
    while (epochs->count > 0 && epochs->rows[epochs->count - 1].start_offset >= offset) {
        epochs->count--; /* that epoch wrote nothing */
    }
    append(epochs, epoch, offset);
}

/* How many rows start at or below `offset`. */
static size_t rows_up_to(const struct leader_epochs *epochs, int64_t offset)
{
    size_t low = 0;
    size_t high = epochs->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (epochs->rows[middle].start_offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void leader_epochs_trim(struct leader_epochs *epochs, int64_t start_offset)
{
    size_t below = rows_up_to(epochs, start_offset);

    if (below > 1) {
        epochs->count -= below - 1;
        memmove(epochs->rows, epochs->rows + below - 1, epochs->count * sizeof epochs->rows[0]);
    }
    if (below > 0) {
        epochs->rows[0].start_offset = start_offset;
    }
}

int32_t leader_epochs_latest(const struct leader_epochs *epochs)
{
    return epochs->count == 0 ? -1 : epochs->rows[epochs->count - 1].epoch;
}

int32_t leader_epochs_at(const struct leader_epochs *epochs, int64_t offset)
{
    size_t below = rows_up_to(epochs, offset);

    return below == 0 ? -1 : epochs->rows[below - 1].epoch;
}

void leader_epochs_end_of(const struct leader_epochs *epochs, int32_t epoch, int64_t end_offset,
                          struct leader_epoch_row *out_end)
{
    size_t above = 0; /* the first row of a later epoch */

    *out_end = (struct leader_epoch_row){.epoch = -1, .start_offset = -1};
    if (epoch < 0 || epoch > leader_epochs_latest(epochs)) {
        return;
    }
    while (above < epochs->count && epochs->rows[above].epoch <= epoch) {
        above++;
    }
    out_end->epoch = above == 0 ? epoch : epochs->rows[above - 1].epoch;
    out_end->start_offset = above == epochs->count ? end_offset : epochs->rows[above].start_offset;
}

void leader_epochs_encode(const struct leader_epochs *epochs, struct writer *writer)
{
    writer_u32(writer, (uint32_t)epochs->count);
    for (size_t i = 0; i < epochs->count; i++) {
        writer_i32(writer, epochs->rows[i].epoch);
        writer_i64(writer, epochs->rows[i].start_offset);
    }
}

enum error leader_epochs_decode(struct leader_epochs *epochs, struct reader *reader)
{
    uint32_t count = reader_u32(reader);

    if (count > reader_left(reader) / ROW_BYTES) {
        return ERROR_MALFORMED;
    }
    for (uint32_t i = 0; i < count; i++) {
        int32_t epoch = reader_i32(reader);
        int64_t offset = reader_i64(reader);

        if (epoch <= leader_epochs_latest(epochs) ||
            (epochs->count > 0 && offset <= epochs->rows[epochs->count - 1].start_offset)) {
            return ERROR_MALFORMED;
        }
        append(epochs, epoch, offset);
    }
    return reader->failed ? ERROR_MALFORMED : ERROR_NONE;
}

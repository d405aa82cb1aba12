/* SPDX-License-Identifier: Apache-2.0 */
/* Most bytes are folded; tables take the last lane and the tail, or everything where they must. */
#include "gyre/base/crc64.h"

#include <pthread.h>
#include <stdatomic.h>

#include "gyre/base/bytes.h"
#include "gyre/base/check.h"

#include "base/crc64_forms.h"

enum { SLICES = 8 };

static const uint64_t polynomial_reflected = 0xC96C5795D7870F42u;

static uint64_t tables[SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
    for (uint64_t byte = 0; byte < 256; byte++) {
        uint64_t state = byte;

        for (int bit = 0; bit < 8; bit++) {
            state = (state >> 1) ^ (polynomial_reflected & (0u - (state & 1u)));
        }
        tables[0][byte] = state;
    }
    for (uint64_t byte = 0; byte < 256; byte++) {
        for (int slice = 1; slice < SLICES; slice++) {
            uint64_t before = tables[slice - 1][byte];

            tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
}

static uint64_t update_by_table(uint64_t state, const uint8_t *at, size_t length)
{
    for (; length >= 8; length -= 8, at += 8) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        word ^= state;
        state = 0;
        for (int slice = 0; slice < SLICES; slice++) {
            state ^= tables[SLICES - 1 - slice][(word >> (8 * slice)) & 0xff];
        }
    }
    for (; length > 0; length--, at++) {
        state = (state >> 8) ^ tables[0][(state ^ *at) & 0xff];
    }
    return state;
}

static size_t fold_nothing(uint64_t state, const uint8_t *at, size_t length,
                           /* NOLINTNEXTLINE(readability-non-const-parameter): crc64_fold has it */
                           uint8_t lane[CRC64_LANE_BYTES])
{
    (void)state;
    (void)at;
    (void)length;
    (void)lane;
    return 0;
}

static bool always(void)
{
    return true;
}

const struct crc64_form crc64_forms[CRC64_FORM_COUNT] = {
    {"vpclmul", crc64_x86_vpclmul, crc64_x86_has_vpclmul},
    {"pclmul", crc64_x86_pclmul, crc64_x86_has_pclmul},
    {"table", fold_nothing, always},
};

uint64_t crc64_update(const struct crc64_form *form, uint64_t state, const uint8_t *at,
                      size_t length)
{
    uint8_t lane[CRC64_LANE_BYTES] = {0};
    size_t folded = form->fold(state, at, length, lane);

    CHECK(pthread_once(&tables_once, fill_tables) == 0);
    if (folded > 0) {
        state = update_by_table(0, lane, sizeof lane);
    }
    return update_by_table(state, at + folded, length - folded);
}

static _Atomic(const struct crc64_form *) chosen;

/* Racing first calls both choose, and choose the same. */
static const struct crc64_form *choose(void)
{
    const struct crc64_form *form = crc64_forms;

    while (!form->is_supported()) {
        form++;
    }
    atomic_store_explicit(&chosen, form, memory_order_relaxed);
    return form;
}

uint64_t crc64_extend(uint64_t crc, const void *bytes, size_t length)
{
    const struct crc64_form *form = atomic_load_explicit(&chosen, memory_order_relaxed);

    if (length == 0) {
        return crc;
    }
    return ~crc64_update(form != NULL ? form : choose(), ~crc, bytes, length);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of a form, and the form that runs everywhere: eight tables, eight bytes a step.
 *
 * Racing first calls both choose, and choose the same.
 */
#include "gyre/base/crc32c.h"

#include <pthread.h>
#include <stdatomic.h>

#include "gyre/base/bytes.h"
#include "gyre/base/check.h"

#include "base/crc32c_forms.h"

enum { SLICES = 8 };

static const uint32_t polynomial_reflected = 0x82F63B78;

static uint32_t tables[SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t state = byte;

        for (int bit = 0; bit < 8; bit++) {
            state = (state >> 1) ^ (polynomial_reflected & (0u - (state & 1u)));
        }
        tables[0][byte] = state;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int slice = 1; slice < SLICES; slice++) {
            uint32_t before = tables[slice - 1][byte];

            tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
}

static uint32_t update_by_table(uint32_t state, const uint8_t *at, size_t length)
{
    CHECK(pthread_once(&tables_once, fill_tables) == 0);
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

static bool always(void)
{
    return true;
}

const struct crc32c_form crc32c_forms[CRC32C_FORM_COUNT] = {
    {"vpclmul", crc32c_x86_vpclmul, crc32c_x86_has_vpclmul},
    {"pclmul", crc32c_x86_pclmul, crc32c_x86_has_pclmul},
    {"sse42", crc32c_x86_sse42, crc32c_x86_has_sse42},
    {"table", update_by_table, always},
};

static _Atomic(const struct crc32c_form *) chosen;

static const struct crc32c_form *choose(void)
{
    const struct crc32c_form *form = crc32c_forms;

    while (!form->is_supported()) {
        form++;
    }
    atomic_store_explicit(&chosen, form, memory_order_relaxed);
    return form;
}

static const struct crc32c_form *best_form(void)
{
    const struct crc32c_form *form = atomic_load_explicit(&chosen, memory_order_relaxed);

    return form != NULL ? form : choose();
}

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t length)
{
    return ~best_form()->update(~crc, bytes, length);
}

const char *crc32c_form(void)
{
    return best_form()->name;
}

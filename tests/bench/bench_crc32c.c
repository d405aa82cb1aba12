/* SPDX-License-Identifier: Apache-2.0 */
/* Prints GB/s of each form of CRC-32C, and of CRC-64, for spans in the cache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gyre/base/crc32c.h"
#include "gyre/base/crc64.h"

#include "base/crc32c_forms.h"

enum { SPAN_BYTES_MAX = 1 << 20, BYTES_A_RUN = 1 << 29, RUNS = 5 };

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint32_t crc64_folded(uint32_t state, const uint8_t *at, size_t length)
{
    return state ^ (uint32_t)crc64(at, length);
}

/* The best of some runs: others share the machine. */
static double rate_of(crc32c_update update, const uint8_t *bytes, size_t span)
{
    double best = 0;
    uint32_t state = 0;

    for (int run = 0; run < RUNS; run++) {
        size_t rounds = BYTES_A_RUN / span / (run == 0 ? 8 : 1);
        double began = now_s();
        double rate;

        for (size_t i = 0; i < rounds; i++) {
            state = update(state, bytes, span);
        }
        rate = (double)(rounds * span) / (now_s() - began) * 1e-9;
        best = rate > best ? rate : best;
    }
    /* The result must be used, or the compiler drops the work. */
    return state == 0x5eed ? best + 1e-12 : best;
}

int main(void)
{
    static const size_t spans[] = {64, 1024, 16384, 65536, SPAN_BYTES_MAX};
    static uint8_t bytes[SPAN_BYTES_MAX];

    memset(bytes, 0x5a, sizeof bytes);
    printf("GB/s, chosen: %s\n%-8s", crc32c_form(), "form");
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        printf(" %9zu", spans[i]);
    }
    for (size_t f = 0; f <= CRC32C_FORM_COUNT; f++) {
        bool is_crc64 = f == CRC32C_FORM_COUNT;

        if (!is_crc64 && !crc32c_forms[f].is_supported()) {
            continue;
        }
        printf("\n%-8s", is_crc64 ? "crc64" : crc32c_forms[f].name);
        for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
            printf(" %9.2f",
                   rate_of(is_crc64 ? crc64_folded : crc32c_forms[f].update, bytes, spans[i]));
            (void)fflush(stdout);
        }
    }
    printf("\n");
    return EXIT_SUCCESS;
}

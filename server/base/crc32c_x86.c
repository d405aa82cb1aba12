/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C with the instructions of x86-64. Each function is compiled for the processors that have
 * its instructions and called only there (crc32c.c chooses).
 *
 * In reflected order, multiplying a 64-bit half by the constant x^(n-33) mod P and reducing shifts
 * it by n bits (the product carries x^1, the constant's place in its register x^32). An
 * accumulator of 128 bits moves forward by D bits when its low half, which is 64 degrees higher,
 * is multiplied by x^(D+31) and its high half by x^(D-33). Gopal and others, "Fast CRC Computation
 * for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009.
 */
#include "base/crc32c_forms.h"

#if defined(__x86_64__)

#    include <immintrin.h>
#    include <string.h>

/* Reflected x^n mod P, named by n. */
static const long long x_2079 = 0xdcb17aa4;
static const long long x_2015 = 0xb9e02b86;
static const long long x_543 = 0x740eef02;
static const long long x_479 = 0x9e4addf8;
static const long long x_159 = 0xf20c0dfe;
static const long long x_95 = 0x493c7d27;
static const long long x_16351 = 0xa51b6135;
static const long long x_8159 = 0x170076fa;
static const long long x_991 = 0x0d3b6092;

enum {
    STREAM_LONG_BYTES = 1024,
    LONG_BYTES = 3 * STREAM_LONG_BYTES,
    STREAM_SHORT_BYTES = 128,
    SHORT_BYTES = 3 * STREAM_SHORT_BYTES,
    FOLD_BYTES = 256,
};

bool crc32c_x86_has_vpclmul(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq") &&
           crc32c_x86_has_pclmul();
}

bool crc32c_x86_has_pclmul(void)
{
    return __builtin_cpu_supports("pclmul") && crc32c_x86_has_sse42();
}

bool crc32c_x86_has_sse42(void)
{
    return __builtin_cpu_supports("sse4.2");
}

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* One stream: bound by the three cycles that crc32 takes. */
__attribute__((target("sse4.2"))) uint32_t crc32c_x86_sse42(uint32_t state, const uint8_t *at,
                                                            size_t length)
{
    uint64_t wide = state;

    for (; length >= 8; length -= 8, at += 8) {
        wide = _mm_crc32_u64(wide, load_u64(at));
    }
    state = (uint32_t)wide;
    for (; length > 0; length--, at++) {
        state = _mm_crc32_u8(state, *at);
    }
    return state;
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t shift(uint64_t state,
                                                                      long long constant)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)state),
                                           _mm_cvtsi64_si128(constant), 0x00);

    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* Three streams side by side hide that latency; `over_two` shifts by two streams, `over_one` by
 * one. */
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t three_streams(
    uint64_t first, const uint8_t *at, size_t stream_bytes, long long over_two, long long over_one)
{
    uint64_t second = 0;
    uint64_t third = 0;

    for (size_t i = 0; i < stream_bytes; i += 8) {
        first = _mm_crc32_u64(first, load_u64(at + i));
        second = _mm_crc32_u64(second, load_u64(at + stream_bytes + i));
        third = _mm_crc32_u64(third, load_u64(at + 2 * stream_bytes + i));
    }
    return shift(first, over_two) ^ shift(second, over_one) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) uint32_t crc32c_x86_pclmul(uint32_t state,
                                                                    const uint8_t *at,
                                                                    size_t length)
{
    uint64_t wide = state;

    for (; length >= LONG_BYTES; length -= LONG_BYTES) {
        wide = three_streams(wide, at, STREAM_LONG_BYTES, x_16351, x_8159);
        at += LONG_BYTES;
    }
    for (; length >= SHORT_BYTES; length -= SHORT_BYTES) {
        wide = three_streams(wide, at, STREAM_SHORT_BYTES, x_2015, x_991);
        at += SHORT_BYTES;
    }
    return crc32c_x86_sse42((uint32_t)wide, at, length);
}

#    define VPCLMUL_TARGET __attribute__((target("sse4.2,pclmul,avx512f,vpclmulqdq")))

VPCLMUL_TARGET static inline __m512i fold(__m512i accumulator, __m512i constants, __m512i data)
{
    __m512i low = _mm512_clmulepi64_epi128(accumulator, constants, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(accumulator, constants, 0x11);

    return _mm512_ternarylogic_epi64(low, high, data, 0x96); /* exclusive or of all three */
}

VPCLMUL_TARGET static inline __m128i fold_lane(__m128i accumulator, __m128i data)
{
    __m128i constants = _mm_set_epi64x(x_95, x_159);
    __m128i low = _mm_clmulepi64_si128(accumulator, constants, 0x00);
    __m128i high = _mm_clmulepi64_si128(accumulator, constants, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), data);
}

/* Four lanes of 128 bits into one, and that through crc32 into a state. */
VPCLMUL_TARGET static inline uint32_t reduce(__m512i accumulator)
{
    __m128i lane = _mm512_castsi512_si128(accumulator);
    uint64_t state;

    lane = fold_lane(lane, _mm512_extracti32x4_epi32(accumulator, 1));
    lane = fold_lane(lane, _mm512_extracti32x4_epi32(accumulator, 2));
    lane = fold_lane(lane, _mm512_extracti32x4_epi32(accumulator, 3));
    state = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(lane));
    state = _mm_crc32_u64(state, (uint64_t)_mm_extract_epi64(lane, 1));
    return (uint32_t)state;
}

/* Four accumulators of 64 bytes each move 256 bytes a step. */
VPCLMUL_TARGET uint32_t crc32c_x86_vpclmul(uint32_t state, const uint8_t *at, size_t length)
{
    const __m512i by_256_bytes = _mm512_broadcast_i32x4(_mm_set_epi64x(x_2015, x_2079));
    const __m512i by_64_bytes = _mm512_broadcast_i32x4(_mm_set_epi64x(x_479, x_543));
    __m512i a;
    __m512i b;
    __m512i c;
    __m512i d;

    if (length < FOLD_BYTES) {
        return crc32c_x86_sse42(state, at, length);
    }
    a = _mm512_loadu_si512(at);
    b = _mm512_loadu_si512(at + 64);
    c = _mm512_loadu_si512(at + 128);
    d = _mm512_loadu_si512(at + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)state)));
    at += FOLD_BYTES;
    length -= FOLD_BYTES;
    for (; length >= FOLD_BYTES; length -= FOLD_BYTES, at += FOLD_BYTES) {
        a = fold(a, by_256_bytes, _mm512_loadu_si512(at));
        b = fold(b, by_256_bytes, _mm512_loadu_si512(at + 64));
        c = fold(c, by_256_bytes, _mm512_loadu_si512(at + 128));
        d = fold(d, by_256_bytes, _mm512_loadu_si512(at + 192));
    }
    a = fold(a, by_64_bytes, b);
    a = fold(a, by_64_bytes, c);
    a = fold(a, by_64_bytes, d);
    for (; length >= 64; length -= 64, at += 64) {
        a = fold(a, by_64_bytes, _mm512_loadu_si512(at));
    }
    return crc32c_x86_sse42(reduce(a), at, length);
}

#else

bool crc32c_x86_has_vpclmul(void)
{
    return false;
}

bool crc32c_x86_has_pclmul(void)
{
    return false;
}

bool crc32c_x86_has_sse42(void)
{
    return false;
}

uint32_t crc32c_x86_vpclmul(uint32_t state, const uint8_t *at, size_t length)
{
    return crc32c_forms[CRC32C_FORM_COUNT - 1].update(state, at, length);
}

uint32_t crc32c_x86_pclmul(uint32_t state, const uint8_t *at, size_t length)
{
    return crc32c_forms[CRC32C_FORM_COUNT - 1].update(state, at, length);
}

uint32_t crc32c_x86_sse42(uint32_t state, const uint8_t *at, size_t length)
{
    return crc32c_forms[CRC32C_FORM_COUNT - 1].update(state, at, length);
}

#endif

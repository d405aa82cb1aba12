/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding as in crc32c_x86.c, for a polynomial of degree 64: the low half of a lane moves forward
 * by D bits when it is multiplied by x^(D+63) mod P, the high half by x^(D-1).
 */
#include "base/crc64_forms.h"

#if defined(__x86_64__)

#    include <immintrin.h>

/* Reflected x^n mod P, named by n. */
static const uint64_t x_2111 = 0x8260adf2381ad81c;
static const uint64_t x_2047 = 0xf31fd9271e228b79;
static const uint64_t x_575 = 0x6ae3efbb9dd441f3;
static const uint64_t x_511 = 0x081f6054a7842df4;
static const uint64_t x_191 = 0xe05dd497ca393ae4;
static const uint64_t x_127 = 0xdabe95afc7875f40;

enum { WIDE_STEP_BYTES = 256, STEP_BYTES = 64 };

bool crc64_x86_has_vpclmul(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq") &&
           crc64_x86_has_pclmul();
}

bool crc64_x86_has_pclmul(void)
{
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse2");
}

#    define PCLMUL_TARGET  __attribute__((target("sse2,pclmul")))
#    define VPCLMUL_TARGET __attribute__((target("sse2,pclmul,avx512f,vpclmulqdq")))

PCLMUL_TARGET static inline __m128i constants_of(uint64_t high, uint64_t low)
{
    return _mm_set_epi64x((long long)high, (long long)low);
}

PCLMUL_TARGET static inline __m128i load_lane(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i_u *)at);
}

PCLMUL_TARGET static inline __m128i fold_lane(__m128i lane, __m128i constants, __m128i data)
{
    __m128i low = _mm_clmulepi64_si128(lane, constants, 0x00);
    __m128i high = _mm_clmulepi64_si128(lane, constants, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), data);
}

PCLMUL_TARGET static size_t fold_rest(__m128i lane, const uint8_t *at, size_t length,
                                      uint8_t out_lane[CRC64_LANE_BYTES])
{
    const __m128i by_16_bytes = constants_of(x_127, x_191);
    size_t folded = 0;

    for (; length - folded >= CRC64_LANE_BYTES; folded += CRC64_LANE_BYTES) {
        lane = fold_lane(lane, by_16_bytes, load_lane(at + folded));
    }
    _mm_storeu_si128((__m128i_u *)out_lane, lane);
    return folded;
}

PCLMUL_TARGET size_t crc64_x86_pclmul(uint64_t state, const uint8_t *at, size_t length,
                                      uint8_t lane[CRC64_LANE_BYTES])
{
    const __m128i by_64_bytes = constants_of(x_511, x_575);
    const __m128i by_16_bytes = constants_of(x_127, x_191);
    size_t folded = STEP_BYTES;
    __m128i lanes[4];

    if (length < STEP_BYTES) {
        return 0;
    }
    for (int i = 0; i < 4; i++) {
        lanes[i] = load_lane(at + (size_t)i * CRC64_LANE_BYTES);
    }
    lanes[0] = _mm_xor_si128(lanes[0], constants_of(0, state));
    for (; length - folded >= STEP_BYTES; folded += STEP_BYTES) {
        for (int i = 0; i < 4; i++) {
            lanes[i] = fold_lane(lanes[i], by_64_bytes,
                                 load_lane(at + folded + (size_t)i * CRC64_LANE_BYTES));
        }
    }
    for (int i = 1; i < 4; i++) {
        lanes[0] = fold_lane(lanes[0], by_16_bytes, lanes[i]);
    }
    return folded + fold_rest(lanes[0], at + folded, length - folded, lane);
}

VPCLMUL_TARGET static inline __m512i fold(__m512i accumulator, __m512i constants, __m512i data)
{
    __m512i low = _mm512_clmulepi64_epi128(accumulator, constants, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(accumulator, constants, 0x11);

    return _mm512_ternarylogic_epi64(low, high, data, 0x96); /* exclusive or of all three */
}

VPCLMUL_TARGET static inline __m128i join_lanes(__m512i accumulator)
{
    const __m128i by_16_bytes = constants_of(x_127, x_191);
    __m128i lane = _mm512_castsi512_si128(accumulator);

    lane = fold_lane(lane, by_16_bytes, _mm512_extracti32x4_epi32(accumulator, 1));
    lane = fold_lane(lane, by_16_bytes, _mm512_extracti32x4_epi32(accumulator, 2));
    return fold_lane(lane, by_16_bytes, _mm512_extracti32x4_epi32(accumulator, 3));
}

VPCLMUL_TARGET size_t crc64_x86_vpclmul(uint64_t state, const uint8_t *at, size_t length,
                                        uint8_t lane[CRC64_LANE_BYTES])
{
    const __m512i by_256_bytes = _mm512_broadcast_i32x4(constants_of(x_2047, x_2111));
    const __m512i by_64_bytes = _mm512_broadcast_i32x4(constants_of(x_511, x_575));
    size_t folded = WIDE_STEP_BYTES;
    __m512i a;
    __m512i b;
    __m512i c;
    __m512i d;

    if (length < WIDE_STEP_BYTES) {
        return crc64_x86_pclmul(state, at, length, lane);
    }
    a = _mm512_loadu_si512(at);
    b = _mm512_loadu_si512(at + 64);
    c = _mm512_loadu_si512(at + 128);
    d = _mm512_loadu_si512(at + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(constants_of(0, state)));
    for (; length - folded >= WIDE_STEP_BYTES; folded += WIDE_STEP_BYTES) {
        a = fold(a, by_256_bytes, _mm512_loadu_si512(at + folded));
        b = fold(b, by_256_bytes, _mm512_loadu_si512(at + folded + 64));
        c = fold(c, by_256_bytes, _mm512_loadu_si512(at + folded + 128));
        d = fold(d, by_256_bytes, _mm512_loadu_si512(at + folded + 192));
    }
    a = fold(a, by_64_bytes, b);
    a = fold(a, by_64_bytes, c);
    a = fold(a, by_64_bytes, d);
    for (; length - folded >= STEP_BYTES; folded += STEP_BYTES) {
        a = fold(a, by_64_bytes, _mm512_loadu_si512(at + folded));
    }
    return folded + fold_rest(join_lanes(a), at + folded, length - folded, lane);
}

#else

bool crc64_x86_has_vpclmul(void)
{
    return false;
}

bool crc64_x86_has_pclmul(void)
{
    return false;
}

size_t crc64_x86_vpclmul(uint64_t state, const uint8_t *at, size_t length,
                         uint8_t lane[CRC64_LANE_BYTES])
{
    return crc64_forms[CRC64_FORM_COUNT - 1].fold(state, at, length, lane);
}

size_t crc64_x86_pclmul(uint64_t state, const uint8_t *at, size_t length,
                        uint8_t lane[CRC64_LANE_BYTES])
{
    return crc64_forms[CRC64_FORM_COUNT - 1].fold(state, at, length, lane);
}

#endif

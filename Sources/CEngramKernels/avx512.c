// AVX-512 F/BW/DQ/VL with VNNI (Ice Lake, Zen 4 and later). Tails are masked loads.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "internal.h"

#define VARIANT avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define INLINE TARGET static inline __attribute__((always_inline))

#define ACC_float __m512
#define LANES_float 16
#define CHAINS_float 4
#define ACC_int32_t __m512i
#define LANES_int32_t 64
#define CHAINS_int32_t 2

INLINE __m512 load_float(const float *p) { return _mm512_loadu_ps(p); }
INLINE __m512 part_float(const float *p, size_t n) {
  return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
INLINE __m512 load_uint16_t(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}
INLINE __m512 part_uint16_t(const uint16_t *p, size_t n) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p));
}
INLINE __m512i load_int8_t(const int8_t *p) { return _mm512_loadu_si512(p); }
INLINE __m512i part_int8_t(const int8_t *p, size_t n) {
  return _mm512_maskz_loadu_epi8(((__mmask64)1 << n) - 1, p);
}

INLINE __m512 dot_float(__m512 acc, __m512 q, __m512 r) {
  return _mm512_fmadd_ps(q, r, acc);
}
INLINE __m512 l2_float(__m512 acc, __m512 q, __m512 r) {
  const __m512 d = _mm512_sub_ps(q, r);
  return _mm512_fmadd_ps(d, d, acc);
}

// VPDPBUSD multiplies unsigned by signed bytes: the row takes part as row + 128,
// and the accumulator starts at -128 * sum(query).
INLINE __m512i dot_int32_t(__m512i acc, __m512i q, __m512i r) {
  return _mm512_dpbusd_epi32(acc, _mm512_xor_si512(r, _mm512_set1_epi8(-128)), q);
}
INLINE __m512i dot_i8_start(const int8_t *query, size_t length) {
  const __m512i bias = _mm512_set1_epi8(-128);  // 128 unsigned
  __m512i sum = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + 64 <= length; i += 64)
    sum = _mm512_dpbusd_epi32(sum, bias, load_int8_t(query + i));
  if (i < length) sum = _mm512_dpbusd_epi32(sum, bias, part_int8_t(query + i, length - i));
  return _mm512_sub_epi32(_mm512_setzero_si512(), sum);
}
#define DOT_I8_START dot_i8_start

// |q - r| fits an unsigned byte; widened by unpacking, as the order is no matter.
INLINE __m512i l2_int32_t(__m512i acc, __m512i q, __m512i r) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i d = _mm512_sub_epi8(_mm512_max_epi8(q, r), _mm512_min_epi8(q, r));
  const __m512i low = _mm512_unpacklo_epi8(d, zero), high = _mm512_unpackhi_epi8(d, zero);
  return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(acc, low, low), high, high);
}

#define BYTES 64
#define FIELDS_REGISTER __m512i
#define QUERY_REGISTER __m512i
INLINE __m512i load_fields(const void *p, size_t width) {
  return width == 64 ? _mm512_loadu_si512(p) : _mm512_zextsi256_si512(_mm256_loadu_si256(p));
}
INLINE __m512i load_query(const void *p, size_t width) { return load_fields(p, width); }
INLINE __m512i field(__m512i packed, unsigned shift, char mask) {
  return _mm512_and_si512(_mm512_srli_epi16(packed, shift), _mm512_set1_epi8(mask));
}
INLINE __m512i dot_fields(__m512i acc, __m512i fields, __m512i q) {
  return _mm512_dpbusd_epi32(acc, fields, q);
}

INLINE __m512 add_float(__m512 a, __m512 b) { return _mm512_add_ps(a, b); }
INLINE __m512i add_int32_t(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }

// Transpose while adding: every 128-bit part holds sums of a, b, c, d; fold those.
INLINE void sum4_float(__m512 a, __m512 b, __m512 c, __m512 d, float *scores) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const __m512 s =
      _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
  const __m256 t = _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
  _mm_storeu_ps(scores, _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1)));
}
INLINE void sum4_int32_t(__m512i a, __m512i b, __m512i c, __m512i d, int32_t *scores) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i s =
      _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i t =
      _mm256_add_epi32(_mm512_castsi512_si256(s), _mm512_extracti64x4_epi64(s, 1));
  _mm_storeu_si128((void *)scores,
                   _mm_add_epi32(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1)));
}

#include "variant.inc"
#endif

// AVX2 with FMA and F16C (Haswell, Zen and later).
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "internal.h"

#define VARIANT avx2
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define INLINE TARGET static inline __attribute__((always_inline))

#define ACC_float __m256
#define LANES_float 8
#define CHAINS_float 2  // of four rows: half of the 16 registers
#define ACC_int32_t __m256i
#define LANES_int32_t 16
#define CHAINS_int32_t 2

INLINE __m256 load_float(const float *p) { return _mm256_loadu_ps(p); }
INLINE __m256 load_uint16_t(const uint16_t *p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}
// Bytes widened to 16 bits, so that VPMADDWD is exact.
INLINE __m256i load_int8_t(const int8_t *p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)p));
}
INLINE __m256 part_float(const float *p, size_t n) {
  float copy[8] = {0};
  memcpy(copy, p, n * sizeof *p);
  return load_float(copy);
}
INLINE __m256 part_uint16_t(const uint16_t *p, size_t n) {
  uint16_t copy[8] = {0};
  memcpy(copy, p, n * sizeof *p);
  return load_uint16_t(copy);
}
INLINE __m256i part_int8_t(const int8_t *p, size_t n) {
  int8_t copy[16] = {0};
  memcpy(copy, p, n);
  return load_int8_t(copy);
}

INLINE __m256 dot_float(__m256 acc, __m256 q, __m256 r) {
  return _mm256_fmadd_ps(q, r, acc);
}
INLINE __m256 l2_float(__m256 acc, __m256 q, __m256 r) {
  const __m256 d = _mm256_sub_ps(q, r);
  return _mm256_fmadd_ps(d, d, acc);
}
INLINE __m256i dot_int32_t(__m256i acc, __m256i q, __m256i r) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(q, r));
}
INLINE __m256i l2_int32_t(__m256i acc, __m256i q, __m256i r) {
  const __m256i d = _mm256_sub_epi16(q, r);
  return _mm256_add_epi32(acc, _mm256_madd_epi16(d, d));
}

// Fields are at most 15: pairs of products fit 16 bits.
#define BYTES 32
#define FIELDS_REGISTER __m256i
#define QUERY_REGISTER __m256i
INLINE __m256i load_fields(const void *p, size_t width) {
  (void)width;
  return _mm256_loadu_si256(p);
}
INLINE __m256i load_query(const void *p, size_t width) { return load_fields(p, width); }
INLINE __m256i field(__m256i packed, int shift, char mask) {
  return _mm256_and_si256(_mm256_srli_epi16(packed, shift), _mm256_set1_epi8(mask));
}
INLINE __m256i dot_fields(__m256i acc, __m256i fields, __m256i q) {
  const __m256i pairs = _mm256_maddubs_epi16(fields, q);
  return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE __m256 add_float(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
INLINE __m256i add_int32_t(__m256i a, __m256i b) { return _mm256_add_epi32(a, b); }

INLINE void sum4_float(__m256 a, __m256 b, __m256 c, __m256 d, float *scores) {
  const __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  _mm_storeu_ps(scores, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}
INLINE void sum4_int32_t(__m256i a, __m256i b, __m256i c, __m256i d, int32_t *scores) {
  const __m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  _mm_storeu_si128((void *)scores,
                   _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1)));
}

#include "variant.inc"
#endif

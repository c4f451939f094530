// NEON, which every AArch64 processor has; "neondot" (neondot.c) adds SDOT and UDOT.
#if defined(__aarch64__)
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "internal.h"

#ifdef ENGRAM_DOTPROD
#define VARIANT neondot
#define TARGET __attribute__((target("dotprod")))
#else
#define VARIANT neon
#define TARGET
#endif
#define INLINE TARGET static inline __attribute__((always_inline))

#define ACC_float float32x4_t
#define LANES_float 4
#define CHAINS_float 4
#define ACC_int32_t int32x4_t
#define LANES_int32_t 16
#define CHAINS_int32_t 2

INLINE float32x4_t load_float(const float *p) { return vld1q_f32(p); }
INLINE float32x4_t load_uint16_t(const uint16_t *p) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
INLINE int8x16_t load_int8_t(const int8_t *p) { return vld1q_s8(p); }
INLINE float32x4_t part_float(const float *p, size_t n) {
  float copy[4] = {0};
  memcpy(copy, p, n * sizeof *p);
  return load_float(copy);
}
INLINE float32x4_t part_uint16_t(const uint16_t *p, size_t n) {
  uint16_t copy[4] = {0};
  memcpy(copy, p, n * sizeof *p);
  return load_uint16_t(copy);
}
INLINE int8x16_t part_int8_t(const int8_t *p, size_t n) {
  int8_t copy[16] = {0};
  memcpy(copy, p, n);
  return load_int8_t(copy);
}

INLINE float32x4_t dot_float(float32x4_t acc, float32x4_t q, float32x4_t r) {
  return vfmaq_f32(acc, q, r);
}
INLINE float32x4_t l2_float(float32x4_t acc, float32x4_t q, float32x4_t r) {
  const float32x4_t d = vsubq_f32(q, r);
  return vfmaq_f32(acc, d, d);
}

INLINE int32x4_t dot_int32_t(int32x4_t acc, int8x16_t q, int8x16_t r) {
#ifdef ENGRAM_DOTPROD
  return vdotq_s32(acc, q, r);
#else
  acc = vpadalq_s16(acc, vmull_s8(vget_low_s8(q), vget_low_s8(r)));
  return vpadalq_s16(acc, vmull_high_s8(q, r));
#endif
}
INLINE int32x4_t l2_int32_t(int32x4_t acc, int8x16_t q, int8x16_t r) {
  const uint8x16_t d = vreinterpretq_u8_s8(vabdq_s8(q, r));
  uint32x4_t sum = vreinterpretq_u32_s32(acc);
#ifdef ENGRAM_DOTPROD
  sum = vdotq_u32(sum, d, d);
#else
  sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(d), vget_low_u8(d)));
  sum = vpadalq_u16(sum, vmull_high_u8(d, d));
#endif
  return vreinterpretq_s32_u32(sum);
}

#define BYTES 16
#define FIELDS_REGISTER uint8x16_t
#define QUERY_REGISTER int8x16_t
INLINE uint8x16_t load_fields(const uint8_t *p, size_t width) {
  (void)width;
  return vld1q_u8(p);
}
INLINE int8x16_t load_query(const int8_t *p, size_t width) {
  (void)width;
  return vld1q_s8(p);
}
// A shift by a register goes right where it is negative.
INLINE int8x16_t field(uint8x16_t packed, int shift, uint8_t mask) {
  const uint8x16_t shifted = vshlq_u8(packed, vdupq_n_s8((int8_t)-shift));
  return vreinterpretq_s8_u8(vandq_u8(shifted, vdupq_n_u8(mask)));
}
INLINE int32x4_t dot_fields(int32x4_t acc, int8x16_t fields, int8x16_t q) {
  return dot_int32_t(acc, fields, q);
}

INLINE float32x4_t add_float(float32x4_t a, float32x4_t b) { return vaddq_f32(a, b); }
INLINE int32x4_t add_int32_t(int32x4_t a, int32x4_t b) { return vaddq_s32(a, b); }

INLINE void sum4_float(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d,
                       float *scores) {
  vst1q_f32(scores, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}
INLINE void sum4_int32_t(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d,
                         int32_t *scores) {
  vst1q_s32(scores, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)));
}

#include "variant.inc"
#endif

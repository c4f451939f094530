// For any processor: C with the compiler's own vectors of 16 bytes. Contraction is
// off, so that scores are the same on every architecture.
#include <math.h>
#include <string.h>

#include "internal.h"

#pragma STDC FP_CONTRACT OFF

#define VARIANT portable
#define TARGET
#define INLINE static inline __attribute__((always_inline))

typedef float floats __attribute__((vector_size(16)));
typedef int32_t integers __attribute__((vector_size(16)));
typedef uint32_t words __attribute__((vector_size(16)));
typedef int16_t shorts __attribute__((vector_size(16)));
typedef uint16_t ushorts __attribute__((vector_size(16)));
typedef uint16_t halves __attribute__((vector_size(8)));
typedef int8_t bytes __attribute__((vector_size(8)));

#define ACC_float floats
#define LANES_float 4
#define CHAINS_float 2
#define ACC_int32_t integers
#define LANES_int32_t 8
#define CHAINS_int32_t 2

// IEEE binary16 to float. The factor corrects the exponent, of subnormals too;
// infinities and NaN then need the full exponent.
INLINE floats widen(halves narrow) {
  const integers half = __builtin_convertvector(narrow, integers);
  const integers shifted = (half & 0x7FFF) << 13;
  const integers scaled = (integers)((floats)shifted * 0x1p112f);
  const integers special = (shifted >= 31 << 23) & 255 << 23;
  return (floats)(scaled | special | (integers)((words)(half & 0x8000) << 16));
}

INLINE floats part_float(const float *p, size_t n) {
  floats v = {0};
  memcpy(&v, p, n * sizeof *p);
  return v;
}
INLINE floats part_uint16_t(const uint16_t *p, size_t n) {
  halves v = {0};
  memcpy(&v, p, n * sizeof *p);
  return widen(v);
}
INLINE shorts part_int8_t(const int8_t *p, size_t n) {
  bytes v = {0};
  memcpy(&v, p, n);
  return __builtin_convertvector(v, shorts);
}
INLINE floats load_float(const float *p) { return part_float(p, 4); }
INLINE floats load_uint16_t(const uint16_t *p) { return part_uint16_t(p, 4); }
INLINE shorts load_int8_t(const int8_t *p) { return part_int8_t(p, 8); }

INLINE floats dot_float(floats acc, floats q, floats r) { return acc + q * r; }
INLINE floats l2_float(floats acc, floats q, floats r) { return acc + (q - r) * (q - r); }

// Products fit 16 bits, squares of differences 16 unsigned bits; both halves of
// each 32 bits are then added.
INLINE integers dot_int32_t(integers acc, shorts q, shorts r) {
  const integers pairs = (integers)(q * r);
  return acc + ((pairs >> 16) + ((integers)((words)pairs << 16) >> 16));
}
INLINE integers l2_int32_t(integers acc, shorts q, shorts r) {
  const ushorts d = (ushorts)(q - r);
  const words pairs = (words)(d * d);
  return acc + (integers)((pairs >> 16) + (pairs & 0xFFFF));
}

typedef uint8_t fields __attribute__((vector_size(8)));
#define BYTES 8
#define FIELDS_REGISTER fields
#define QUERY_REGISTER shorts
INLINE fields load_fields(const void *p, size_t width) {
  (void)width;
  fields v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE shorts load_query(const void *p, size_t width) {
  (void)width;
  return load_int8_t(p);
}
INLINE shorts field(fields packed, int shift, int mask) {
  return __builtin_convertvector((packed >> (uint8_t)shift) & (uint8_t)mask, shorts);
}
INLINE integers dot_fields(integers acc, shorts values, shorts q) {
  return dot_int32_t(acc, values, q);
}

INLINE floats add_float(floats a, floats b) { return a + b; }
INLINE integers add_int32_t(integers a, integers b) { return a + b; }

#define SUM(V) ((V[0] + V[2]) + (V[1] + V[3]))
INLINE void sum4_float(floats a, floats b, floats c, floats d, float *scores) {
  scores[0] = SUM(a), scores[1] = SUM(b), scores[2] = SUM(c), scores[3] = SUM(d);
}
INLINE void sum4_int32_t(integers a, integers b, integers c, integers d, int32_t *scores) {
  scores[0] = SUM(a), scores[1] = SUM(b), scores[2] = SUM(c), scores[3] = SUM(d);
}

#include "variant.inc"

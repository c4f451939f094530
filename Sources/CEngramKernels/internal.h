// The variants that this architecture can have; dispatch.c asks which run here.
#ifndef ENGRAM_INTERNAL_H
#define ENGRAM_INTERNAL_H

#include "engram_kernels.h"

// Each operation rounded by itself, so that all variants see the same distances.
typedef struct {
  float scale, bias, offset;
} field_factors;

static inline float field_distance(const engram_field_query *query, int32_t product,
                                   field_factors row) {
#pragma STDC FP_CONTRACT OFF
  const float apart = row.bias * query->weight + row.offset + query->bias;
  return apart - query->factor * row.scale * (float)(2 * product - query->excess);
}

extern const engram_kernels engram_variant_portable;
#if defined(__x86_64__)
extern const engram_kernels engram_variant_avx2;
extern const engram_kernels engram_variant_avx512;
#elif defined(__aarch64__)
extern const engram_kernels engram_variant_neon;
extern const engram_kernels engram_variant_neondot;
#endif

#if defined(__aarch64__)
/// Whether this processor has SDOT and UDOT, or the CRC-32C instructions.
int engram_cpu_has_dotprod(void);
int engram_cpu_has_crc(void);
#endif

#endif

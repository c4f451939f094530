// The variants that this architecture can have; dispatch.c asks which run here.
#ifndef ENGRAM_INTERNAL_H
#define ENGRAM_INTERNAL_H

#include "engram_kernels.h"

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

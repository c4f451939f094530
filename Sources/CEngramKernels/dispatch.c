// Which variants this processor runs, and the one in use.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#if defined(__aarch64__)
// Known when compiling (Apple), or asked of Linux by the bit of its HWCAP.
#if defined(__linux__)
#include <sys/auxv.h>
#define HAS(BIT) ((getauxval(AT_HWCAP) >> (BIT) & 1) != 0)
#else
#define HAS(BIT) 0
#endif

int engram_cpu_has_dotprod(void) {
#if defined(__ARM_FEATURE_DOTPROD)
  return 1;
#else
  return HAS(20);  // HWCAP_ASIMDDP
#endif
}

int engram_cpu_has_crc(void) {
#if defined(__ARM_FEATURE_CRC32)
  return 1;
#else
  return HAS(7);  // HWCAP_CRC32
#endif
}
#endif

enum { most = 3 };

// Slowest first. The builtins also ask whether the system saves the registers.
static size_t list(const engram_kernels *variants[most]) {
  size_t count = 0;
  variants[count++] = &engram_variant_portable;
#if defined(__x86_64__)
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                   __builtin_cpu_supports("f16c");
  if (avx2) variants[count++] = &engram_variant_avx2;
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni"))
    variants[count++] = &engram_variant_avx512;
#elif defined(__aarch64__)
  variants[count++] = &engram_variant_neon;
  if (engram_cpu_has_dotprod()) variants[count++] = &engram_variant_neondot;
#endif
  return count;
}

size_t engram_kernels_count(void) {
  const engram_kernels *variants[most];
  return list(variants);
}

const engram_kernels *engram_kernels_at(size_t index) {
  const engram_kernels *variants[most];
  return index < list(variants) ? variants[index] : NULL;
}

const engram_kernels *engram_kernels_named(const char *name) {
  const engram_kernels *variants[most];
  const size_t count = list(variants);
  for (size_t i = 0; name && i < count; i++)
    if (strcmp(variants[i]->name, name) == 0) return variants[i];
  return NULL;
}

static _Atomic(const engram_kernels *) active;
static atomic_int refused;

// Threads that race here reach the same decision.
const engram_kernels *engram_kernels_active(void) {
  const engram_kernels *chosen = atomic_load_explicit(&active, memory_order_acquire);
  if (chosen) return chosen;
  const char *wanted = getenv("ENGRAM_KERNELS");
  const int given = wanted && *wanted;
  if (given) chosen = engram_kernels_named(wanted);
  atomic_store(&refused, given && !chosen);
  if (!chosen) chosen = engram_kernels_at(engram_kernels_count() - 1);
  atomic_store_explicit(&active, chosen, memory_order_release);
  return chosen;
}

int engram_kernels_override_refused(void) {
  (void)engram_kernels_active();
  return atomic_load(&refused);
}

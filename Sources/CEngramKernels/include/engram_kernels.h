// Distance kernels and checksums: portable C and one file per instruction set,
// chosen once at run time. All lengths are in elements, all strides in bytes.
// Rows need no alignment; nothing is read outside the given elements.
#ifndef ENGRAM_KERNELS_H
#define ENGRAM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// Scores of one query against one row, four rows, or many.
/// `block` takes `count` rows laid out every `stride` bytes from `rows`;
/// `gather` takes the rows numbered by `ids` of such a block, prefetching ahead.
/// Scores: dot product or squared Euclidean distance.
#define ENGRAM_KERNEL_FAMILY(NAME, QUERY, ROW, SCORE)                                   \
  SCORE (*_Nonnull NAME)(const QUERY *query, const ROW *row, size_t length);            \
  void (*_Nonnull NAME##_x4)(const QUERY *query, const ROW *_Nonnull const rows[_Nonnull 4], \
                             size_t length, SCORE scores[_Nonnull 4]);                  \
  void (*_Nonnull NAME##_block)(const QUERY *query, const ROW *rows, size_t stride,     \
                                size_t count, size_t length, SCORE *scores);            \
  void (*_Nonnull NAME##_gather)(const QUERY *query, const ROW *rows, size_t stride,    \
                                 const uint32_t *ids, size_t count, size_t length,      \
                                 SCORE *scores)

/// One instruction set's kernels. float16 rows are IEEE binary16 and meet a
/// float32 query. int8 arithmetic is exact in int32 for lengths up to 16,383
/// and is therefore the same on every instruction set; values lie in -127...127.
typedef struct __attribute__((swift_attr("@Sendable"))) engram_kernels {
  const char *name;
  ENGRAM_KERNEL_FAMILY(dot_f32, float, float, float);
  ENGRAM_KERNEL_FAMILY(l2_f32, float, float, float);
  ENGRAM_KERNEL_FAMILY(dot_f16, float, uint16_t, float);
  ENGRAM_KERNEL_FAMILY(l2_f16, float, uint16_t, float);
  ENGRAM_KERNEL_FAMILY(dot_i8, int8_t, int8_t, int32_t);
  ENGRAM_KERNEL_FAMILY(l2_i8, int8_t, int8_t, int32_t);
} engram_kernels;

/// Number of variants that this processor runs, portable included.
size_t engram_kernels_count(void);

/// Variant `index` of those, slowest (portable) first; NULL past the end.
const engram_kernels *_Nullable engram_kernels_at(size_t index);

/// The variant of that name, or NULL where it is unknown or cannot run here.
const engram_kernels *_Nullable engram_kernels_named(const char *name);

/// The variant in use: the one that the environment variable ENGRAM_KERNELS
/// names, else the fastest. Decided at the first call. An unusable name falls
/// back to the fastest; `engram_kernels_override_refused` then tells.
const engram_kernels *engram_kernels_active(void);
int engram_kernels_override_refused(void);

/// CRC-32C (Castagnoli) of `bytes`, continuing from `crc` (0 to begin).
uint32_t engram_crc32c(uint32_t crc, const void *bytes, size_t count);

/// A hint to bring the cache line at `address` near. Never faults.
static inline void engram_prefetch(const void *address) {
  __builtin_prefetch(address, 0, 3);
}

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
#endif

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

/// A query as rows of packed fields meet it.
typedef struct engram_field_query {
  /// As many components as a row has fields.
  const int8_t *code;
  /// The distance of a row is
  /// bias + row offset + row bias * weight - factor * row scale * (2 * product - excess).
  float factor, weight, bias;
  int32_t excess;
} engram_field_query;

/// Outputs of a linear layer that lie together, and components of an attention head (transformer.inc).
enum { ENGRAM_PANEL = 48, ENGRAM_HEAD = 32 };

/// What a linear layer does with its products: keep them, pass them through GELU, or add them to
/// what is there.
typedef enum { engram_linear_store, engram_linear_gelu, engram_linear_add } engram_linear_end;

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
  /// Scores rows of packed fields of 1, 2 or 4 bits, `length` bytes each (a multiple of 32;
  /// fields.inc has their order) and then three floats: the row's scale, bias and offset. Writes
  /// the keys of those below `bar`, with room for `count`, and returns how many they are.
  size_t (*_Nonnull keys_b1)(const engram_field_query *query, const uint8_t *rows,
                             size_t stride, size_t length, const uint32_t *ids, size_t count,
                             uint64_t bar, uint64_t *keys);
  size_t (*_Nonnull keys_b2)(const engram_field_query *query, const uint8_t *rows,
                             size_t stride, size_t length, const uint32_t *ids, size_t count,
                             uint64_t bar, uint64_t *keys);
  size_t (*_Nonnull keys_b4)(const engram_field_query *query, const uint8_t *rows,
                             size_t stride, size_t length, const uint32_t *ids, size_t count,
                             uint64_t bar, uint64_t *keys);
  /// Merges 1...256 keys, all different, into `count` ascending ones: the least `capacity` of both
  /// go to `merged`; returns how many these are. `lowest` becomes the lowest place of a new key
  /// where that is lower. `keys` and `merged` have room for 264 more than `capacity`.
  size_t (*_Nonnull merge)(const uint64_t *keys, size_t count, size_t capacity,
                           const uint64_t *found, size_t found_count, uint64_t *merged,
                           size_t *lowest);
  /// The Walsh-Hadamard transform of 2^k floats in place, not scaled; the same bits everywhere.
  void (*_Nonnull rotate)(float *vector, size_t count);
  /// y = x W^T + bias for rows of `depth` inputs and `width` outputs, a multiple of ENGRAM_PANEL;
  /// weights as `engram_pack_panels` leaves them.
  void (*_Nonnull linear)(const float *x, size_t rows, size_t depth, const uint16_t *panels,
                          const float *bias, float *y, size_t width, engram_linear_end end);
  /// Self-attention of one text with heads of ENGRAM_HEAD components: rows of queries, keys and
  /// values side by side, to rows of values. `scratch` has room for 40 * (tokens + 16).
  void (*_Nonnull attention)(const float *qkv, size_t tokens, size_t heads, float *scratch,
                             float *out);
  /// Each row to mean 0 and variance 1, then times `gain` plus `bias`; `width` is a multiple of 16.
  void (*_Nonnull layer_norm)(float *x, size_t rows, size_t width, const float *gain,
                              const float *bias, float epsilon);
} engram_kernels;

/// A distance and a row as one integer that orders by distance and then by row: IEEE floats order
/// like integers once negatives are flipped. The lowest bit is free.
static inline uint64_t engram_key(float distance, uint32_t row) {
  const float positive = distance + 0.0f;  // not -0
  int32_t raw;
  __builtin_memcpy(&raw, &positive, sizeof raw);
  const uint32_t ordered = (uint32_t)raw ^ ((uint32_t)(raw >> 31) | 0x80000000u);
  return (uint64_t)ordered << 32 | (uint64_t)row << 1;
}

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

/// Packs the weights of a linear layer, [width, depth], for `linear`: `width`, a multiple of
/// ENGRAM_PANEL, times `depth` binary16.
void engram_pack_panels(const float *weights, size_t width, size_t depth, uint16_t *panels);

/// A hint to bring the cache line at `address` near. Never faults.
static inline void engram_prefetch(const void *address) {
  __builtin_prefetch(address, 0, 3);
}

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
#endif

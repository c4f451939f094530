// Weights as the linear kernels read them (transformer.inc).
#include <string.h>

#include "engram_kernels.h"

// To the nearest binary16, ties to even; what is too great becomes infinite.
static uint16_t narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude >= 0x7F800000) return (uint16_t)(sign | 0x7C00 | (magnitude > 0x7F800000 ? 0x200 : 0));
  if (magnitude >= 0x477FF000) return (uint16_t)(sign | 0x7C00);
  if (magnitude < 0x38800000) {
    // Subnormal: adding 1/2 leaves the rounded value in the lowest bits.
    float small;
    memcpy(&small, &magnitude, sizeof small);
    small += 0.5f;
    uint32_t sum;
    memcpy(&sum, &small, sizeof sum);
    return (uint16_t)(sign | (sum - 0x3F000000));
  }
  return (uint16_t)(sign | ((magnitude + 0xFFF + (magnitude >> 13 & 1)) >> 13) - (112 << 10));
}

void engram_pack_panels(const float *weights, size_t width, size_t depth, uint16_t *panels) {
  for (size_t column = 0; column < width; column += ENGRAM_PANEL)
    for (size_t i = 0; i < ENGRAM_PANEL; i++) {
      const float *const row = weights + (column + i) * depth;
      for (size_t k = 0; k < depth; k++) panels[(column * depth) + k * ENGRAM_PANEL + i] = narrow(row[k]);
    }
}

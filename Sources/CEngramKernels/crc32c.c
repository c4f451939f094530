// CRC-32C by the processor's instruction where there is one. An instruction takes
// three cycles and one starts each cycle, so long buffers run as three streams.
#include <string.h>

#include "internal.h"

#define POLYNOMIAL 0x82F63B78u  // bit-reversed

// Four bits at a time: small, and for old processors only.
static uint32_t table_crc(uint32_t crc, const uint8_t *p, size_t n) {
  static const uint32_t table[16] = {
      0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3,
      0x61C69362, 0x7198540D, 0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
      0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
  };
  for (; n; n--) {
    crc ^= *p++;
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET __attribute__((target("sse4.2")))
TARGET static inline uint32_t add1(uint32_t crc, uint8_t x) { return _mm_crc32_u8(crc, x); }
TARGET static inline uint32_t add8(uint32_t crc, uint64_t x) {
  return (uint32_t)_mm_crc32_u64(crc, x);
}
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#define TARGET __attribute__((target("crc")))
TARGET static inline uint32_t add1(uint32_t crc, uint8_t x) {
  return __builtin_arm_crc32cb(crc, x);
}
TARGET static inline uint32_t add8(uint32_t crc, uint64_t x) {
  return __builtin_arm_crc32cd(crc, x);
}
static int has_instruction(void) { return engram_cpu_has_crc(); }
#endif

#ifdef TARGET
// What a CRC becomes when zero bits follow: its product, modulo the polynomial,
// with x to the power of their number.
static inline uint32_t shift(uint32_t crc, uint32_t power) {
  uint32_t product = 0;
  for (int bit = 31; bit >= 0; bit--) {
    product ^= crc & (0u - (power >> bit & 1));
    crc = crc >> 1 ^ (POLYNOMIAL & (0u - (crc & 1)));
  }
  return product;
}

enum { stream = 4096 };  // bytes
static const uint32_t one_stream = 0x35D73A62;   // x^(8 * 4096)
static const uint32_t two_streams = 0x28461564;  // x^(16 * 4096)

static inline uint64_t word(const uint8_t *p) {
  uint64_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

TARGET static uint32_t instruction_crc(uint32_t crc, const uint8_t *p, size_t n) {
  for (; n >= 3 * stream; p += 3 * stream, n -= 3 * stream) {
    uint32_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < stream; i += 8) {
      a = add8(a, word(p + i));
      b = add8(b, word(p + stream + i));
      c = add8(c, word(p + 2 * stream + i));
    }
    crc = shift(a, two_streams) ^ shift(b, one_stream) ^ c;
  }
  for (; n >= 8; p += 8, n -= 8) crc = add8(crc, word(p));
  for (; n; n--) crc = add1(crc, *p++);
  return crc;
}
#endif

uint32_t engram_crc32c(uint32_t crc, const void *bytes, size_t count) {
#ifdef TARGET
  // ENGRAM_KERNELS=portable means no special instruction here either.
  if (has_instruction() && engram_kernels_active() != &engram_variant_portable)
    return ~instruction_crc(~crc, bytes, count);
#endif
  return ~table_crc(~crc, bytes, count);
}

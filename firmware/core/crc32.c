#include "crc32.h"

// Four tables take a word at a time (M. Kounavis, F. Berry, "Novel table lookup-based algorithms
// for high-performance CRC generation", 2008). Table k is the CRC of a byte with k zero bytes
// behind it. A CRC is linear over GF(2), so the entry for a byte is the sum of those for its bits:
// eight constants, from polynomial 0xEDB88320, write all 256 at compile time. A byte's four entries
// lie together: one address serves them all, which suits the Cortex-M0+.
#define SUM(i, a, b, c, d, e, f, g, h)                                                        \
  (((i)&1 ? a : 0) ^ ((i)&2 ? b : 0) ^ ((i)&4 ? c : 0) ^ ((i)&8 ? d : 0) ^ ((i)&16 ? e : 0) ^ \
   ((i)&32 ? f : 0) ^ ((i)&64 ? g : 0) ^ ((i)&128 ? h : 0))
#define T0(i)                                                                          \
  SUM(i, 0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u, 0x1db71064u, 0x3b6e20c8u, \
      0x76dc4190u, 0xedb88320u)
#define T1(i)                                                                          \
  SUM(i, 0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u, 0x4ac21251u, 0x958424a2u, \
      0xf0794f05u, 0x3b83984bu)
#define T2(i)                                                                          \
  SUM(i, 0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u, 0x1c26a370u, 0x384d46e0u, \
      0x709a8dc0u, 0xe1351b80u)
#define T3(i)                                                                          \
  SUM(i, 0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu, 0x5019579fu, 0xa032af3eu, \
      0x9b14583du, 0xed59b63bu)
#define ONE(i)                     \
  {                                \
    { T0(i), T1(i), T2(i), T3(i) } \
  }
#define FOUR(i) ONE(i), ONE((i) + 1), ONE((i) + 2), ONE((i) + 3)
#define SIXTEEN(i) FOUR(i), FOUR((i) + 4), FOUR((i) + 8), FOUR((i) + 12)
#define SIXTY_FOUR(i) SIXTEEN(i), SIXTEEN((i) + 16), SIXTEEN((i) + 32), SIXTEEN((i) + 48)

typedef struct {
  uint32_t behind[4];
} entry;

static const entry table[256] = {SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128), SIXTY_FOUR(192)};

static uint32_t next_byte(uint32_t crc, uint32_t byte) {
  return table[(crc ^ byte) & 255].behind[0] ^ crc >> 8;
}

uint32_t tj_crc32(const uint8_t *bytes, uint32_t n) {
  uint32_t crc = ~0u;
  for (; n && (uintptr_t)bytes % 4; n--) crc = next_byte(crc, *bytes++);
  for (; n >= 4; n -= 4, bytes += 4) {
    uint32_t word;  // little-endian, as every target here is
    __builtin_memcpy(&word, __builtin_assume_aligned(bytes, 4), 4);
    word ^= crc;
    crc = table[word & 255].behind[3] ^ table[word >> 8 & 255].behind[2] ^
          table[word >> 16 & 255].behind[1] ^ table[word >> 24].behind[0];
  }
  while (n--) crc = next_byte(crc, *bytes++);
  return ~crc;
}

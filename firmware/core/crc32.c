#include "crc32.h"

// A CRC is linear over GF(2): the table's entry for a byte is the sum of the entries for its bits, so
// eight constants (the CRC of one bit, polynomial 0xEDB88320) write all 256 at compile time.
#define ENTRY(i)                                                                    \
  (((i) & 1 ? 0x77073096u : 0) ^ ((i) & 2 ? 0xee0e612cu : 0) ^                      \
   ((i) & 4 ? 0x076dc419u : 0) ^ ((i) & 8 ? 0x0edb8832u : 0) ^                      \
   ((i) & 16 ? 0x1db71064u : 0) ^ ((i) & 32 ? 0x3b6e20c8u : 0) ^                    \
   ((i) & 64 ? 0x76dc4190u : 0) ^ ((i) & 128 ? 0xedb88320u : 0))
#define FOUR(i) ENTRY(i), ENTRY((i) + 1), ENTRY((i) + 2), ENTRY((i) + 3)
#define SIXTEEN(i) FOUR(i), FOUR((i) + 4), FOUR((i) + 8), FOUR((i) + 12)
#define SIXTY_FOUR(i) SIXTEEN(i), SIXTEEN((i) + 16), SIXTEEN((i) + 32), SIXTEEN((i) + 48)

static const uint32_t table[256] = {SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128), SIXTY_FOUR(192)};

uint32_t tj_crc32(const uint8_t *bytes, uint32_t n) {
  uint32_t crc = ~0u;
  for (const uint8_t *end = bytes + n; bytes != end; bytes++)
    crc = table[(crc ^ *bytes) & 255] ^ crc >> 8;
  return ~crc;
}

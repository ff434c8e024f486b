// Converter words → the rows of a samples record (docs/wire.md, 01). Pure.
#pragma once
#include <stdint.h>

// Words that a DMA channel wrote into a ring of `mask + 1` words, the first of the block at
// `start`. A plain array is a ring with start 0 and mask ~0.
typedef struct {
  const uint16_t *words;
  uint32_t mask, start;
} tj_ring;

static inline uint32_t tj_row_bytes(uint32_t channels, uint32_t bits) {
  return (channels * bits + 7) / 8;
}

// Writes rows × tj_row_bytes bytes to `out`, which begins at a multiple of 4. `bits`: 12 or 16.
void tj_pack(uint8_t *out, tj_ring ring, uint32_t rows, uint32_t channels, uint32_t bits);

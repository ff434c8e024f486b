#include "pack.h"

#include "bytes.h"

// The hot path: eight samples are three words. At 500 kS/s this and the CRC are what the CPU does.
static void pack_eights(uint32_t *out, const uint16_t *in, uint32_t n) {
  for (; n >= 8; n -= 8, in += 8, out += 3) {
    uint32_t c = in[2] & 0xfff, f = in[5] & 0xfff;
    out[0] = (in[0] & 0xfff) | (in[1] & 0xfffu) << 12 | c << 24;
    out[1] = c >> 8 | (in[3] & 0xfffu) << 4 | (in[4] & 0xfffu) << 16 | f << 28;
    out[2] = f >> 4 | (in[6] & 0xfffu) << 8 | (in[7] & 0xfffu) << 20;
  }
}

static void pack_row(uint8_t *out, tj_ring r, uint32_t first, uint32_t channels) {
  for (uint32_t c = 0; c < channels; c += 2, out += 3) {
    uint32_t a = r.words[(first + c) & r.mask] & 0xfffu;
    out[0] = (uint8_t)a;
    if (c + 1 == channels) {
      out[1] = (uint8_t)(a >> 8);
      return;
    }
    uint32_t b = r.words[(first + c + 1) & r.mask] & 0xfffu;
    out[1] = (uint8_t)(a >> 8 | b << 4);
    out[2] = (uint8_t)(b >> 4);
  }
}

static int in_one_piece(tj_ring r, uint32_t n) { return r.mask - r.start >= n - 1; }

void tj_pack(uint8_t *out, tj_ring r, uint32_t rows, uint32_t channels, uint32_t bits) {
  uint32_t n = rows * channels, row_bytes = tj_row_bytes(channels, bits);
  if (bits == 16) {
    for (uint32_t i = 0; i < n; i++) tj_put16(out + 2 * i, r.words[(r.start + i) & r.mask]);
    return;
  }
  uint32_t done = 0;
  if (channels % 2 == 0 && in_one_piece(r, n)) {  // rows without padding: one string of samples
    done = n - n % 8;
    pack_eights((uint32_t *)(void *)out, r.words + r.start, done);
    if (done % channels) done -= done % channels;  // six channels: the rest begins with a whole row
  }
  for (uint32_t row = done / channels; row < rows; row++)
    pack_row(out + row * row_bytes, r, r.start + row * channels, channels);
}

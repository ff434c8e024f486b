// Little-endian integers in byte buffers. Byte by byte, so it is right at any alignment and on any
// host: only heads and commands pass here, sample words are packed in pack.c.
#pragma once
#include <stdint.h>

static inline void tj_put16(uint8_t *p, uint32_t v) {
  p[0] = (uint8_t)v;
  p[1] = (uint8_t)(v >> 8);
}

static inline void tj_put32(uint8_t *p, uint32_t v) {
  tj_put16(p, v);
  tj_put16(p + 2, v >> 16);
}

static inline void tj_put64(uint8_t *p, uint64_t v) {
  tj_put32(p, (uint32_t)v);
  tj_put32(p + 4, (uint32_t)(v >> 32));
}

static inline uint32_t tj_get16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }

static inline uint32_t tj_get32(const uint8_t *p) { return tj_get16(p) | tj_get16(p + 2) << 16; }

static inline uint64_t tj_get64(const uint8_t *p) {
  return tj_get32(p) | (uint64_t)tj_get32(p + 4) << 32;
}

static inline void tj_copy(uint8_t *to, const uint8_t *from, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) to[i] = from[i];
}

// Zero-padded text, cut at `size` bytes; the receiver needs no terminator.
static inline void tj_put_text(uint8_t *p, const char *text, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) p[i] = *text ? (uint8_t)*text++ : 0;
}

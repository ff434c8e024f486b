// What a compiler may call though the source does not: the four functions that a freestanding C11
// implementation expects (GCC manual, "Language Standards"). Linked where there is no C library.
// Built with -fno-tree-loop-distribute-patterns, or GCC would turn these loops into calls to
// themselves.
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  uint8_t *t = to;
  const uint8_t *f = from;
  while (n--) *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t n) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if (t < f) return memcpy(to, from, n);
  while (n--) t[n] = f[n];
  return to;
}

void *memset(void *to, int value, size_t n) {
  uint8_t *t = to;
  while (n--) *t++ = (uint8_t)value;
  return to;
}

int memcmp(const void *a, const void *b, size_t n) {
  const uint8_t *x = a, *y = b;
  for (; n--; x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

// What the fuzzer's parts share: chance, and a condition that must hold.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Uniform, 0 to n - 1.
uint32_t below(uint32_t n);

#define CHECK(what)                                                                        \
  do {                                                                                     \
    if (!(what)) {                                                                         \
      fprintf(stderr, "%s does not hold (%s, line %d)\n", #what, __FILE__, __LINE__);      \
      abort();                                                                             \
    }                                                                                      \
  } while (0)

typedef struct {
  uint32_t readings, not_read, placed, refused;
} fault_counts;

// Some steps of an INA226 on a faulty bus, and some edges placed by right and by wrong latches.
void inject_faults(fault_counts *c);

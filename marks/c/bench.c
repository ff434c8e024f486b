/* What a mark costs in C, and marks at a steady rate; run by marks/bench.ts.
   bench cost MARKS: ns a clock reading, a mark, a mark with a field, the best of 200 short
   rounds (a preempted one does not count), as JSON.
   bench rate MARKS PER_SECOND: so many at that rate, busy waiting, never waiting for the reader. */
#include "truejoule.h"

#include <stdio.h>

static double per(uint64_t from, uint64_t to, long n, double best) {
  double ns = (double)(to - from) / (double)n;
  return ns < best ? ns : best;
}

static void cost(long n) {
  double clock = 1e9, mark = 1e9, field = 1e9;
  volatile uint64_t sink = 0;
  for (int round = 0; round < 200; round++) {
    uint64_t t0 = tj_now();
    for (long i = 0; i < n; i++) sink = sink + tj_now();
    uint64_t t1 = tj_now();
    for (long i = 0; i < n; i++) tj_mark("first_token");
    uint64_t t2 = tj_now();
    for (long i = 0; i < n; i++) TJ_MARK("first_token", tj_int("batch_size", i));
    uint64_t t3 = tj_now();
    clock = per(t0, t1, n, clock);
    mark = per(t1, t2, n, mark);
    field = per(t2, t3, n, field);
  }
  printf("{\"clock_ns\":%.1f,\"mark_ns\":%.1f,\"mark_with_field_ns\":%.1f}\n", clock, mark, field);
}

static void rate(long n, double per_second) {
  double gap_ns = 1e9 / per_second;
  uint64_t start = tj_now();
  for (long i = 0; i < n; i++) {
    while ((double)(tj_now() - start) < (double)i * gap_ns)
      ;
    TJ_MARK("m", tj_int("i", i));
  }
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "cost")) cost(atol(argv[2]));
  else if (argc == 4 && !strcmp(argv[1], "rate")) rate(atol(argv[2]), atof(argv[3]));
  else return 2;
  return 0;
}

/* Kernel slots with names as marks/cuda writes them, without CUDA: program COUNT. */
#include "../../../marks/c/truejoule.h"

#include "../../../marks/cuda/names.h"

#include <stdio.h>

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 0;
  char text[64];
  for (int i = 0; i < n; i++) {
    /* A new name each time, at the same address: the address alone must not decide. */
    snprintf(text, sizeof text, "kernel_%d", i % 300);
    const tjc_name *name = i % 2 ? tjc_name_of(text) : tjc_name_of("_ZN2at6native4gemmILi4EEEvi");
    tj_field fields[] = {tj_str("gpu", "gpu:0000:0A:00.0"), tj_int("stream", 7), tj_str("grid", "264x1x1")};
    uint64_t t = tj_now();
    tj_event e = {TJ_KIND_KERNEL, name->shown, name->ref, t, t + 1000, (uint64_t)i, fields, 3};
    tj_emit(&e);
  }
  return 0;
}

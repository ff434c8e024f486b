// The core as a program: requests on stdin, answers on stdout, each after its length (u32).
#include <stdio.h>

#include "../core/bytes.h"
#include "calls.h"

int main(void) {
  static uint8_t request[TJ_CALL_BYTES], answer[TJ_CALL_BYTES];
  uint8_t length[4];
  while (fread(length, 4, 1, stdin) == 1) {
    uint32_t n = tj_get32(length);
    if (n < 4 || n > sizeof request || fread(request, n, 1, stdin) != 1) return 1;
    n = tj_call(request, n, answer);
    tj_put32(length, n);
    fwrite(length, 4, 1, stdout);
    fwrite(answer, n, 1, stdout);
  }
  return 0;
}

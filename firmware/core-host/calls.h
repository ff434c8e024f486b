// The core behind one function, so that the same checks run on every build of it: native with
// sanitizers, WebAssembly, Cortex-M0+ (test/firmware/core-builds.ts). In: a request, its first byte
// what is asked. Out: bytes. Test code: no part of a firmware image.
#pragma once
#include <stdint.h>

enum { TJ_CALL_BYTES = 24576 };  // largest request, largest answer

uint32_t tj_call(const uint8_t *request, uint32_t n, uint8_t *answer);

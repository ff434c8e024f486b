// The core as a bare Cortex-M0+ image at the start of RAM: three words say where the function and
// its two buffers are, and the test calls it as a debugger would, by setting registers.
#include "calls.h"

static uint8_t request[TJ_CALL_BYTES] __attribute__((aligned(4)));
static uint8_t answer[TJ_CALL_BYTES] __attribute__((aligned(4)));

__attribute__((section(".entry"), used)) static const struct {
  uint32_t (*call)(const uint8_t *, uint32_t, uint8_t *);
  uint8_t *request, *answer;
} entry = {tj_call, request, answer};

// The core as WebAssembly: a request at tj_request(), its answer at tj_answer().
#include "calls.h"

#define EXPORT __attribute__((visibility("default")))

static uint8_t request[TJ_CALL_BYTES], answer[TJ_CALL_BYTES];

EXPORT uint8_t *tj_request(void) { return request; }
EXPORT uint8_t *tj_answer(void) { return answer; }
EXPORT uint32_t tj_run(uint32_t n) { return tj_call(request, n, answer); }

#include "../c/truejoule.h"

#include "gate.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>

enum {
  SETTLE_US = 30,   /* for the GPU to reach the gate; earlier it only makes the bracket wider */
  HELD_MS = 100,    /* a launch call that waits for the GPU must not wait for the gate */
  DONE_MS = 2000    /* a kernel longer than this is not calibrated with */
};
#define MS 1000000ull

uint64_t tjc_gates_forced, tjc_gates_missed;

#define FOR_EACH_FUNCTION(F) \
  F(cuMemHostAlloc) F(cuMemHostGetDevicePointer) F(cuStreamWaitValue32) F(cuStreamWriteValue32) F(cuStreamIsCapturing)
#define DECLARE(f) __typeof__(&f) f##_;
static struct {
  FOR_EACH_FUNCTION(DECLARE)
} cu;
#define TEXT_(f) #f
#define TEXT(f) TEXT_(f)
#define FIND(f) if (!(*(void **)&cu.f##_ = dlsym(driver, TEXT(f)))) return -1;

/* Words of host memory that the GPU reads and writes, one cache line each. */
typedef struct {
  uint32_t gate, pad0[15], flag, pad1[15], done, pad2[15];
} words;

static words *page;
static CUdeviceptr page_gpu;
static CUcontext page_context;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static uint32_t number;
static uint64_t closed_ns; /* 0: open */
static __thread CUstream gated;
static __thread int closed, inside;

/* Opens a gate that has been closed for too long: its launch call waits for the GPU, which waits for us. */
static void *watch(void *unused) {
  (void)unused;
  for (;;) {
    usleep(HELD_MS * 250);
    uint64_t since = __atomic_load_n(&closed_ns, __ATOMIC_ACQUIRE);
    if (!since || tj_now() - since < HELD_MS * MS) continue;
    uint32_t n = __atomic_load_n(&number, __ATOMIC_RELAXED);
    if (__atomic_load_n(&page->gate, __ATOMIC_RELAXED) == n) continue;
    __atomic_store_n(&page->gate, n, __ATOMIC_RELEASE);
    __atomic_fetch_add(&tjc_gates_forced, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

int tjc_gate_start(void) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (!driver) return -1;
  FOR_EACH_FUNCTION(FIND)
  return 0;
}

/* With the context current. */
static int prepare(CUcontext context) {
  pthread_t thread;
  sigset_t all, before;
  if (page) return page_context == context;
  void *memory;
  if (cu.cuMemHostAlloc_(&memory, sizeof(words), CU_MEMHOSTALLOC_DEVICEMAP) ||
      cu.cuMemHostGetDevicePointer_(&page_gpu, memory, 0))
    return 0;
  memset(memory, 0, sizeof(words));
  page_context = context;
  page = memory;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int ok = pthread_create(&thread, NULL, watch, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return ok;
}

static CUdeviceptr at(const uint32_t *word) { return page_gpu + (CUdeviceptr)((const char *)word - (const char *)page); }

void tjc_gate_close(CUcontext context, CUstream stream) {
  CUstreamCaptureStatus capturing = CU_STREAM_CAPTURE_STATUS_NONE;
  if (inside) return;
  inside = 1;
  if (pthread_mutex_trylock(&one_at_a_time)) {
    __atomic_fetch_add(&tjc_gates_missed, 1, __ATOMIC_RELAXED);
    inside = 0;
    return;
  }
  if (!cu.cuStreamIsCapturing_(stream, &capturing) && capturing == CU_STREAM_CAPTURE_STATUS_NONE && prepare(context)) {
    uint32_t n = number + 1;
    __atomic_store_n(&number, n, __ATOMIC_RELAXED);
    __atomic_store_n(&closed_ns, tj_now(), __ATOMIC_RELEASE);
    if (!cu.cuStreamWaitValue32_(stream, at(&page->gate), n, CU_STREAM_WAIT_VALUE_GEQ)) {
      closed = 1;
      gated = stream;
      cu.cuStreamWriteValue32_(stream, at(&page->flag), n, CU_STREAM_WRITE_VALUE_DEFAULT);
    }
  }
  if (!closed) {
    __atomic_store_n(&closed_ns, 0, __ATOMIC_RELEASE);
    __atomic_fetch_add(&tjc_gates_missed, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&one_at_a_time);
    inside = 0;
  }
}

/* When the GPU's word was first seen to have come, or 0. */
static uint64_t seen(const uint32_t *word, uint32_t n, uint64_t until) {
  for (;;) {
    int there = __atomic_load_n(word, __ATOMIC_ACQUIRE) == n;
    uint64_t now = tj_now();
    if (there) return now;
    if (now > until) return 0;
  }
}

void tjc_gate_open(uint32_t correlation) {
  if (!closed) return;
  uint32_t n = number;
  uint64_t flag = 0, done = 0;
  cu.cuStreamWriteValue32_(gated, at(&page->done), n, CU_STREAM_WRITE_VALUE_DEFAULT);
  uint64_t until = tj_now() + SETTLE_US * 1000;
  while (tj_now() < until) {}
  int forced = __atomic_load_n(&page->gate, __ATOMIC_ACQUIRE) == n;
  uint64_t opening = tj_now();
  __atomic_store_n(&page->gate, n, __ATOMIC_RELEASE);
  uint64_t opened = tj_now();
  flag = seen(&page->flag, n, opened + DONE_MS * MS);
  if (flag) done = seen(&page->done, n, opened + DONE_MS * MS);
  if (!forced && flag && done)
    TJ_MARK("cuda_gate", tj_int("launch", correlation), tj_int("opened_ns", (int64_t)(opened - opening)),
            tj_int("flag_ns", (int64_t)(flag - opening)), tj_int("done_ns", (int64_t)(done - opening)),
            tj_int("opening_ns", (int64_t)opening));
  __atomic_store_n(&closed_ns, 0, __ATOMIC_RELEASE);
  closed = inside = 0;
  pthread_mutex_unlock(&one_at_a_time);
}

/*
 * As much of a CUDA driver and of CUPTI as marks/cuda calls, with a GPU whose clock is known: enough to run
 * the injection library where there is no GPU. Loaded under both names, libcuda.so.1 and libcupti.so.13.
 *
 * GPU clock: GPU_EPOCH + (host − start)·(1 + DRIFT), in steps of 32 ns. CUPTI's times are the true ones plus
 * CUPTI_ERROR_NS. A kernel starts LATENCY_NS after its launch and takes as many ns as its grid's x says.
 *
 * FAKE_SUBSCRIBED: another profiler has CUPTI already. FAKE_TSC: another user's clock dates the records.
 * FAKE_DROP: every so many-th record is dropped, and CUPTI says so. FAKE_NO_PTX: the driver takes no PTX.
 * FAKE_SYNC: records are delivered in whatever thread launches, the library's own included.
 * FAKE_FULL: the GPU has no room for a ping kernel, ever; one that is launched after the forced flush, the library's
 * last, is told of. The driver takes a second to end.
 * FAKE_HOLD: the driver takes the PTX only once so many launches have been made: for ever, if a launch waits for it.
 *
 * Free of data races by itself, so that what ThreadSanitizer reports is the library's.
 */
#include <cuda.h>
#include <cupti.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GPU_EPOCH 1700000000000000000ull
#define DRIFT (-13.5e-6)
#define LATENCY_NS 7000
#define CUPTI_ERROR_NS 300

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t gpu_clock(void) {
  static uint64_t start;
  uint64_t t = now(), expected = 0;
  __atomic_compare_exchange_n(&start, &expected, t, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return (GPU_EPOCH + (uint64_t)((double)(t - start) * (1 + DRIFT))) & ~31ull;
}

/* ---- CUPTI ------------------------------------------------------------------------------------- */

static CUpti_CallbackFunc subscriber;
static CUpti_BuffersCallbackRequestFunc buffer_wanted;
static CUpti_BuffersCallbackCompleteFunc buffer_done;
static uint8_t enabled[CUPTI_DRIVER_TRACE_CBID_SIZE];
static int kernels_enabled, resources;
#define GET(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define SET(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELEASE)
int fake_enabled(void) { return GET(kernels_enabled) || GET(enabled[CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel]); }
static uint32_t correlation;

enum { MAX_RECORDS = 1 << 16 };
static TJ_CUPTI_KERNEL records[MAX_RECORDS];
static unsigned n_records, n_dropped;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;       /* of records */
static pthread_mutex_t delivering = PTHREAD_MUTEX_INITIALIZER; /* held for as long as the library takes */

CUptiResult cuptiGetVersion(uint32_t *v) { return *v = CUPTI_API_VERSION, CUPTI_SUCCESS; }
CUptiResult cuptiGetResultString(CUptiResult r, const char **s) { return (void)r, *s = "fake", CUPTI_SUCCESS; }
CUptiResult cuptiSubscribe(CUpti_SubscriberHandle *s, CUpti_CallbackFunc f, void *user) {
  (void)user;
  *s = NULL;
  if (getenv("FAKE_SUBSCRIBED")) return CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED;
  SET(subscriber, f);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiEnableCallback(uint32_t on, CUpti_SubscriberHandle s, CUpti_CallbackDomain d, CUpti_CallbackId id) {
  (void)s;
  if (d == CUPTI_CB_DOMAIN_DRIVER_API) SET(enabled[id], (uint8_t)on);
  else SET(resources, (int)on);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc f) { return (void)f, CUPTI_SUCCESS; }
CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc w, CUpti_BuffersCallbackCompleteFunc d) {
  buffer_wanted = w;
  buffer_done = d;
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityEnable(CUpti_ActivityKind kind) {
  if (kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) SET(kernels_enabled, 1);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityDisable(CUpti_ActivityKind kind) {
  if (kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) SET(kernels_enabled, 0);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityGetNumDroppedRecords(CUcontext c, uint32_t s, size_t *n) {
  (void)c, (void)s;
  *n = __atomic_exchange_n(&n_dropped, 0, __ATOMIC_RELAXED);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityGetNextRecord(uint8_t *buffer, size_t valid, CUpti_Activity **record) {
  uint8_t *next = *record ? (uint8_t *)*record + sizeof records[0] : buffer;
  if (next + sizeof records[0] > buffer + valid) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = (CUpti_Activity *)(void *)next;
  return CUPTI_SUCCESS;
}
static int over; /* the library has said its last word */
CUptiResult cuptiActivityFlushAll(uint32_t flag) {
  if (flag & CUPTI_ACTIVITY_FLAG_FLUSH_FORCED) SET(over, 1);
  pthread_mutex_lock(&delivering);
  pthread_mutex_lock(&lock);
  unsigned n_taken = n_records;
  TJ_CUPTI_KERNEL *taken = malloc(n_taken * sizeof *taken + 1);
  memcpy(taken, records, n_taken * sizeof *taken);
  n_records = 0;
  pthread_mutex_unlock(&lock);
  for (unsigned at = 0; at < n_taken;) {
    uint8_t *buffer;
    size_t size, most;
    buffer_wanted(&buffer, &size, &most);
    unsigned n = (unsigned)(size / sizeof *taken);
    if (n > n_taken - at) n = n_taken - at;
    memcpy(buffer, taken + at, n * sizeof *taken);
    buffer_done(NULL, 0, buffer, size, n * sizeof *taken);
    at += n;
  }
  free(taken);
  pthread_mutex_unlock(&delivering);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiNvtxInitialize2(void *table) { return (void)table, CUPTI_SUCCESS; }

/* The context of the calling thread, 1 at first and on GPU 0; all others are on GPU 1. */
static __thread uintptr_t current = 1;
void fake_use(uintptr_t context) { current = context; }
static CUdevice device_of(uintptr_t context) { return context > 1; }

static void keep(const void *r, size_t size) {
  static unsigned all;
  const char *drop = getenv("FAKE_DROP");
  pthread_mutex_lock(&lock);
  if (drop && ++all % (unsigned)atoi(drop) == 0) __atomic_fetch_add(&n_dropped, 1, __ATOMIC_RELAXED);
  else if (n_records < MAX_RECORDS) memcpy(&records[n_records++], r, size);
  pthread_mutex_unlock(&lock);
}

static void record(const char *name, uint32_t id, uint64_t start, uint64_t end, unsigned grid) {
  if (!GET(kernels_enabled)) return;
  TJ_CUPTI_KERNEL k;
  memset(&k, 0, sizeof k);
  k.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
  k.start = start + CUPTI_ERROR_NS;
  k.end = end + CUPTI_ERROR_NS;
  k.deviceId = (uint32_t)device_of(current);
  if (getenv("FAKE_TSC")) k.start *= 3, k.end *= 3;
  k.correlationId = id;
  k.name = name;
  k.streamId = 7;
  k.gridX = (int32_t)grid;
  k.gridY = k.gridZ = k.blockX = k.blockY = k.blockZ = 1;
  keep(&k, sizeof k);
}

/* An NVTX range's start or end, or, where it is neither, an instant; `name` lives until the flush that follows. */
void fake_marker(uint32_t id, int start, const char *name) {
  TJ_CUPTI_MARKER m;
  memset(&m, 0, sizeof m);
  m.kind = CUPTI_ACTIVITY_KIND_MARKER;
  m.id = id;
  m.flags = start < 0   ? CUPTI_ACTIVITY_FLAG_MARKER_INSTANTANEOUS
            : start > 0 ? CUPTI_ACTIVITY_FLAG_MARKER_START
                        : CUPTI_ACTIVITY_FLAG_MARKER_END;
  m.timestamp = now();
  m.name = name;
  keep(&m, sizeof m);
  cuptiActivityFlushAll(0);
}

static uint32_t tell(CUpti_CallbackId id, const char *symbol, CUpti_ApiCallbackSite site, uint32_t number) {
  CUpti_CallbackData d;
  cuLaunchKernel_params params;
  memset(&d, 0, sizeof d);
  memset(&params, 0, sizeof params);
  d.functionParams = &params;
  d.callbackSite = site;
  d.functionName = "cuLaunchKernel";
  d.symbolName = symbol;
  d.context = (CUcontext)current;
  d.correlationId = number;
  if (GET(subscriber) && GET(enabled[id])) subscriber(NULL, CUPTI_CB_DOMAIN_DRIVER_API, id, &d);
  return number;
}

/* ---- The driver --------------------------------------------------------------------------------- */

typedef struct {
  volatile uint32_t *page;
  unsigned count;
  uint32_t correlation;
  uintptr_t context;
} ping;

static int ping_runs;
static int full(void) { return getenv("FAKE_FULL") != NULL; }

/* After the destructors of whoever uses the driver. */
static __attribute__((destructor)) void end(void) {
  if (full()) sleep(1);
}

static void *ping_kernel(void *argument) {
  ping p = *(ping *)argument;
  volatile uint64_t *words = (volatile uint64_t *)(volatile void *)p.page;
  free(argument);
  current = p.context;
  uint64_t start = now();
  SET(words[8], gpu_clock());
  for (unsigned i = 1; i <= p.count; i++) {
    uint64_t until = now() + 20000000;
    while (__atomic_load_n(p.page, __ATOMIC_ACQUIRE) < i && now() < until) sched_yield(); /* one core may serve both */
    if (GET(p.page[0]) < i) break;
    __atomic_store_n(&words[15 + i], gpu_clock(), __ATOMIC_RELEASE);
  }
  uint64_t ended = gpu_clock();
  record("truejoule_ping", p.correlation, start, now(), 1);
  SET(words[9], ended);
  __atomic_store_n(&ping_runs, 0, __ATOMIC_RELEASE);
  return NULL;
}

CUresult cuCtxGetDevice(CUdevice *d) { return *d = device_of(current), CUDA_SUCCESS; }
CUresult cuCtxPushCurrent(CUcontext c) { return current = (uintptr_t)c, CUDA_SUCCESS; }
CUresult cuCtxPopCurrent(CUcontext *c) { return *c = (CUcontext)current, CUDA_SUCCESS; }
CUresult cuCtxGetStreamPriorityRange(int *l, int *g) { return *l = 0, *g = -5, CUDA_SUCCESS; }
CUresult cuDeviceGetPCIBusId(char *s, int n, CUdevice d) { return (void)d, snprintf(s, (size_t)n, "0000:0%c:00.0", 'A' + d), CUDA_SUCCESS; }
CUresult cuModuleLoadData(CUmodule *m, const void *image) {
  const char *hold = getenv("FAKE_HOLD");
  while (hold && GET(correlation) < (uint32_t)atoi(hold)) usleep(1000);
  if (getenv("FAKE_NO_PTX")) return CUDA_ERROR_JIT_COMPILATION_DISABLED;
  return *m = NULL, strstr(image, ".entry truejoule_ping(") ? CUDA_SUCCESS : CUDA_ERROR_INVALID_PTX;
}
CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) { return (void)m, *f = (CUfunction)(void *)name, CUDA_SUCCESS; }
CUresult cuStreamCreateWithPriority(CUstream *s, unsigned flags, int p) { return (void)p, *s = (CUstream)2, flags == CU_STREAM_NON_BLOCKING ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; }
CUresult cuMemHostAlloc(void **p, size_t n, unsigned flags) { return (void)flags, *p = aligned_alloc(4096, (n + 4095) & ~4095ul), CUDA_SUCCESS; }
CUresult cuMemHostGetDevicePointer(CUdeviceptr *d, void *p, unsigned flags) { return (void)flags, *d = (CUdeviceptr)p, CUDA_SUCCESS; }
CUresult cuStreamQuery(CUstream s) { return (void)s, __atomic_load_n(&ping_runs, __ATOMIC_ACQUIRE) ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS; }
CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *m) { return (void)m, CUDA_SUCCESS; }
static __thread int capturing;
CUresult cuStreamBeginCapture(CUstream s, CUstreamCaptureMode m) {
  (void)s, (void)m;
  tell(CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture_v2, NULL, CUPTI_API_ENTER, 0);
  return capturing = 1, CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream s, CUgraph *g) { return (void)s, *g = NULL, capturing = 0, CUDA_SUCCESS; }
CUresult cuStreamIsCapturing(CUstream s, CUstreamCaptureStatus *c) {
  return (void)s, *c = capturing ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE, CUDA_SUCCESS;
}
/* As cudaDeviceReset does; the next context gets the same address. */
CUresult cuCtxDestroy(CUcontext c) {
  CUpti_ResourceData r;
  memset(&r, 0, sizeof r);
  r.context = c;
  if (GET(subscriber) && GET(resources))
    subscriber(NULL, CUPTI_CB_DOMAIN_RESOURCE, CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING, &r);
  return CUDA_SUCCESS;
}
CUresult cuCtxSynchronize(void) {
  tell(CUPTI_DRIVER_TRACE_CBID_cuCtxSynchronize, NULL, CUPTI_API_EXIT, 0);
  return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                        unsigned shared, CUstream s, void **arguments, void **extra) {
  (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)shared, (void)s, (void)extra;
  const char *name = (const char *)f;
  uint32_t id = __atomic_add_fetch(&correlation, 1, __ATOMIC_RELAXED);
  tell(CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel, name, CUPTI_API_ENTER, id);
  uint64_t launched = now();
  if (!strcmp(name, "truejoule_ping") && full()) {
    if (GET(over)) fprintf(stderr, "a ping after the end\n");
  } else if (!strcmp(name, "truejoule_ping")) {
    ping *p = malloc(sizeof *p);
    pthread_t thread;
    *p = (ping){(volatile uint32_t *)*(CUdeviceptr *)arguments[0], *(unsigned *)arguments[1], id, current};
    SET(ping_runs, 1);
    pthread_create(&thread, NULL, ping_kernel, p);
    pthread_detach(thread);
  } else if (!capturing)
    record(*name ? name : NULL, id, launched + LATENCY_NS, launched + LATENCY_NS + gx, gx);
  if (getenv("FAKE_SYNC")) cuptiActivityFlushAll(0);
  tell(CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel, name, CUPTI_API_EXIT, id);
  return CUDA_SUCCESS;
}

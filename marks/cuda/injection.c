/*
 * Kernels of an unmodified CUDA program → marks (docs/cuda.md). The driver loads this library into the
 * program because CUDA_INJECTION64_PATH names it; NVTX loads it because NVTX_INJECTION64_PATH does.
 *
 * In: CUPTI's launch callbacks, kernel and NVTX records. Out: submit, kernel, begin, end, instant and exchange
 * slots of the mark ring that TRUEJOULE_MARKS leads to. Without that variable nothing is touched. Stamps are
 * CLOCK_MONOTONIC: read in the callback for a submit, by CUPTI's own conversion for a kernel.
 */
#include "../c/truejoule.h"

#include "gate.h"
#include "names.h"
#include "ping.h"

#include <cupti.h>
#include <dlfcn.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>

#define EXPORT __attribute__((visibility("default")))

enum {
  BUFFER_BYTES = 256 << 10, /* some 1,000 kernels: delivered in pieces that the ring can take */
  AT_TAIL = 192,            /* docs/marks.md, header */
  PACE_EVERY = 256,         /* slots between looks at the reader */
  PACE_US = 500,
  PACE_LIMIT = 2000         /* looks, once: a recorder that is gone must not hold the program for longer */
};
#define SECOND 1000000000ull

static pid_t owner; /* a forked child inherits handlers but neither threads nor CUDA */
static uint32_t process; /* tells it from others: containers have the same process ids, and systems reuse them */
static uint64_t began_ns;
/* Added to by whatever thread launches or delivers; read at the end, when one may still be at it. */
static struct {
  uint64_t launches, captured, kernels, untimed, misdated, dropped, ranges_lost;
} counts;
#define ADD(count, n) __atomic_fetch_add(&counts.count, n, __ATOMIC_RELAXED)
#define COUNTED(count) tj_int(#count, (int64_t)__atomic_load_n(&counts.count, __ATOMIC_RELAXED))

static uint64_t CUPTIAPI monotonic(void) { return tj_now(); }

static void emit(uint8_t kind, const tjc_name *name, uint64_t t, uint64_t aux, uint64_t id, const tj_field *f, int n) {
  tj_event e = {kind, name->shown, name->ref, t, aux, id, f, n};
  tj_emit(&e);
}

/* ---- Launches, in the program's threads ------------------------------------------------------- */

static int gates; /* asked for by name */

/* The stream of a kernel launch that can be held back; others go free. */
static void gate(CUpti_CallbackId id, const CUpti_CallbackData *d) {
  if (id == CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel || id == CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel_ptsz)
    tjc_gate_close(d->context, ((const cuLaunchKernel_params *)d->functionParams)->hStream);
  if (id == CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx || id == CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx_ptsz)
    tjc_gate_close(d->context, ((const cuLaunchKernelEx_params *)d->functionParams)->config->hStream);
}

/* Captures seen: before the first, no launch has to be asked about. */
static int captures;
static __typeof__(&cuStreamIsCapturing) is_capturing;

/* Whether this launch becomes a node of a graph instead of a kernel. A stream of 0 is the thread's own in the
   _ptsz functions. */
static int is_captured(CUpti_CallbackId id, const CUpti_CallbackData *d) {
  CUstream stream, own = NULL;
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (!__atomic_load_n(&captures, __ATOMIC_RELAXED) || !is_capturing) return 0;
  switch ((int)id) {
    case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel_ptsz: own = CU_STREAM_PER_THREAD; /* fall through */
    case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel:
      stream = ((const cuLaunchKernel_params *)d->functionParams)->hStream;
      break;
    case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx_ptsz: own = CU_STREAM_PER_THREAD; /* fall through */
    case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx:
      stream = ((const cuLaunchKernelEx_params *)d->functionParams)->config->hStream;
      break;
    case CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel_ptsz: own = CU_STREAM_PER_THREAD; /* fall through */
    case CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel:
      stream = ((const cuLaunchCooperativeKernel_params *)d->functionParams)->hStream;
      break;
    case CUPTI_DRIVER_TRACE_CBID_cuGraphLaunch_ptsz: own = CU_STREAM_PER_THREAD; /* fall through */
    case CUPTI_DRIVER_TRACE_CBID_cuGraphLaunch:
      stream = ((const cuGraphLaunch_params *)d->functionParams)->hStream;
      break;
    default: return 0;
  }
  return is_capturing(stream ? stream : own, &status) == CUDA_SUCCESS && status != CU_STREAM_CAPTURE_STATUS_NONE;
}

static void launched(CUpti_CallbackId id, const CUpti_CallbackData *d) {
  uint64_t t = tj_now();
  if (tjc_ping_launching(d->context, d->correlationId)) return;
  if (gates) gate(id, d);
  tj_field fields[] = {tj_int("process", process), tj_bool("captured", 1)};
  int captured = is_captured(id, d);
  emit(TJ_KIND_SUBMIT, tjc_name_of(d->symbolName ? d->symbolName : d->functionName), t, 0, d->correlationId, fields,
       1 + captured);
  ADD(launches, 1);
  if (captured) ADD(captured, 1);
}

static const CUpti_CallbackId launches[] = {
    CUPTI_DRIVER_TRACE_CBID_cuLaunch,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchGrid,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchGridAsync,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel_ptsz,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx_ptsz,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel_ptsz,
    CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernelMultiDevice,
    CUPTI_DRIVER_TRACE_CBID_cuGraphLaunch,
    CUPTI_DRIVER_TRACE_CBID_cuGraphLaunch_ptsz,
};
static const CUpti_CallbackId waits[] = {
    CUPTI_DRIVER_TRACE_CBID_cuCtxSynchronize,
    CUPTI_DRIVER_TRACE_CBID_cuStreamSynchronize,
    CUPTI_DRIVER_TRACE_CBID_cuStreamSynchronize_ptsz,
    CUPTI_DRIVER_TRACE_CBID_cuEventSynchronize,
};
static const CUpti_CallbackId capture_begins[] = {
    CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture,
    CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture_ptsz,
    CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture_v2,
    CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture_v2_ptsz,
#if CUDA_VERSION >= 12030
    CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCaptureToGraph,
    CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCaptureToGraph_ptsz,
#endif
};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int is_in(const CUpti_CallbackId *list, size_t n, CUpti_CallbackId id) {
  for (size_t i = 0; i < n; i++)
    if (list[i] == id) return 1;
  return 0;
}

static void CUPTIAPI called(void *user, CUpti_CallbackDomain domain, CUpti_CallbackId id, const void *data) {
  (void)user;
  if (domain == CUPTI_CB_DOMAIN_RESOURCE) {
    if (id == CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING)
      tjc_ping_forget(((const CUpti_ResourceData *)data)->context);
    return;
  }
  const CUpti_CallbackData *d = data;
  if (is_in(waits, COUNT(waits), id)) {
    if (d->callbackSite == CUPTI_API_EXIT) tjc_ping_idle();
  } else if (is_in(capture_begins, COUNT(capture_begins), id)) {
    __atomic_store_n(&captures, 1, __ATOMIC_RELAXED);
  } else if (d->callbackSite == CUPTI_API_ENTER) launched(id, d);
  else if (gates) tjc_gate_open(d->correlationId);
}

/* ---- Records, in CUPTI's thread or the one that flushes --------------------------------------- */

/* A recorder holds the lock of its ring for life. One that was killed could not say in the header that nobody
   reads any more, so it is said for it. */
static int ring_fd = -1;
static void say_if_recorder_died(uintptr_t state) {
  if (ring_fd < 0 || flock(ring_fd, LOCK_SH | LOCK_NB)) return;
  __atomic_store_n((uint32_t *)(void *)(tj__base(state) + TJ__AT_CLOSED), 1, __ATOMIC_RELAXED);
  flock(ring_fd, LOCK_UN);
}

/* Lets the reader catch up: records come a thousand at a time. Waits once for a reader that does not move; until
   it moves again nothing waits for it. */
static void pace(void) {
  static unsigned written;
  static uint64_t stuck_at = UINT64_MAX;
  if (++written % PACE_EVERY) return;
  uintptr_t state = tj__get();
  if (state == 1) return;
  const uint64_t *head = (const uint64_t *)(const void *)(tj__base(state) + TJ__AT_HEAD);
  const uint64_t *tail = (const uint64_t *)(const void *)(tj__base(state) + AT_TAIL);
  uint64_t read = 0;
  for (int i = 0; i < PACE_LIMIT && !tj__closed(state); i++) {
    read = __atomic_load_n(tail, __ATOMIC_RELAXED);
    if (read == stuck_at || __atomic_load_n(head, __ATOMIC_RELAXED) - read < tj__capacity(state) / 2) return;
    usleep(PACE_US);
  }
  stuck_at = read;
  say_if_recorder_died(state);
}

/* Another CUPTI user may have set a clock of its own (docs/cuda.md, "Limits"): then times are not CLOCK_MONOTONIC,
   and a kernel lies outside the time in which it can have run. */
static int is_misdated(uint64_t start, uint64_t end) {
  return end < start || start + SECOND < began_ns || end > tj_now() + SECOND;
}

static void kernel(const TJ_CUPTI_KERNEL *k) {
  if (k->start == 0 || k->end == 0) {
    ADD(untimed, 1);
    return;
  }
  if (is_misdated(k->start, k->end)) {
    ADD(misdated, 1);
    return;
  }
  if (k->name && !strcmp(k->name, tjc_ping_kernel)) {
    tjc_ping_recorded(k->correlationId, k->start, k->end);
    return;
  }
  char grid[48], block[48];
  snprintf(grid, sizeof grid, "%dx%dx%d", k->gridX, k->gridY, k->gridZ);
  snprintf(block, sizeof block, "%dx%dx%d", k->blockX, k->blockY, k->blockZ);
  tj_field fields[] = {tj_int("process", process), tj_str("gpu", tjc_clock_of(k->deviceId)),
                       tj_int("stream", k->streamId), tj_str("grid", grid), tj_str("block", block),
                       tj_int("graph", k->graphId)};
  int n = k->graphId ? 6 : 5;
  emit(TJ_KIND_KERNEL, tjc_name_of(k->name), k->start, k->end, k->correlationId, fields, n);
  ADD(kernels, 1);
}

/* Open NVTX ranges: CUPTI names only their start. Their texts may change without end ("iteration 17") and live as
   long as CUPTI likes: they are written inline and copied for the end. */
enum { RANGES = 4096 };
static struct {
  int open;
  uint32_t id;
  uint64_t span;
  char name[TJ__MAX_NAME + 1];
} ranges[RANGES];

static void marker(const TJ_CUPTI_MARKER *m) {
  unsigned at = m->id % RANGES;
  const char *name = m->name && *m->name ? m->name : "nvtx";
  tj_event e = {TJ_KIND_INSTANT, name, 0, m->timestamp, 0, 0, NULL, 0};
  if (is_misdated(m->timestamp, m->timestamp)) {
    ADD(misdated, 1);
    return;
  }
  if (m->flags & CUPTI_ACTIVITY_FLAG_MARKER_INSTANTANEOUS) tj_emit(&e);
  if (m->flags & CUPTI_ACTIVITY_FLAG_MARKER_START) {
    uint64_t cut = 0;
    size_t length = tj__fit(name, TJ__MAX_NAME, &cut);
    if (ranges[at].open) ADD(ranges_lost, 1);
    e.kind = TJ_KIND_BEGIN;
    ranges[at].open = 1;
    ranges[at].id = m->id;
    ranges[at].span = tj_emit(&e);
    memcpy(ranges[at].name, name, length);
    ranges[at].name[length] = 0;
  }
  if (m->flags & CUPTI_ACTIVITY_FLAG_MARKER_END && ranges[at].open && ranges[at].id == m->id) {
    tj_event end = {TJ_KIND_END, ranges[at].name, 0, m->timestamp, 0, ranges[at].span, NULL, 0};
    tj_emit(&end);
    ranges[at].open = 0;
  }
}

static void CUPTIAPI buffer_wanted(uint8_t **buffer, size_t *size, size_t *max_records) {
  *buffer = aligned_alloc(8, BUFFER_BYTES);
  *size = *buffer ? BUFFER_BYTES : 0;
  *max_records = 0;
}

static void CUPTIAPI buffer_done(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid) {
  static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
  CUpti_Activity *record = NULL;
  size_t dropped = 0;
  (void)size;
  pthread_mutex_lock(&one_at_a_time);
  while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
    if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) kernel((const TJ_CUPTI_KERNEL *)(void *)record);
    if (record->kind == CUPTI_ACTIVITY_KIND_MARKER) marker((const TJ_CUPTI_MARKER *)(void *)record);
    pace();
  }
  if (cuptiActivityGetNumDroppedRecords(context, stream, &dropped) == CUPTI_SUCCESS) ADD(dropped, dropped);
  pthread_mutex_unlock(&one_at_a_time);
  free(buffer);
}

static void flush(void) { cuptiActivityFlushAll(0); }

/* ---- Start and end ---------------------------------------------------------------------------- */

static int failed(const char *what, CUptiResult r) {
  const char *why = "unknown error";
  if (r == CUPTI_SUCCESS) return 0;
  cuptiGetResultString(r, &why);
  fprintf(stderr, "truejoule: kernels are not recorded: %s: %s\n", what, why);
  return 1;
}

static CUpti_SubscriberHandle subscriber;

static void watch(uint32_t on, const CUpti_CallbackId *list, size_t n) {
  for (size_t i = 0; i < n; i++) cuptiEnableCallback(on, subscriber, CUPTI_CB_DOMAIN_DRIVER_API, list[i]);
}

static void watch_launches(uint32_t on) {
  watch(on, launches, COUNT(launches));
  watch(on, waits, COUNT(waits));
  watch(on, capture_begins, COUNT(capture_begins));
  cuptiEnableCallback(on, subscriber, CUPTI_CB_DOMAIN_RESOURCE, CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING);
}

static void watch_records(int kernels, int nvtx) {
  if (failed("clock callback", cuptiActivityRegisterTimestampCallback(monotonic)) ||
      failed("buffers", cuptiActivityRegisterCallbacks(buffer_wanted, buffer_done)))
    return;
  if (kernels) failed("kernel records", cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL));
  if (nvtx) failed("NVTX records", cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MARKER));
}

/* The recorder has ended and the program goes on: without us. */
static void let_go(void) {
  watch_launches(0);
  cuptiActivityDisable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  cuptiActivityDisable(CUPTI_ACTIVITY_KIND_MARKER);
}

/* Counts beside the marks: whoever reads the log can tell whether all came. */
static void ended(void) {
  if (getpid() != owner || !tj_recording()) return;
  tjc_ping_stop();
  cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  TJ_MARK("cuda_trace_end", tj_int("process", process), COUNTED(launches), COUNTED(captured), COUNTED(kernels),
          COUNTED(untimed), COUNTED(misdated), COUNTED(dropped), COUNTED(ranges_lost),
          tj_int("pings_refused", (int64_t)__atomic_load_n(&tjc_pings_refused, __ATOMIC_RELAXED)));
  if (gates)
    TJ_MARK("cuda_gates", tj_int("forced", (int64_t)__atomic_load_n(&tjc_gates_forced, __ATOMIC_RELAXED)),
            tj_int("missed", (int64_t)__atomic_load_n(&tjc_gates_missed, __ATOMIC_RELAXED)));
}

static int listed(const char *list, const char *what) {
  size_t n = strlen(what);
  for (const char *at = list; at; at = strchr(at, ',')) {
    at += *at == ',';
    if (!strncmp(at, what, n) && (at[n] == ',' || !at[n])) return 1;
  }
  return 0;
}

/* What to record, for measuring the cost of each: all of it unless TRUEJOULE_CUDA lists some. */
static int wanted(const char *what) {
  const char *list = getenv("TRUEJOULE_CUDA");
  return !list || !*list || listed(list, what);
}

/* Whether CUPTI is ours. It has one subscriber at a time, and whoever has another's place may take its buffers and
   set its clock: then nothing is asked of it at all. */
static int subscribe(uint32_t version) {
  CUptiResult r = cuptiSubscribe(&subscriber, called, NULL);
  if (!failed("cuptiSubscribe (is another profiler at work?)", r)) {
    TJ_MARK("cuda_trace_begin", tj_int("cupti", version), tj_int("process", process));
    return 1;
  }
  TJ_MARK("cuda_trace_begin", tj_int("cupti", version), tj_int("process", process), tj_int("refused", (int64_t)r));
  return 0;
}

/* What a launch is asked about, and what tells that a recorder was killed. */
static void find_others(void) {
  char path[4096];
  void *driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (driver) *(void **)&is_capturing = dlsym(driver, "cuStreamIsCapturing");
  int n = snprintf(path, sizeof path, "%s/shared.ring", getenv("TRUEJOULE_MARKS"));
  if (n > 0 && (size_t)n < sizeof path) ring_fd = open(path, O_RDONLY | O_CLOEXEC);
}

EXPORT int InitializeInjection(void) {
  static int done;
  if (done++ || !tj_recording()) return 1;
  uint32_t version = 0;
  owner = getpid();
  began_ns = tj_now();
  if (getrandom(&process, sizeof process, 0) != (ssize_t)sizeof process) process = (uint32_t)(began_ns >> 6);
  process |= 1; /* never 0 */
  cuptiGetVersion(&version);
  if (!subscribe(version)) return 1;
  find_others();
  const char *list = getenv("TRUEJOULE_CUDA"); /* never unless named: it changes how the program runs */
  gates = list && listed(list, "gate") && tjc_gate_start() == 0;
  if (wanted("submit")) watch_launches(1);
  if (wanted("kernel") || wanted("nvtx")) watch_records(wanted("kernel"), wanted("nvtx"));
  if (wanted("clock") && tjc_ping_start(flush, let_go, process))
    fprintf(stderr, "truejoule: no clock exchanges with the GPU: its driver is too old\n");
  atexit(ended);
  return 1;
}

/* CUPTI exports this without declaring it; 0 is success, as of all its functions. */
extern CUptiResult cuptiNvtxInitialize2(void *table);

/* NVTX asks at a program's first range; it wants 1 for success. */
EXPORT int InitializeInjectionNvtx2(void *table) {
  return tj_recording() && wanted("nvtx") && cuptiNvtxInitialize2(table) == CUPTI_SUCCESS;
}

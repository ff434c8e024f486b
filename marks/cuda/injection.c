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
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

enum {
  BUFFER_BYTES = 256 << 10, /* some 1,000 kernels: delivered in pieces that the ring can take */
  AT_TAIL = 192,            /* docs/marks.md, header */
  PACE_EVERY = 256,         /* slots between looks at the reader */
  PACE_US = 500,
  PACE_LIMIT = 2000         /* looks in a row: a recorder that is gone must not hold the program for longer */
};

static pid_t owner; /* a forked child inherits handlers but neither threads nor CUDA */
static struct {
  uint64_t launches, kernels, untimed, dropped, ranges_lost;
} counts;

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

static void launched(CUpti_CallbackId id, const CUpti_CallbackData *d) {
  uint64_t t = tj_now();
  if (tjc_ping_launching(d->context, d->correlationId)) return;
  if (gates) gate(id, d);
  emit(TJ_KIND_SUBMIT, tjc_name_of(d->symbolName ? d->symbolName : d->functionName), t, 0, d->correlationId, NULL, 0);
  __atomic_fetch_add(&counts.launches, 1, __ATOMIC_RELAXED);
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
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int is_wait(CUpti_CallbackId id) {
  for (size_t i = 0; i < COUNT(waits); i++)
    if (waits[i] == id) return 1;
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
  if (is_wait(id)) {
    if (d->callbackSite == CUPTI_API_EXIT) tjc_ping_idle();
  } else if (d->callbackSite == CUPTI_API_ENTER) launched(id, d);
  else if (gates) tjc_gate_open(d->correlationId);
}

/* ---- Records, in CUPTI's thread or the one that flushes --------------------------------------- */

/* Lets the reader catch up: records come a thousand at a time. */
static void pace(void) {
  static unsigned written;
  if (++written % PACE_EVERY) return;
  uintptr_t state = tj__get();
  const uint64_t *head = (const uint64_t *)(const void *)(tj__base(state) + TJ__AT_HEAD);
  const uint64_t *tail = (const uint64_t *)(const void *)(tj__base(state) + AT_TAIL);
  for (int i = 0; i < PACE_LIMIT; i++) {
    uint64_t waiting = __atomic_load_n(head, __ATOMIC_RELAXED) - __atomic_load_n(tail, __ATOMIC_RELAXED);
    if (waiting < tj__capacity(state) / 2) return;
    usleep(PACE_US);
  }
}

static void kernel(const TJ_CUPTI_KERNEL *k) {
  if (k->start == 0 || k->end == 0) {
    counts.untimed++;
    return;
  }
  if (!strcmp(k->name, tjc_ping_kernel)) {
    tjc_ping_recorded(k->correlationId, k->start, k->end);
    return;
  }
  char grid[48], block[48];
  snprintf(grid, sizeof grid, "%dx%dx%d", k->gridX, k->gridY, k->gridZ);
  snprintf(block, sizeof block, "%dx%dx%d", k->blockX, k->blockY, k->blockZ);
  tj_field fields[] = {tj_str("gpu", tjc_clock_of(k->deviceId)), tj_int("stream", k->streamId), tj_str("grid", grid),
                       tj_str("block", block), tj_int("graph", k->graphId)};
  int n = k->graphId ? 5 : 4;
  emit(TJ_KIND_KERNEL, tjc_name_of(k->name), k->start, k->end, k->correlationId, fields, n);
  counts.kernels++;
}

/* Open NVTX ranges: CUPTI names only their start. */
enum { RANGES = 4096 };
static struct {
  uint32_t id;
  uint64_t span;
  const tjc_name *name;
} ranges[RANGES];

static void marker(const TJ_CUPTI_MARKER *m) {
  unsigned at = m->id % RANGES;
  if (m->flags & CUPTI_ACTIVITY_FLAG_MARKER_INSTANTANEOUS)
    emit(TJ_KIND_INSTANT, tjc_name_of(m->name ? m->name : "nvtx"), m->timestamp, 0, 0, NULL, 0);
  if (m->flags & CUPTI_ACTIVITY_FLAG_MARKER_START) {
    if (ranges[at].name) counts.ranges_lost++;
    tj_event e = {TJ_KIND_BEGIN, NULL, 0, m->timestamp, 0, 0, NULL, 0};
    const tjc_name *name = tjc_name_of(m->name ? m->name : "nvtx");
    e.name = name->shown;
    e.name_ref = name->ref;
    ranges[at].id = m->id;
    ranges[at].name = name;
    ranges[at].span = tj_emit(&e);
  }
  if (m->flags & CUPTI_ACTIVITY_FLAG_MARKER_END && ranges[at].name && ranges[at].id == m->id) {
    emit(TJ_KIND_END, ranges[at].name, m->timestamp, 0, ranges[at].span, NULL, 0);
    ranges[at].name = NULL;
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
  if (cuptiActivityGetNumDroppedRecords(context, stream, &dropped) == CUPTI_SUCCESS) counts.dropped += dropped;
  pthread_mutex_unlock(&one_at_a_time);
  free(buffer);
}

static void flush(void) { cuptiActivityFlushAll(0); }

/* ---- Start and end ---------------------------------------------------------------------------- */

static void told(const char *text, const char *more) { fprintf(stderr, "truejoule: %s%s\n", text, more); }

static int failed(const char *what, CUptiResult r) {
  const char *why = "unknown error";
  if (r == CUPTI_SUCCESS) return 0;
  cuptiGetResultString(r, &why);
  fprintf(stderr, "truejoule: kernels are not recorded: %s: %s\n", what, why);
  return 1;
}

static void watch_launches(void) {
  CUpti_SubscriberHandle subscriber;
  if (failed("cuptiSubscribe (is another profiler at work?)", cuptiSubscribe(&subscriber, called, NULL))) return;
  for (size_t i = 0; i < COUNT(launches); i++)
    cuptiEnableCallback(1, subscriber, CUPTI_CB_DOMAIN_DRIVER_API, launches[i]);
  for (size_t i = 0; i < COUNT(waits); i++)
    cuptiEnableCallback(1, subscriber, CUPTI_CB_DOMAIN_DRIVER_API, waits[i]);
  cuptiEnableCallback(1, subscriber, CUPTI_CB_DOMAIN_RESOURCE, CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING);
}

static void watch_records(int kernels, int nvtx) {
  if (failed("clock callback", cuptiActivityRegisterTimestampCallback(monotonic)) ||
      failed("buffers", cuptiActivityRegisterCallbacks(buffer_wanted, buffer_done)))
    return;
  if (kernels) failed("kernel records", cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL));
  if (nvtx) failed("NVTX records", cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MARKER));
}

/* Counts beside the marks: whoever reads the log can tell whether all came. */
static void ended(void) {
  if (getpid() != owner) return;
  tjc_ping_stop();
  cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  TJ_MARK("cuda_trace_end", tj_int("launches", (int64_t)counts.launches), tj_int("kernels", (int64_t)counts.kernels),
          tj_int("untimed", (int64_t)counts.untimed), tj_int("dropped", (int64_t)counts.dropped),
          tj_int("ranges_lost", (int64_t)counts.ranges_lost));
  if (gates)
    TJ_MARK("cuda_gates", tj_int("forced", (int64_t)tjc_gates_forced), tj_int("missed", (int64_t)tjc_gates_missed));
}

/* What to record, for measuring the cost of each: all of it unless TRUEJOULE_CUDA lists some. */
static int wanted(const char *what) {
  const char *list = getenv("TRUEJOULE_CUDA");
  return !list || !*list || strstr(list, what) != NULL;
}

EXPORT int InitializeInjection(void) {
  static int done;
  if (done++ || !tj_recording()) return 1;
  uint32_t version = 0;
  owner = getpid();
  cuptiGetVersion(&version);
  TJ_MARK("cuda_trace_begin", tj_int("cupti", version));
  const char *list = getenv("TRUEJOULE_CUDA"); /* never unless named: it changes how the program runs */
  gates = list && strstr(list, "gate") && tjc_gate_start() == 0;
  if (wanted("submit")) watch_launches();
  if (wanted("kernel") || wanted("nvtx")) watch_records(wanted("kernel"), wanted("nvtx"));
  if (wanted("clock") && tjc_ping_start(flush)) told("no clock exchanges with the GPU: ", "its driver is too old");
  atexit(ended);
  return 1;
}

/* CUPTI exports this without declaring it; 0 is success, as of all its functions. */
extern CUptiResult cuptiNvtxInitialize2(void *table);

/* NVTX asks at a program's first range; it wants 1 for success. */
EXPORT int InitializeInjectionNvtx2(void *table) {
  return tj_recording() && wanted("nvtx") && cuptiNvtxInitialize2(table) == CUPTI_SUCCESS;
}

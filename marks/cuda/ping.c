#include "../c/truejoule.h"

#include "ping.h"

#include "ping_ptx.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>

enum {
  CONTEXTS = 32,
  DEVICES = 32,
  EXCHANGES = 100,        /* 0.2 to 0.3 ms of one thread */
  REMEMBERED = 256,       /* ping kernels whose record has yet to come */
  LOOK_MS = 20,
  IDLE_MS = 100,          /* between bursts while the program waits */
  BUSY_MS = 500,          /* and while it does not */
  START_MS = 200,         /* how long to wait for a full GPU to let the kernel in */
  ANSWER_MS = 50,         /* longer than the kernel waits for a request */
  LAST_MS = 500           /* for the last bursts, at a program's exit: with one that has begun below JOIN_S */
};
enum { JOIN_S = 1 };
#define MS 1000000ull

const char tjc_ping_kernel[] = "truejoule_ping";

/* The driver is in the program already: nothing is linked, so nothing has to be found when building. */
#define FOR_EACH_FUNCTION(F)                                                                          \
  F(cuCtxGetDevice) F(cuCtxPushCurrent) F(cuCtxPopCurrent) F(cuDeviceGetPCIBusId) F(cuModuleLoadData)  \
  F(cuModuleGetFunction) F(cuStreamCreateWithPriority) F(cuCtxGetStreamPriorityRange) F(cuMemHostAlloc) \
  F(cuMemHostGetDevicePointer) F(cuLaunchKernel) F(cuStreamQuery) F(cuThreadExchangeStreamCaptureMode)
#define DECLARE(f) __typeof__(&f) f##_;
static struct {
  FOR_EACH_FUNCTION(DECLARE)
} cu;
#define TEXT_(f) #f
#define TEXT(f) TEXT_(f) /* expands cuCtxPushCurrent to the version that cuda.h means */
#define FIND(f) if (!(*(void **)&cu.f##_ = dlsym(driver, TEXT(f)))) return -1;

typedef struct {
  uint32_t request, pad0[15];
  uint64_t begun, ended, pad1[6];
  uint64_t reply[EXCHANGES];
} page_layout; /* of ping_ptx.h */

typedef struct {
  CUcontext context;   /* NULL: free */
  uint32_t generation; /* of what is here: a later context may have an earlier one's address */
  uint32_t prepared;   /* the generation that the rest is of; the rest is the thread's own */
  enum { SEEN, READY, FAILED } state;
  const char *clock;
  CUfunction kernel;
  CUstream stream;
  page_layout *page;
  CUdeviceptr page_gpu;
  uint64_t last_ns, launches; /* of the last burst */
} gpu;

static gpu gpus[CONTEXTS];
static uint32_t generation; /* of the youngest context, or the last that went */
static pthread_mutex_t claiming = PTHREAD_MUTEX_INITIALIZER; /* of places in gpus; held for no call */
static pthread_mutex_t bursting = PTHREAD_MUTEX_INITIALIZER; /* a context must not go while it is pinged */
static pthread_mutex_t remembering = PTHREAD_MUTEX_INITIALIZER; /* CUPTI may deliver records in any thread */
static struct {
  uint32_t correlation;
  const char *clock;
  uint64_t begun, ended;
} remembered[REMEMBERED];
static unsigned n_remembered;
uint64_t tjc_pings_refused;

static uint64_t launches, waited_for; /* launches so far, and how many of them the program has waited for */
static int stopping, running;
static uint64_t stop_by_ns; /* before stopping is set: when the last bursts must have begun */
static pthread_t thread;
static void (*flush_records)(void), (*recorder_gone)(void);
static uint32_t process;
static __thread int pinging;
static __thread uint32_t ping_correlation;

const char *tjc_clock_of(uint32_t device) {
  static pthread_mutex_t naming = PTHREAD_MUTEX_INITIALIZER; /* held for no call */
  static char clocks[DEVICES][24];
  if (device >= DEVICES) return "gpu";
  char *clock = clocks[device];
  if (__atomic_load_n(&clock[0], __ATOMIC_ACQUIRE)) return clock;
  char bus[16] = "";
  if (cu.cuDeviceGetPCIBusId_) cu.cuDeviceGetPCIBusId_(bus, sizeof bus, (CUdevice)device);
  pthread_mutex_lock(&naming);
  if (!clock[0]) {
    snprintf(clock + 1, sizeof clocks[0] - 1, bus[0] ? "pu:%s" : "pu", bus);
    __atomic_store_n(&clock[0], 'g', __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&naming);
  return clock;
}

/* ---- From the program's threads -------------------------------------------------------------- */

/* Without the lock: a program that goes from GPU to GPU must not wait for bursts. */
static gpu *find(CUcontext context) {
  for (gpu *g = gpus; g < gpus + CONTEXTS; g++)
    if (__atomic_load_n(&g->context, __ATOMIC_ACQUIRE) == context) return g;
  return NULL;
}

static void note_context(CUcontext context) {
  if (find(context)) return;
  pthread_mutex_lock(&claiming);
  gpu *room = find(context) ? NULL : find(NULL);
  if (room) {
    __atomic_store_n(&room->generation, __atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    __atomic_store_n(&room->context, context, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&claiming);
}

int tjc_ping_launching(CUcontext context, uint32_t correlation) {
  static __thread CUcontext last;
  static __thread uint32_t known; /* generation at that launch: a context that went may have left its address */
  if (pinging) {
    ping_correlation = correlation;
    return 1;
  }
  __atomic_fetch_add(&launches, 1, __ATOMIC_RELAXED);
  uint32_t now = __atomic_load_n(&generation, __ATOMIC_RELAXED);
  if (__builtin_expect(context != last || known != now, 0) && __atomic_load_n(&running, __ATOMIC_RELAXED))
    note_context(context);
  last = context;
  known = now;
  return 0;
}

void tjc_ping_idle(void) {
  __atomic_store_n(&waited_for, __atomic_load_n(&launches, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

void tjc_ping_forget(CUcontext context) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec++; /* a burst takes a millisecond; a driver that holds a lock of its own must not hang the program */
  int locked = pthread_mutex_timedlock(&bursting, &until) == 0;
  gpu *g = find(context);
  if (g) __atomic_store_n(&g->context, NULL, __ATOMIC_RELEASE); /* its memory goes with it */
  __atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
  if (locked) pthread_mutex_unlock(&bursting);
}

void tjc_ping_recorded(uint32_t correlation, uint64_t start_ns, uint64_t end_ns) {
  char clock[64];
  uint64_t begun = 0, ended = 0;
  pthread_mutex_lock(&remembering);
  for (int i = 0; i < REMEMBERED; i++)
    if (remembered[i].correlation == correlation && remembered[i].clock) {
      snprintf(clock, sizeof clock, "%s cupti:%d.%u", remembered[i].clock, (int)getpid(), process);
      begun = remembered[i].begun;
      ended = remembered[i].ended;
      remembered[i].clock = NULL;
    }
  pthread_mutex_unlock(&remembering);
  if (!begun || !ended) return;
  tj_exchange(clock, start_ns, begun, end_ns);
  tj_exchange(clock, start_ns, ended, end_ns);
}

/* ---- The thread ------------------------------------------------------------------------------- */

/* With the context current. Where the driver cannot make the kernel (before Volta, or told not to compile), that
   is said once and counted. */
static int prepare(gpu *g) {
  CUdevice device;
  CUmodule module;
  int least, greatest;
  void *page;
  if (cu.cuCtxGetDevice_(&device) || cu.cuModuleLoadData_(&module, tjc_ping_ptx) ||
      cu.cuModuleGetFunction_(&g->kernel, module, tjc_ping_kernel) ||
      cu.cuCtxGetStreamPriorityRange_(&least, &greatest) ||
      cu.cuStreamCreateWithPriority_(&g->stream, CU_STREAM_NON_BLOCKING, greatest) ||
      cu.cuMemHostAlloc_(&page, sizeof(page_layout), CU_MEMHOSTALLOC_DEVICEMAP) ||
      cu.cuMemHostGetDevicePointer_(&g->page_gpu, page, 0)) {
    if (__atomic_fetch_add(&tjc_pings_refused, 1, __ATOMIC_RELAXED) == 0)
      fprintf(stderr, "truejoule: no clock exchanges with the GPU: its driver does not take the ping kernel\n");
    return FAILED;
  }
  g->page = page;
  g->clock = tjc_clock_of((uint32_t)device);
  return READY;
}

/* Waits for a word that the GPU writes; sleeps between looks when told to. */
static uint64_t await(const uint64_t *word, uint64_t ms, unsigned sleep_us) {
  uint64_t value, until = tj_now() + ms * MS;
  while (!(value = __atomic_load_n(word, __ATOMIC_ACQUIRE)) && tj_now() < until)
    if (sleep_us) usleep(sleep_us);
  return value;
}

static int launch(gpu *g) {
  unsigned count = EXCHANGES;
  void *arguments[] = {&g->page_gpu, &count};
  memset(g->page, 0, sizeof *g->page);
  pinging = 1;
  CUresult r = cu.cuLaunchKernel_(g->kernel, 1, 1, 1, 1, 1, 1, 0, g->stream, arguments, NULL);
  pinging = 0;
  return r == CUDA_SUCCESS;
}

static int exchange(page_layout *page, uint64_t (*e)[3]) {
  int n = 0;
  for (; n < EXCHANGES; n++) {
    e[n][0] = tj_now();
    __atomic_store_n(&page->request, (uint32_t)n + 1, __ATOMIC_RELEASE);
    if (!(e[n][1] = await(&page->reply[n], ANSWER_MS, 0))) break;
    e[n][2] = tj_now();
  }
  return n;
}

/* With the context current. A burst that the GPU has no room for is given up; the kernel then ends itself. */
static void burst(gpu *g) {
  uint64_t e[EXCHANGES][3];
  if (cu.cuStreamQuery_(g->stream) == CUDA_ERROR_NOT_READY || !launch(g)) return;
  if (!await(&g->page->begun, START_MS, 20)) return;
  int n = exchange(g->page, e);
  uint64_t ended = await(&g->page->ended, ANSWER_MS, 0);
  for (int i = 0; i < n; i++) tj_exchange(g->clock, e[i][0], e[i][1], e[i][2]);
  pthread_mutex_lock(&remembering);
  unsigned at = n_remembered++ % REMEMBERED;
  remembered[at].correlation = ping_correlation;
  remembered[at].clock = g->clock;
  remembered[at].begun = g->page->begun;
  remembered[at].ended = ended;
  pthread_mutex_unlock(&remembering);
}

static int due(const gpu *g, int last) {
  uint64_t n = __atomic_load_n(&launches, __ATOMIC_RELAXED), since = tj_now() - g->last_ns;
  if (g->state == SEEN) return 1;
  if (g->state != READY || n == g->launches) return 0;
  int idle = __atomic_load_n(&waited_for, __ATOMIC_RELAXED) >= n;
  return last || since >= (idle ? IDLE_MS : BUSY_MS) * MS;
}

/* With the lock of bursts, so that the context stays. */
static int visit(gpu *g, CUcontext context, int last) {
  CUcontext popped;
  uint32_t now = __atomic_load_n(&g->generation, __ATOMIC_RELAXED);
  if (g->prepared != now) { /* another context than the one that was here */
    g->state = SEEN;
    g->launches = g->last_ns = 0;
    g->prepared = now;
  }
  if (!due(g, last) || cu.cuCtxPushCurrent_(context)) return 0;
  if (g->state == SEEN) g->state = prepare(g);
  g->launches = __atomic_load_n(&launches, __ATOMIC_RELAXED);
  if (g->state == READY) burst(g);
  g->last_ns = tj_now();
  cu.cuCtxPopCurrent_(&popped);
  return 1;
}

/* Whether a burst may begin. A round that is under way when the program ends, of many contexts on a full GPU, would
   else take seconds. */
static int time_left(void) {
  return !__atomic_load_n(&stopping, __ATOMIC_ACQUIRE) || tj_now() < stop_by_ns;
}

static int round_of_bursts(int last) {
  int done = 0;
  for (gpu *g = gpus; g < gpus + CONTEXTS && time_left(); g++) {
    pthread_mutex_lock(&bursting);
    CUcontext context = __atomic_load_n(&g->context, __ATOMIC_ACQUIRE);
    if (context) done |= visit(g, context, last);
    pthread_mutex_unlock(&bursting);
  }
  return done;
}

static void *loop(void *unused) {
  (void)unused;
  /* Another thread's graph capture must not forbid this one's work, nor be broken by it. */
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  cu.cuThreadExchangeStreamCaptureMode_(&mode);
  for (int last = 0; !last;) {
    usleep(LOOK_MS * 1000);
    last = __atomic_load_n(&stopping, __ATOMIC_ACQUIRE);
    if (!tj_recording()) return recorder_gone(), NULL; /* the GPU is the program's alone again */
    if (round_of_bursts(last) && !last) flush_records();
  }
  return NULL;
}

int tjc_ping_start(void (*flush)(void), void (*over)(void), uint32_t own_process) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (!driver) return -1;
  FOR_EACH_FUNCTION(FIND)
  flush_records = flush;
  recorder_gone = over;
  process = own_process;
  sigset_t all, before; /* the program's signals stay with its own threads */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int started = pthread_create(&thread, NULL, loop, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  __atomic_store_n(&running, started, __ATOMIC_RELAXED);
  return started ? 0 : -1;
}

void tjc_ping_stop(void) {
  if (!__atomic_load_n(&running, __ATOMIC_RELAXED)) return;
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += JOIN_S;
  stop_by_ns = tj_now() + LAST_MS * MS;
  __atomic_store_n(&stopping, 1, __ATOMIC_RELEASE);
  if (pthread_timedjoin_np(thread, NULL, &until) == 0) __atomic_store_n(&running, 0, __ATOMIC_RELAXED);
}

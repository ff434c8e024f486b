/*
 * A CUDA program on the fake GPU: loads the injection library as the driver would, then launches.
 * program LIBRARY LAUNCHES [MODE]: kernels of 5 to 50 µs, two names, 1 ms apart, waiting for every tenth.
 * Prints the number of launches. MODE:
 *   abrupt    ends by _exit, as forked workers do
 *   capture   every fifth launch is captured into a graph
 *   reset     the context is destroyed half way; the new one has the old one's address
 *   contexts  each launch in the next of 40 contexts: more than the library keeps
 *   nameless  kernels whose names CUPTI does not know
 *   nvtx      ranges whose text changes and is freed, two of them nested, beyond what any table holds
 *   outlive   waits until the recorder has ended, launches as fast as it can, prints what is still watched
 *   texts     NVTX texts of any kind: 64 KiB, invalid UTF-8, escapes, empty; as ranges and as instants
 *   threads   8 threads at once: launches in contexts that come and go, names old and new, captures, ranges
 *   names     as many kernel names as launches, of 150 bytes that differ only in their end
 */
#include <cuda.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern void fake_marker(unsigned id, int start, const char *name);
extern int fake_enabled(void);
extern void fake_use(unsigned long context);

static void launch(const char *name, int i) {
  cuLaunchKernel((CUfunction)(void *)name, 5000 + 5000 * (unsigned)(i % 10), 1, 1, 1, 1, 1, 0, 0, 0, 0);
}

static void range(unsigned id, int start, const char *text) {
  char *name = text ? strdup(text) : NULL;
  fake_marker(id, start, name);
  free(name);
}

static void nvtx(int n) {
  char text[200];
  for (int i = 0; i < n; i++) {
    snprintf(text, sizeof text, "outer %d %0120d", i, i);
    range(2 * (unsigned)i, 1, text);
    snprintf(text, sizeof text, "iteration %d", i);
    range(2 * (unsigned)i + 1, 1, text);
    range(2 * (unsigned)i + 1, 0, NULL);
    range(2 * (unsigned)i, 0, NULL);
  }
}

static void texts(int n) {
  static char text[1 << 16];
  static const char *const odd[] = {"", "\x1b]0;owned\a\x1b[2J", "\xff\xfe\xc3", "\xc3", "a\nb", "é🔥"};
  for (int i = 0; i < n; i++) {
    int k = i % 7;
    memset(text, i % 2 ? 'x' : 0xa9, sizeof text - 1); /* continuation bytes alone: no place to cut at */
    range(4 * (unsigned)i, 1, k < 6 ? odd[k] : text);
    range(4 * (unsigned)i + 1, -1, k < 6 ? odd[k] : text);
    range(4 * (unsigned)i, 0, NULL);
  }
}

struct worker {
  int number, launches;
};

static void *worked(void *arg) {
  const struct worker *w = arg;
  char name[64];
  CUgraph graph;
  for (int i = 0; i < w->launches; i++) {
    fake_use(1 + (unsigned long)((i / 20 + w->number) % 40));
    snprintf(name, sizeof name, "kernel_%d", i % 50);
    if (i % 25 == 0) cuStreamBeginCapture(0, CU_STREAM_CAPTURE_MODE_GLOBAL);
    launch(i % 3 ? "shared" : strdup(name), i);
    if (i % 25 == 0) cuStreamEndCapture(0, &graph);
    if (i % 10 == 9) cuCtxSynchronize();
    if (i % 100 == 50) cuCtxDestroy((CUcontext)(1 + (unsigned long)w->number));
    if (i % 10 == 5) {
      unsigned id = (unsigned)(w->number * 100000 + i);
      range(id, 1, name);
      range(id, 0, NULL);
    }
    if (i % 50 == 0) usleep(5000);
  }
  return NULL;
}

static void threads(int n) {
  enum { THREADS = 8 };
  pthread_t t[THREADS];
  struct worker w[THREADS];
  for (int k = 0; k < THREADS; k++) {
    w[k] = (struct worker){k, n / THREADS};
    pthread_create(&t[k], NULL, worked, &w[k]);
  }
  for (int k = 0; k < THREADS; k++) pthread_join(t[k], NULL);
}

static void outlive(int n) {
  char folder[512];
  struct stat s;
  snprintf(folder, sizeof folder, "%s", getenv("TRUEJOULE_MARKS"));
  puts("waiting");
  fflush(stdout);
  while (!stat(folder, &s)) usleep(10000);
  for (int i = 0; i < n; i++) launch("late", i);
  while (fake_enabled()) usleep(1000); /* for good where nobody lets go: the test's time is over then */
}

int main(int argc, char **argv) {
  void *library = argc > 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
  int (*start)(void);
  *(void **)&start = dlsym(library, "InitializeInjection");
  if (!start()) return 2;
  int n = atoi(argv[2]);
  const char *mode = argc > 3 ? argv[3] : "";
  if (!strcmp(mode, "nvtx")) return nvtx(n), 0;
  if (!strcmp(mode, "texts")) return texts(n), 0;
  if (!strcmp(mode, "threads")) return threads(n), printf("%d\n", n), 0;
  if (!strcmp(mode, "outlive")) launch("early", 0), outlive(n), n = 0;
  for (int i = 0; i < n; i++) {
    CUgraph graph;
    char name[200];
    int captured = !strcmp(mode, "capture") && i % 5 == 0;
    snprintf(name, sizeof name, "%0150d", i);
    if (!strcmp(mode, "contexts")) fake_use(1 + (unsigned long)(i % 40));
    if (captured) cuStreamBeginCapture(0, CU_STREAM_CAPTURE_MODE_GLOBAL);
    launch(!strcmp(mode, "nameless") ? "" : !strcmp(mode, "names") ? strdup(name) : i % 2 ? "_ZN2at6native4gemmILi4EEEvi" : "elementwise", i);
    if (captured) cuStreamEndCapture(0, &graph);
    if (i % 10 == 9) cuCtxSynchronize();
    if (!strcmp(mode, "reset") && i == n / 2) cuCtxDestroy((CUcontext)1);
    if (strcmp(mode, "names")) usleep(1000);
    else if (i % 1000 == 0) usleep(20000);
  }
  printf("%d\n", n);
  fflush(stdout);
  if (!strcmp(mode, "abrupt")) _exit(0);
  return 0;
}

/*
 * A CUDA program on the fake GPU: loads the injection library as the driver would, then launches.
 * program LIBRARY LAUNCHES [MODE]: kernels of 5 to 50 µs, two names, 1 ms apart, waiting for every tenth.
 * Prints the number of launches. MODE:
 *   abrupt    ends by _exit, as forked workers do
 *   capture   every fifth launch is captured into a graph
 *   reset     the context is destroyed half way; the new one has the old one's address
 *   nameless  a kernel whose name CUPTI does not know
 *   nvtx      ranges whose text changes and is freed, two of them nested, beyond what any table holds
 *   outlive   waits until the recorder has ended, launches as fast as it can, prints what is still watched
 *   names     as many kernel names as launches, of 150 bytes that differ only in their end
 */
#include <cuda.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern void fake_marker(unsigned id, int start, const char *name);
extern int fake_enabled(void);

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
  if (!strcmp(mode, "outlive")) launch("early", 0), outlive(n), n = 0;
  for (int i = 0; i < n; i++) {
    CUgraph graph;
    char name[200];
    int captured = !strcmp(mode, "capture") && i % 5 == 0;
    snprintf(name, sizeof name, "%0150d", i);
    if (captured) cuStreamBeginCapture(0, CU_STREAM_CAPTURE_MODE_GLOBAL);
    launch(!strcmp(mode, "names") ? strdup(name) : i % 2 ? "_ZN2at6native4gemmILi4EEEvi" : "elementwise", i);
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

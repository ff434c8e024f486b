/* The C client put through its paces for the tests: one mode a run, each documented at its function. */
#include "truejoule.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static void die(const char *what) {
  fprintf(stderr, "writer: %s\n", what);
  exit(2);
}

/* emit KIND NAME T AUX ID [i:key:value | f:key:value | b:key:0 | s:key:text]…: one mark as the vectors have it. */
static void emit(char **a) {
  tj_field fields[16];
  tj_event e = {(uint8_t)atoi(a[0]), a[1], 0, strtoull(a[2], 0, 10), strtoull(a[3], 0, 10),
                strtoull(a[4], 0, 10), fields, 0};
  for (char **f = a + 5; *f; f++) {
    char *key = *f + 2, *value = strchr(key, ':');
    *value++ = 0;
    fields[e.n_fields++] = **f == 'i'   ? tj_int(key, strtoll(value, 0, 10))
                           : **f == 'f' ? tj_float(key, strtod(value, 0))
                           : **f == 'b' ? tj_bool(key, atoi(value))
                                        : tj_str(key, value);
  }
  tj_emit(&e);
}

/* Waits until the recorder is at most half a ring behind: a burst without loss. */
static void pace(void) {
  uintptr_t s = tj__get();
  uint64_t *head = (uint64_t *)(void *)(tj__base(s) + 64), *tail = (uint64_t *)(void *)(tj__base(s) + 192);
  while (__atomic_load_n(head, __ATOMIC_RELAXED) >
         __atomic_load_n(tail, __ATOMIC_RELAXED) + tj__capacity(s) / 2)
    usleep(200);
}

struct job {
  long marks;
  int number, paced;
};

/* Marks whose parts check each other: a torn one cannot pass. */
static void *work(void *arg) {
  struct job *j = arg;
  char name[16];
  snprintf(name, sizeof name, "w%d", j->number);
  for (long i = 0; i < j->marks; i++) {
    if (j->paced && (i & 63) == 0) pace();
    TJ_MARK(name, tj_int("i", i), tj_int("minus", -i), tj_int("w", j->number));
  }
  return NULL;
}

/* burst MARKS THREADS FIRST_NUMBER PACED: so many marks from each of so many threads. */
static void burst(char **a) {
  int threads = atoi(a[1]);
  pthread_t t[64];
  struct job j[64];
  for (int k = 0; k < threads; k++) {
    j[k] = (struct job){atol(a[0]), atoi(a[2]) + k, atoi(a[3])};
    if (pthread_create(&t[k], NULL, work, &j[k])) die("pthread_create");
  }
  for (int k = 0; k < threads; k++) pthread_join(t[k], NULL);
}

/* die: takes a number and the slot, then is killed before it completes the mark. */
static void die_inside(void) {
  uintptr_t s = tj__get();
  tj_mark("before");
  uint64_t i = __atomic_fetch_add((uint64_t *)(void *)(tj__base(s) + 64), 1, __ATOMIC_RELAXED);
  uint8_t *slot = tj__base(s) + 4096 + (i & (tj__capacity(s) - 1)) * 256;
  __atomic_store_n((uint64_t *)(void *)slot, 2 * i + 1, __ATOMIC_RELEASE);
  memset(slot + 8, 0xee, 100);
  raise(SIGKILL);
}

/* fork: one mark from the parent before, one from the child, one from the parent after. */
static void forked(void) {
  tj_mark("parent");
  pid_t child = fork();
  if (child == 0) {
    tj_mark("child");
    _exit(0);
  }
  waitpid(child, NULL, 0);
  tj_mark("parent again");
}

/* outlive MARKS: one mark, then, once the recorder has ended, so many more; says how many of these were begun. */
static void outlive(long n) {
  uintptr_t s = tj__get();
  uint64_t *head = (uint64_t *)(void *)(tj__base(s) + 64);
  tj_mark("before");
  while (tj_recording()) usleep(1000);
  uint64_t at = __atomic_load_n(head, __ATOMIC_RELAXED);
  for (long i = 0; i < n; i++) tj_mark("after");
  printf("%llu written after the end\n", (unsigned long long)(__atomic_load_n(head, __ATOMIC_RELAXED) - at));
}

/* api: every helper once. */
static void api(void) {
  TJ_MARK("fields", tj_int("batch_size", 8), tj_float("load", 0.5), tj_bool("hop", 1), tj_str("request", "r-17"));
  uint64_t outer = TJ_BEGIN("decode", tj_int("n", 1)), inner = tj_begin("decode");
  tj_end("decode", outer);
  TJ_END("decode", inner, tj_int("tokens", 3));
  tj_span("known later", 1000, 2000);
  tj_submit("gemm", 42);
  const char *kernel = "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_256x128_32x3_nn_align8>"
                       "(cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_256x128_32x3_nn_align8::Params)";
  tj_event e = {TJ_KIND_KERNEL, kernel, tj_intern(kernel), 3000, 4000, 42, NULL, 0};
  tj_emit(&e);
  tj_exchange("gpu0", 5000, UINT64_C(9007199254740993), 5002);
  tj_emit(&(tj_event){TJ_KIND_INSTANT, kernel, 0, 0, 0, 0, NULL, 0});
}

/* long: names of 65,536 bytes and of one more, kept; each is also the name of a mark. */
static void long_names(void) {
  static char name[65538];
  for (size_t n = 65536; n <= 65537; n++) {
    memset(name, 'a' + (int)(n & 1), n);
    tj_event e = {TJ_KIND_INSTANT, name, tj_intern(name), 0, 0, 0, NULL, 0};
    tj_emit(&e);
  }
}

/* other USER: one mark as that user; then what errno was, which is the program's own. */
static void other(int user) {
  if (setuid((uid_t)user)) die("setuid");
  errno = 77;
  tj_mark("of another");
  printf("errno %d\n", errno);
}

/* plugin LIBRARY TIMES: opens a library that marks (built from this file), lets it mark, closes it. Prints how many
   mappings of a ring are left. */
static void plugin(const char *library, int times) {
  char line[4096];
  int left = 0;
  for (int i = 0; i < times; i++) {
    void *handle = dlopen(library, RTLD_NOW);
    void (*mark)(void);
    if (!handle) die(dlerror());
    *(void **)&mark = dlsym(handle, "plugged");
    mark();
    dlclose(handle);
  }
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof line, maps)) left += strstr(line, "shared.ring") != NULL;
  printf("%d left\n", left);
}
void plugged(void);
void plugged(void) { tj_mark("plugged"); }

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (!strcmp(mode, "emit") && argc > 6) emit(argv + 2);
  else if (!strcmp(mode, "burst") && argc == 6) burst(argv + 2);
  else if (!strcmp(mode, "die")) die_inside();
  else if (!strcmp(mode, "fork")) forked();
  else if (!strcmp(mode, "api")) api();
  else if (!strcmp(mode, "long")) long_names();
  else if (!strcmp(mode, "outlive") && argc == 3) outlive(atol(argv[2]));
  else if (!strcmp(mode, "other") && argc == 3) other(atoi(argv[2]));
  else if (!strcmp(mode, "plugin") && argc == 4) plugin(argv[2], atoi(argv[3]));
  else die("unknown mode");
  return 0;
}

/*
 * Writers that count what they do, for the sanitizers. Each thread or process that marks is a writer with a number
 * of its own; its marks carry that number and their own, so a mark that was lost shows as a gap.
 *
 *   storm threads WRITERS MARKS CAPACITY START
 *     Writers and a reader (reader.h) in one process, in a ring of its own whose head begins at START. In a ring with
 *     room for all of it (a reader gives up at three quarters) nothing is overwritten: then the reader waits for each
 *     mark and reads it in place, which ThreadSanitizer follows. Fails unless what came is whole and in order and what did not is counted, to the mark.
 *   storm processes FILE FIRST WRITERS MARKS CHILDREN CHILD_MARKS
 *     Writers FIRST, FIRST + 1 … in threads, and meanwhile CHILDREN processes of one writer each, forked and spawned
 *     in turn. Each writer leaves in FILE how many marks it began and how many are done, so
 *     that whoever kills it knows.
 *   storm exit MARKS
 *     main returns while three threads mark.
 */
#include "reader.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

enum { WRITERS = 256, NAMES = 1 << 20 };

static struct writer {
  uint64_t begun, done;
} *progress;
static uint64_t marks, child_marks, next[WRITERS], gaps[WRITERS];
static int in_place;
static uint32_t tid[WRITERS];

static void die(const char *what) {
  fprintf(stderr, "storm: %s\n", what);
  _exit(2);
}

/* ---- A writer --------------------------------------------------------------------------------- */

/* A long name that every writer keeps at the same time as the others, and anew each time. */
static const char *kept_name(uint64_t i, char *into) {
  sprintf(into, "a name that is kept %0100llu", (unsigned long long)i);
  return into;
}

/* Mark i of writer w. Every 64th has its name in the names area. */
static tj_event event_of(uint64_t i, int w, tj_field *fields, char *name) {
  fields[0] = tj_int("i", (int64_t)i);
  fields[1] = tj_int("minus", -(int64_t)i);
  fields[2] = tj_int("w", w);
  return (tj_event){TJ_KIND_INSTANT, i % 64 ? "w" : kept_name(i, name), 0, 0, i, 0, fields, 3};
}

static void write_marks(int w, uint64_t marks_of_it) {
  char name[160];
  tj_field fields[3];
  __atomic_store_n(&tid[w], (uint32_t)syscall(SYS_gettid), __ATOMIC_RELAXED);
  for (uint64_t i = 0; i < marks_of_it; i++) {
    tj_event e = event_of(i, w, fields, name);
    if (i % 64 == 0) e.name_ref = tj_intern(e.name);
    __atomic_store_n(&progress[w].begun, i + 1, __ATOMIC_RELAXED);
    tj_emit(&e);
    __atomic_store_n(&progress[w].done, i + 1, __ATOMIC_RELAXED);
  }
}

static void *work(void *arg) {
  write_marks((int)(intptr_t)arg, marks);
  return NULL;
}

static void start(pthread_t *t, int first, int n) {
  for (int k = 0; k < n; k++)
    if (pthread_create(&t[k], NULL, work, (void *)(intptr_t)(first + k))) die("pthread_create");
}

/* ---- threads ---------------------------------------------------------------------------------- */

static void make_ring(char *folder, uint32_t capacity, uint64_t head) {
  char path[128];
  uint32_t sizes[] = {1, TJ__SLOT_BYTES, capacity, NAMES};
  uint64_t names_head = 8;
  if (!mkdtemp(folder) || setenv("TRUEJOULE_MARKS", folder, 1)) die("mkdtemp");
  snprintf(path, sizeof path, "%s/shared.ring", folder);
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0 || ftruncate(fd, TJ__HEADER_BYTES + (off_t)capacity * TJ__SLOT_BYTES + NAMES) ||
      pwrite(fd, "TJMARKS", 8, 0) != 8 || pwrite(fd, sizes, sizeof sizes, 8) != sizeof sizes ||
      pwrite(fd, &names_head, 8, TJ__AT_NAMES_HEAD) != 8 || pwrite(fd, &head, 8, TJ__AT_HEAD) != 8)
    die("cannot make a ring");
  /* Each slot as the lap before has left it: one of 0 would look like a later lap's where low words are compared. */
  for (uint64_t i = head; head && i < head + capacity; i++) {
    uint64_t seq = 2 * (i - capacity) + 2;
    if (pwrite(fd, &seq, 8, TJ__HEADER_BYTES + (off_t)(i & (capacity - 1)) * TJ__SLOT_BYTES) != 8) die("pwrite");
  }
  close(fd);
}

static int is(const void *bytes, const char *name, size_t length) {
  return length == strlen(name) && !memcmp(bytes, name, length);
}

/* A mark is what its writer would write again, byte for byte; a kept name is the one that it kept. */
static void take(const reader *r) {
  uint64_t expected[TJ__SLOT_BYTES / 8] = {0};
  const uint64_t *slot = in_place ? reader_slot(r, r->tail) : r->slot;
  const uint8_t *bytes = (const uint8_t *)(const void *)slot;
  uint64_t i = slot[2];
  size_t name_bytes = bytes[42];
  char name[160];
  tj_field fields[3];
  int64_t w;
  memcpy(&w, bytes + TJ__AT_PAYLOAD + name_bytes + 29, 8); /* behind 3 + 8 bytes of i, 7 + 8 of minus, 3 */
  if (w < 0 || w >= WRITERS || i >= marks) die("torn: no such writer or mark");
  tj_event e = event_of(i, (int)w, fields, name);
  if (bytes[41] & TJ__NAME_REFERENCE) memcpy(&e.name_ref, bytes + TJ__AT_PAYLOAD, 4);
  tj__fill((uint8_t *)expected, &e, slot[1], 0);
  expected[4] = (uint32_t)getpid() | (uint64_t)__atomic_load_n(&tid[w], __ATOMIC_RELAXED) << 32;
  size_t used = TJ__AT_PAYLOAD + name_bytes + (bytes[44] | (size_t)bytes[45] << 8);
  if (memcmp(expected + 1, slot + 1, used - 8)) die("torn: not what its writer wrote");
  if (e.name_ref) {
    const uint8_t *entry = r->base + TJ__HEADER_BYTES + r->capacity * TJ__SLOT_BYTES + e.name_ref;
    if (!is(entry + 4, e.name, __atomic_load_n((const uint32_t *)(const void *)entry, __ATOMIC_ACQUIRE)))
      die("a kept name is not the one that was kept");
  }
  if (i < next[w]) die("taken twice, or out of order");
  gaps[w] += i - next[w];
  next[w] = i + 1;
}

static void threads(char **a) {
  static struct writer own[WRITERS];
  char folder[] = "/tmp/truejoule-storm-XXXXXX", path[128];
  int writers = atoi(a[0]);
  uint64_t first = strtoull(a[3], 0, 10), lost = 0, received = 0;
  pthread_t t[WRITERS];
  progress = own;
  marks = strtoull(a[1], 0, 10);
  in_place = marks * (uint64_t)writers <= strtoull(a[2], 0, 10) * 3 / 4;
  make_ring(folder, (uint32_t)atoi(a[2]), first);
  start(t, 0, writers); /* they race to open the ring */
  uintptr_t state = tj__get();
  reader r = {.base = tj__base(state), .capacity = tj__capacity(state), .tail = first,
              .patience_ns = in_place ? UINT64_MAX : 1000000000u};
  for (int running = writers; running;) {
    reader_poll(&r, 0, take);
    while (running && __atomic_load_n(&own[running - 1].done, __ATOMIC_RELAXED) == marks) running--;
  }
  for (int k = 0; k < writers; k++) pthread_join(t[k], NULL);
  reader_poll(&r, 1, take);
  for (int w = 0; w < writers; w++) {
    gaps[w] += marks - next[w];
    if (gaps[w] > marks) die("more lost than made");
    lost += gaps[w];
    received += marks - gaps[w];
  }
  if (r.tail - first != marks * (uint64_t)writers) die("not as many numbers as marks");
  if (lost != r.overrun + r.abandoned) die("what is missing is not what was counted");
  printf("%llu received, %llu lost\n", (unsigned long long)received, (unsigned long long)lost);
  snprintf(path, sizeof path, "%s/shared.ring", folder);
  unlink(path);
  rmdir(folder);
}

/* ---- processes -------------------------------------------------------------------------------- */

static void map_progress(const char *file) {
  int fd = open(file, O_RDWR);
  void *p = fd < 0 ? MAP_FAILED : mmap(NULL, WRITERS * sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) die("cannot map the file");
  close(fd);
  progress = p;
}

extern char **environ;

/* One writer in a process of its own. */
static void child(const char *file, int w, const char *n, int anew) {
  char number[16];
  pid_t pid;
  sprintf(number, "%d", w);
  char *const argv[] = {"storm", "processes", (char *)file, number, "1", (char *)n, "0", "0", NULL};
  if (anew) {
    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ)) die("posix_spawn");
    return;
  }
  pid = fork();
  if (pid < 0) die("fork");
  if (pid) return;
  write_marks(w, child_marks);
  _exit(0);
}

static void processes(char **a) {
  int first = atoi(a[1]), writers = atoi(a[2]), children = atoi(a[4]);
  pthread_t t[WRITERS];
  map_progress(a[0]);
  marks = strtoull(a[3], 0, 10);
  child_marks = strtoull(a[5], 0, 10); /* before any thread reads: a child has the memory of all of them */
  start(t, first, writers);
  for (int k = 0; k < children; k++) child(a[0], first + writers + k, a[5], k % 2);
  for (int k = 0; k < writers; k++) pthread_join(t[k], NULL);
  while (wait(NULL) > 0) {}
}

/* ---- exit ------------------------------------------------------------------------------------- */

static void *forever(void *unused) {
  for (;;) tj_mark("until the end");
  return unused;
}

static void leave(char **a) {
  pthread_t t;
  for (int k = 0; k < 3; k++)
    if (pthread_create(&t, NULL, forever, NULL)) die("pthread_create");
  for (int i = atoi(a[0]); i; i--) tj_mark("main");
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (!strcmp(mode, "threads") && argc == 6) threads(argv + 2);
  else if (!strcmp(mode, "processes") && argc == 8) processes(argv + 2);
  else if (!strcmp(mode, "exit") && argc == 3) leave(argv + 2);
  else die("unknown mode");
  return 0;
}

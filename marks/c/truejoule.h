/*
 * Event marks for truejoule from C11 and C++11 (gcc or clang, Linux): docs/marks.md.
 *
 *   tj_mark("first_token");
 *   TJ_MARK("prefill_start", tj_int("batch_size", 8), tj_str("request", id));
 *   uint64_t span = tj_begin("decode");  ...  tj_end("decode", span);
 *
 * In: calls from any thread of any process. Out: slots of the shared ring that TRUEJOULE_MARKS leads to.
 * Without that variable a call is a load and a branch. Nothing is allocated and nothing waits; a mark
 * that finds its slot held is dropped, and the recorder counts it. Once the recorder has ended, nothing is
 * written any more and the program runs on. Include it before other headers, or
 * compile with -std=gnu11: strict C11 hides clock_gettime.
 */
#ifndef TRUEJOULE_H
#define TRUEJOULE_H

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __cplusplus
#include <initializer_list>
extern "C" {
#endif

#ifndef CLOCK_MONOTONIC
#error "truejoule.h: include it before other headers, or compile with -std=gnu11"
#endif

/* ---- What a program uses ------------------------------------------------------------------------ */

enum {
  TJ_KIND_BEGIN = 1,
  TJ_KIND_END = 2,
  TJ_KIND_INSTANT = 3,
  TJ_KIND_SPAN = 4,
  TJ_KIND_SUBMIT = 5,
  TJ_KIND_KERNEL = 6,
  TJ_KIND_EXCHANGE = 7
};

/* A field of a mark, made by tj_int, tj_float, tj_bool or tj_str. Text is copied when the mark is made. */
typedef struct {
  const char *key;
  uint8_t type; /* of docs/marks.md */
  int64_t i;
  double f;
  const char *s;
} tj_field;

/* A mark in full; the helpers below fill one. aux and id mean what docs/marks.md says for the kind. */
typedef struct {
  uint8_t kind;
  const char *name;  /* UTF-8, cut at 96 bytes */
  uint32_t name_ref; /* from tj_intern: used instead of name; 0 for none */
  uint64_t t_ns;     /* CLOCK_MONOTONIC; 0 for now */
  uint64_t aux;
  uint64_t id; /* 0 in a begin: the mark's own number */
  const tj_field *fields;
  int n_fields;
} tj_event;

static inline tj_field tj_int(const char *key, int64_t value) {
  tj_field f = {key, 1, value, 0, NULL};
  return f;
}
static inline tj_field tj_float(const char *key, double value) {
  tj_field f = {key, 2, 0, value, NULL};
  return f;
}
static inline tj_field tj_bool(const char *key, int value) {
  tj_field f = {key, 3, value != 0, 0, NULL};
  return f;
}
static inline tj_field tj_str(const char *key, const char *value) {
  tj_field f = {key, 4, 0, 0, value};
  return f;
}

/* CLOCK_MONOTONIC, ns. */
static inline uint64_t tj_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Whether marks are being recorded. The first call, of this or any other, opens the ring (a few ms). */
static inline int tj_recording(void);

/* Writes one mark. Returns the span's id for a begin, else e->id; 0 when not recording. */
static inline uint64_t tj_emit(const tj_event *e);

/* Keeps a long name that repeats, at most 64 KiB. Returns a reference for name_ref, or 0: not recording, no room
   left, or too long; e.name is then cut at 96 bytes. */
static inline uint32_t tj_intern(const char *name);

static inline uint64_t tj__emit4(uint8_t kind, const char *name, uint64_t id, const tj_field *fields, int n) {
  tj_event e = {kind, name, 0, 0, 0, id, fields, n};
  return tj_emit(&e);
}

static inline void tj_mark(const char *name) { tj__emit4(TJ_KIND_INSTANT, name, 0, NULL, 0); }
/* Opens a span; give the result to tj_end, which may happen in another thread. */
static inline uint64_t tj_begin(const char *name) { return tj__emit4(TJ_KIND_BEGIN, name, 0, NULL, 0); }
static inline void tj_end(const char *name, uint64_t span) { tj__emit4(TJ_KIND_END, name, span, NULL, 0); }

/* A span known only afterwards. */
static inline void tj_span(const char *name, uint64_t start_ns, uint64_t end_ns) {
  tj_event e = {TJ_KIND_SPAN, name, 0, start_ns, end_ns, 0, NULL, 0};
  tj_emit(&e);
}
/* Just before GPU work is handed over; correlation joins it with its kernel. */
static inline void tj_submit(const char *name, uint64_t correlation) {
  tj__emit4(TJ_KIND_SUBMIT, name, correlation, NULL, 0);
}
/* Another clock read between two readings of CLOCK_MONOTONIC. */
static inline void tj_exchange(const char *clock, uint64_t before_ns, uint64_t other_ns, uint64_t after_ns) {
  tj_event e = {TJ_KIND_EXCHANGE, clock, 0, before_ns, after_ns, other_ns, NULL, 0};
  tj_emit(&e);
}

/* The same with fields: TJ_MARK("name", tj_int("a", 1), …), TJ_BEGIN("name", …), TJ_END("name", span, …). */
#ifdef __cplusplus
}
static inline uint64_t tj__list(uint8_t kind, const char *name, uint64_t id, std::initializer_list<tj_field> f) {
  return tj__emit4(kind, name, id, f.begin(), (int)f.size());
}
#define TJ__WITH(kind, name, id, ...) tj__list(kind, name, id, {__VA_ARGS__})
extern "C" {
#else
#define TJ__WITH(kind, name, id, ...)                             \
  tj__emit4(kind, name, id, (const tj_field[]){__VA_ARGS__},      \
            (int)(sizeof((const tj_field[]){__VA_ARGS__}) / sizeof(tj_field)))
#endif
#define TJ_MARK(name, ...) ((void)TJ__WITH(TJ_KIND_INSTANT, name, 0, __VA_ARGS__))
#define TJ_BEGIN(name, ...) TJ__WITH(TJ_KIND_BEGIN, name, 0, __VA_ARGS__)
#define TJ_END(name, span, ...) ((void)TJ__WITH(TJ_KIND_END, name, span, __VA_ARGS__))

/* ---- Layout, docs/marks.md ---------------------------------------------------------------------- */

enum {
  TJ__HEADER_BYTES = 4096,
  TJ__SLOT_BYTES = 256,
  TJ__AT_HEAD = 64,
  TJ__AT_CLOSED = 72, /* in head's cache line: a look costs a mark nothing */
  TJ__AT_OPENED = 76,
  TJ__AT_NAMES_HEAD = 128,
  TJ__AT_PAYLOAD = 48,
  TJ__AHEAD = 8, /* slots fetched ahead: without, a mark cost 0 to 25 % more from run to run (measured) */
  TJ__MAX_NAME = 96,
  TJ__MAX_KEPT = 65536, /* bytes of a name in the names area */
  TJ__TRUNCATED = 1,
  TJ__NAME_REFERENCE = 2
};

/* ---- State: one per program or shared library, however many files include this ------------------ */

/* 0 not tried, 1 not recording, else the mapping's address, with log2(capacity) in its low 5 bits and
   log2(names area) in the next 5 (a page-aligned address has 12 to spare): one word, so that threads can
   race to open the ring without a lock that a fork could leave held. */
__attribute__((weak, visibility("hidden"))) uintptr_t tj__state;
__attribute__((weak, visibility("hidden"))) uint32_t tj__pid;
__attribute__((weak, visibility("hidden"))) uint32_t tj__told; /* why there are no marks */

static inline uint8_t *tj__base(uintptr_t state) { return (uint8_t *)(state & ~(uintptr_t)4095); }
static inline uint64_t tj__capacity(uintptr_t state) { return (uint64_t)1 << (state & 31); }
static inline uint32_t tj__names(uintptr_t state) {
  unsigned log2 = (state >> 5) & 31;
  return log2 ? (uint32_t)1 << log2 : 0;
}

static inline size_t tj__size(uintptr_t state) {
  return TJ__HEADER_BYTES + (size_t)tj__capacity(state) * TJ__SLOT_BYTES + tj__names(state);
}

static inline void tj__after_fork(void) { __atomic_store_n(&tj__pid, (uint32_t)getpid(), __ATOMIC_RELAXED); }

/* Says why there are no marks; the program being measured goes on. `error` is errno's, 0 for none. */
static inline uintptr_t tj__refuse(const char *path, const char *why, int error) {
  char line[4400] = "truejoule: no marks: ";
  strncat(line, path, 4096);
  strcat(line, why);
  if (error) strncat(strcat(line, ": "), strerror(error), 100);
  strcat(line, "\n");
  if (!__atomic_exchange_n(&tj__told, 1, __ATOMIC_RELAXED)) { /* threads may race to open it */
    ssize_t n = write(2, line, strlen(line));
    (void)n;
  }
  return 1;
}

static inline int tj__log2(uint32_t v) { return v && !(v & (v - 1)) ? __builtin_ctz(v) : -1; }

static inline uintptr_t tj__map(const char *path, int fd) {
  struct stat s;
  uint32_t head[6];
  if (fstat(fd, &s) || pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head)
    return tj__refuse(path, " cannot be read", 0);
  if (memcmp(head, "TJMARKS", 8)) return tj__refuse(path, " is not a mark ring", 0);
  if (head[2] != 1 || head[3] != TJ__SLOT_BYTES) return tj__refuse(path, " has another version", 0);
  int capacity = tj__log2(head[4]), names = head[5] ? tj__log2(head[5]) : 0;
  uint64_t size = TJ__HEADER_BYTES + (uint64_t)head[4] * TJ__SLOT_BYTES + head[5];
  if (capacity < 3 || capacity > 20 || names < 0 || (uint64_t)s.st_size != size)
    return tj__refuse(path, " has a damaged header", 0);
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (p == MAP_FAILED) return tj__refuse(path, " cannot be mapped", errno);
  __atomic_fetch_add((uint32_t *)(void *)((uint8_t *)p + TJ__AT_OPENED), 1, __ATOMIC_RELAXED);
  return (uintptr_t)p | (uintptr_t)capacity | (uintptr_t)names << 5;
}

static inline uintptr_t tj__attach(void) {
  const char *folder = getenv("TRUEJOULE_MARKS");
  static const char leaf[] = "/shared.ring";
  char path[4096];
  uintptr_t state = 1, expected = 0;
  int before = errno; /* the program's own */
  if (folder && *folder && strlen(folder) + sizeof leaf <= sizeof path) {
    memcpy(path, folder, strlen(folder));
    memcpy(path + strlen(folder), leaf, sizeof leaf);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    state = fd < 0 ? tj__refuse(path, " cannot be opened", errno) : tj__map(path, fd);
    if (fd >= 0) close(fd);
  }
  if (state > 1) {
    tj__after_fork();
    pthread_atfork(NULL, NULL, tj__after_fork);
  }
  errno = before;
  if (__atomic_compare_exchange_n(&tj__state, &expected, state, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    return state;
  if (state > 1) /* another thread was first */
    munmap(tj__base(state), tj__size(state));
  return expected;
}

/* dlclose of a library that marks: its ring is let go of. Ordinary memory takes its place, since at a program's
   exit other threads may be inside a mark; what they write from now on nobody reads. */
static __attribute__((destructor(101))) void tj__unload(void) {
  uintptr_t state = __atomic_exchange_n(&tj__state, 1, __ATOMIC_ACQ_REL);
  if (state > 1)
    mmap(tj__base(state), tj__size(state), PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

static inline uintptr_t tj__get(void) {
  uintptr_t state = __atomic_load_n(&tj__state, __ATOMIC_ACQUIRE);
  return __builtin_expect(state == 0, 0) ? tj__attach() : state;
}

/* Whether the recorder has ended: nobody reads any more. */
static inline int tj__closed(uintptr_t state) {
  return __atomic_load_n((uint32_t *)(void *)(tj__base(state) + TJ__AT_CLOSED), __ATOMIC_RELAXED) != 0;
}

static inline int tj_recording(void) {
  uintptr_t state = tj__get();
  return state != 1 && !tj__closed(state);
}

/* ---- Encoding ----------------------------------------------------------------------------------- */

/* Length of s, at most max, never inside a character (of 4 bytes at most: where none begins, s is not UTF-8 and is
   cut anywhere); *flags says when it is shorter than s. */
static inline size_t tj__fit(const char *s, size_t max, uint64_t *flags) {
  size_t n = strlen(s), back = 0;
  if (n <= max) return n;
  *flags |= TJ__TRUNCATED;
  while (back < 4 && ((uint8_t)s[max - back] & 0xc0) == 0x80) back++;
  return back < 4 ? max - back : max;
}

/* Writes one field at `at` if it ends before `end`. Returns where the next one goes: `at` if it did not fit. */
static inline uint8_t *tj__field(uint8_t *at, const uint8_t *end, const tj_field *f, uint64_t *flags) {
  const char *name = f->key ? f->key : "", *text = f->s ? f->s : "";
  size_t key = strlen(name);
  size_t value = f->type == 3 ? 1 : f->type == 4 ? 1 + strlen(text) : 8;
  /* A slot's payload is shorter than the 255 bytes that a key or a text may have: what fits has its length. */
  if (key == 0 || 2 + key + value > (size_t)(end - at)) {
    *flags |= TJ__TRUNCATED;
    return at;
  }
  at[0] = f->type;
  at[1] = (uint8_t)key;
  memcpy(at + 2, name, key);
  at += 2 + key;
  if (f->type == 1) memcpy(at, &f->i, 8);
  if (f->type == 2) memcpy(at, &f->f, 8);
  if (f->type == 3) *at = (uint8_t)f->i;
  if (f->type == 4) {
    *at = (uint8_t)(value - 1);
    memcpy(at + 1, text, value - 1);
  }
  return at + value;
}

static inline uint32_t tj__tid(uint32_t pid) {
  static __thread uint32_t cached_pid, cached_tid;
  if (__builtin_expect(cached_pid != pid, 0)) {
    cached_pid = pid;
    cached_tid = (uint32_t)syscall(SYS_gettid);
  }
  return cached_tid;
}

/* Fills a slot that this thread holds, all but seq. */
static inline void tj__fill(uint8_t *slot, const tj_event *e, uint64_t t, uint64_t id) {
  uint64_t *words = (uint64_t *)(void *)slot;
  uint8_t *at = slot + TJ__AT_PAYLOAD;
  const char *name = e->name ? e->name : "";
  uint32_t pid = __atomic_load_n(&tj__pid, __ATOMIC_RELAXED);
  uint64_t flags = e->name_ref ? TJ__NAME_REFERENCE : 0, count = 0;
  size_t name_bytes = e->name_ref ? 4 : tj__fit(name, TJ__MAX_NAME, &flags);
  words[1] = t;
  words[2] = e->aux;
  words[3] = id;
  words[4] = pid | (uint64_t)tj__tid(pid) << 32;
  memcpy(at, e->name_ref ? (const char *)&e->name_ref : name, name_bytes);
  uint8_t *start = at += name_bytes;
  for (int i = 0; i < e->n_fields; i++) {
    uint8_t *next = tj__field(at, slot + TJ__SLOT_BYTES, &e->fields[i], &flags);
    count += next > at;
    at = next;
  }
  words[5] = e->kind | flags << 8 | (uint64_t)name_bytes << 16 | count << 24 | (uint64_t)(at - start) << 32;
}

/* ---- The writer's protocol, docs/marks.md -------------------------------------------------------- */

/* Orders the claim before the stores that follow it. ThreadSanitizer does not know fences; it runs on x86,
   where the claim's compare-and-swap is one already. */
static inline void tj__fence(void) {
#if !defined(__SANITIZE_THREAD__)
  __atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

static inline uint8_t *tj__slot(uintptr_t state, uint64_t i) {
  return tj__base(state) + TJ__HEADER_BYTES + (i & (tj__capacity(state) - 1)) * TJ__SLOT_BYTES;
}

static inline uint64_t tj_emit(const tj_event *e) {
  if (__atomic_load_n(&tj__state, __ATOMIC_RELAXED) == 1) return 0;
  uint64_t t = e->t_ns ? e->t_ns : tj_now(); /* before opening the ring */
  uintptr_t state = tj__get();
  if (state == 1 || tj__closed(state)) return 0;
  uint64_t *head = (uint64_t *)(void *)(tj__base(state) + TJ__AT_HEAD);
  uint64_t i = __atomic_fetch_add(head, 1, __ATOMIC_RELAXED);
  uint64_t id = e->kind == TJ_KIND_BEGIN && !e->id ? i + 1 : e->id;
  __builtin_prefetch(tj__slot(state, i + TJ__AHEAD), 1);
  uint64_t *seq = (uint64_t *)(void *)tj__slot(state, i);
  uint64_t was = __atomic_load_n(seq, __ATOMIC_RELAXED);
  if ((was & 1) || was > 2 * i) return id;
  if (!__atomic_compare_exchange_n(seq, &was, 2 * i + 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return id;
  tj__fence();
  tj__fill((uint8_t *)seq, e, t, id);
  __atomic_store_n(seq, 2 * i + 2, __ATOMIC_RELEASE);
  return id;
}

static inline uint32_t tj_intern(const char *name) {
  uintptr_t state = tj__get();
  if (state == 1 || !name || tj__closed(state)) return 0;
  uint64_t length = strlen(name), need = (4 + length + 7) & ~(uint64_t)7;
  uint64_t *names_head = (uint64_t *)(void *)(tj__base(state) + TJ__AT_NAMES_HEAD);
  if (length == 0 || length > TJ__MAX_KEPT || need > tj__names(state)) return 0;
  uint64_t at = __atomic_fetch_add(names_head, need, __ATOMIC_RELAXED);
  if (at + need > tj__names(state)) return 0;
  uint8_t *entry = tj__base(state) + TJ__HEADER_BYTES + tj__capacity(state) * TJ__SLOT_BYTES + at;
  memcpy(entry + 4, name, length);
  __atomic_store_n((uint32_t *)(void *)entry, (uint32_t)length, __ATOMIC_RELEASE);
  return (uint32_t)at;
}

#ifdef __cplusplus
}

/* Marks a scope: { tj_scope s("prefill", {tj_int("batch_size", 8)}); … } */
class tj_scope {
public:
  explicit tj_scope(const char *name, std::initializer_list<tj_field> fields = {})
      : name_(name), span_(tj__list(TJ_KIND_BEGIN, name, 0, fields)) {}
  ~tj_scope() { tj_end(name_, span_); }
  tj_scope(const tj_scope &) = delete;
  tj_scope &operator=(const tj_scope &) = delete;

private:
  const char *name_;
  uint64_t span_;
};
#endif
#endif

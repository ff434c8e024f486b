#include "../c/truejoule.h"

#include "names.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

enum { TABLE = 32768, RECENT = 1024, KEPT = TJ__MAX_NAME - 9 }; /* powers of two; a PyTorch program has hundreds of kernels */

static const tjc_name *table[TABLE];
static unsigned used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* By address of the text: a launch finds its name here by one comparison, without hashing 300 bytes. */
static const tjc_name *recent[RECENT];

/* The C++ runtime's own demangler, if there is one; PyTorch brings it. */
static const char *demangled(const char *text) {
  typedef char *demangler(const char *, char *, size_t *, int *);
  static demangler *demangle;
  static int looked;
  if (!looked) {
    void *runtime = dlopen("libstdc++.so.6", RTLD_LAZY);
    if (runtime) *(void **)&demangle = dlsym(runtime, "__cxa_demangle");
    looked = 1;
  }
  int status = -1;
  char *plain = demangle && !strncmp(text, "_Z", 2) ? demangle(text, NULL, NULL, &status) : NULL;
  return plain && status == 0 ? plain : strdup(text);
}

static unsigned hash(const char *s) { /* FNV-1a */
  uint32_t h = 2166136261u;
  while (*s) h = (h ^ (uint8_t)*s++) * 16777619u;
  return h;
}

/* What fits a slot without a reference: all of it, or as much as leaves room for # and a hash of the whole. */
static const char *inlined(const char *text, char *into) {
  uint64_t cut = 0;
  if (strlen(text) <= TJ__MAX_NAME) return text;
  int kept = (int)tj__fit(text, KEPT, &cut);
  snprintf(into, TJ__MAX_NAME + 1, "%.*s#%08x", kept, text, hash(text));
  return into;
}

static const tjc_name *made(const char *text) {
  tjc_name *n = malloc(sizeof *n);
  if (!n) return NULL;
  n->text = strdup(text);
  n->shown = demangled(text);
  if (!n->text || !n->shown) return NULL;
  n->ref = tj_intern(n->shown);
  char cut[TJ__MAX_NAME + 1];
  if (!n->ref && inlined(n->shown, cut) == cut) n->shown = strdup(cut);
  return n->shown ? n : NULL;
}

static const tjc_name *known(const char *text) {
  pthread_mutex_lock(&lock);
  unsigned at = hash(text) & (TABLE - 1);
  while (table[at] && strcmp(table[at]->text, text)) at = (at + 1) & (TABLE - 1);
  if (!table[at] && used < TABLE / 2 && (table[at] = made(text))) used++;
  const tjc_name *n = table[at];
  pthread_mutex_unlock(&lock);
  return n;
}

const tjc_name *tjc_name_of(const char *text) {
  static __thread tjc_name nameless; /* tens of thousands of names, or no memory */
  static __thread char cut[TJ__MAX_NAME + 1];
  if (!text) text = "kernel without a name";
  const tjc_name **slot = &recent[((uintptr_t)text >> 3) & (RECENT - 1)];
  const tjc_name *n = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
  if (n && !strcmp(n->text, text)) return n;
  n = known(text);
  if (!n) {
    nameless.text = text;
    nameless.shown = inlined(text, cut);
    return &nameless;
  }
  __atomic_store_n(slot, n, __ATOMIC_RELEASE);
  return n;
}

/*
 * The reading side of docs/marks.md in C, step for step as marks/ring.ts has it: a sanitizer sees into one process
 * only, so a reader beside the writers has to be in theirs. In: a mapped ring. Out: slots, each verified.
 *
 * ThreadSanitizer is shown what orders a mark before its reading (seq, by release and acquire), not the copy that
 * a writer may overwrite meanwhile: that the protocol allows, and a copy that is kept is checked by its content.
 */
#ifndef READER_H
#define READER_H

#include "truejoule.h"

typedef struct {
  uint8_t *base;
  uint64_t capacity, tail, overrun, abandoned;
  uint64_t head, waiting_since, waiting_head; /* as in marks/ring.ts */
  uint64_t patience_ns;                       /* with a mark that is not completed; marks/ring.ts: a second */
  uint64_t slot[TJ__SLOT_BYTES / 8];          /* the mark that is being taken */
} reader;

static const uint64_t *reader_slot(const reader *r, uint64_t i) {
  return (const uint64_t *)(const void *)(r->base + TJ__HEADER_BYTES + (i & (r->capacity - 1)) * TJ__SLOT_BYTES);
}

__attribute__((no_sanitize_thread)) static void reader_copy(reader *r, const volatile uint64_t *from) {
  for (int i = 0; i < TJ__SLOT_BYTES / 8; i++) r->slot[i] = from[i];
#if !defined(__SANITIZE_THREAD__)
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* Low words, as the reader compares them. */
static int32_t reader_ahead(const uint64_t *slot, uint64_t i) {
  return (int32_t)((uint32_t)__atomic_load_n(slot, __ATOMIC_ACQUIRE) - (uint32_t)(2 * i + 2));
}

static int reader_hopeless(reader *r) {
  if (r->tail >= r->waiting_head) {
    r->waiting_since = tj_now();
    r->waiting_head = r->head;
  }
  return r->head - r->tail > r->capacity * 3 / 4 || tj_now() - r->waiting_since >= r->patience_ns;
}

/* Takes what was there when it began. last: nothing will be completed any more. */
static void reader_poll(reader *r, int last, void (*take)(const reader *)) {
  r->head = __atomic_load_n((const uint64_t *)(const void *)(r->base + TJ__AT_HEAD), __ATOMIC_RELAXED);
  if (r->head - r->tail > r->capacity) {
    r->overrun += r->head - r->tail - r->capacity;
    r->tail = r->head - r->capacity;
  }
  while (r->tail < r->head) {
    const uint64_t *slot = reader_slot(r, r->tail);
    int32_t before = reader_ahead(slot, r->tail);
    reader_copy(r, slot);
    int32_t after = reader_ahead(slot, r->tail);
    if (before == 0 && after == 0) take(r);
    else if (after > 0) r->overrun++;
    else if (after == 0) continue; /* completed meanwhile */
    else if (last || reader_hopeless(r)) r->abandoned++;
    else return;
    r->tail++;
  }
  __atomic_store_n((uint64_t *)(void *)(r->base + 192), r->tail, __ATOMIC_RELEASE);
}

#endif

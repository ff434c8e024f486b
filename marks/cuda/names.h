/* Kernel names → what a slot refers to. In: text of CUPTI's, valid during the call. Out: an entry that lives as
   long as the program, or, beyond some ten thousand names, until the thread's next call. Any thread; only the
   first sight of a name takes a lock. A name that must be cut ends in a hash, so that two stay two. */
#ifndef TRUEJOULE_CUDA_NAMES_H
#define TRUEJOULE_CUDA_NAMES_H

#include <stdint.h>

typedef struct {
  const char *text;  /* as it came: the key */
  const char *shown; /* demangled where possible; cut and with its hash where it has no reference */
  uint32_t ref;      /* from tj_intern; 0 when the names area had no room */
} tjc_name;

/* NULL is a kernel without a name. */
const tjc_name *tjc_name_of(const char *text);

#endif

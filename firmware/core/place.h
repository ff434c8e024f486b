// Where an edge lies among the rows. In: what the trigger's DMA chain latched (tick, how far each
// of the two converter channels had written, whether a conversion was under way). Out: samples
// complete at the edge, and the index of the first row that began at or after it. Pure.
#pragma once
#include <stdint.h>

// The converter's time base: `clock_hz / 1e6` counts a tick of 1 µs (48 on the RP2040).
typedef struct {
  uint64_t start_tick;     // row 0 of this stretch began at this tick's beginning
  uint32_t counts_a_tick;  // of the converter clock
  uint32_t sample_counts;  // between two conversions' beginnings
  uint32_t channels;
} tj_timing;

// The double buffer: two DMA channels take turns, each filling `block` words of its own ring.
typedef struct {
  uint32_t block, ring;  // words; ring a power of two
} tj_double_buffer;

// Word offset at which each channel will write next, after n samples.
void tj_write_offsets(tj_double_buffer b, uint64_t samples, uint32_t offsets[2]);

// Samples complete when the two offsets were latched: the count nearest to what the tick suggests
// that explains both. Returns 0 when none does (the converter was interrupted), then *samples is
// the tick's.
int tj_samples_at(const tj_timing *t, tj_double_buffer b, uint64_t tick, const uint32_t offsets[2],
                  uint64_t *samples);

// First row that began at or after an edge at which `samples` conversions were complete, and one
// more was under way or not (the converter pauses between samples at less than its full rate). The
// latches are read one after the other, and a sample takes its time from the converter to memory: a
// conversion that ends meanwhile is in neither. So the edge's tick has the last word, to within which
// the row is known: the latches decide only where a row begins in the very tick of the edge.
uint64_t tj_row_at_edge(const tj_timing *t, uint64_t samples, int converting, uint64_t tick);

// First row that began at or after a tick before `start_tick`, at which `first_row` began: the rows of the
// pause before it, all counted as lost, go on backwards. Before row 0 there is none.
uint64_t tj_row_before(const tj_timing *t, uint64_t first_row, uint64_t tick);

// First row that begins after `tick`.
uint64_t tj_row_after(const tj_timing *t, uint64_t tick);

// Tick during which a row begins.
uint64_t tj_tick_of_row(const tj_timing *t, uint64_t row);

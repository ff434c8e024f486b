// The converter: inputs in round robin → FIFO → two DMA channels that take turns, each in a ring of
// its own, without the processor (RP2040 datasheet, 4.9, 2.5). Out: whole blocks of rows with their
// index and tick. Holds: row 0 begins with a tick of the timer, and every row's tick follows by
// arithmetic.
#pragma once
#include <stdint.h>

#include "pack.h"
#include "place.h"

// 96 converter clocks a sample is the fastest (2 µs); the divider's 16 bits are the slowest.
enum { ROWS_A_BLOCK = 512, SAMPLE_COUNTS_MIN = 96, SAMPLE_COUNTS_MAX = 65536 };

typedef struct {
  tj_ring words;
  uint64_t index, tick;  // of the first row
} converter_block;

void converter_set_up(void);
void converter_start(uint32_t mask, uint32_t sample_counts);
void converter_stop(void);

int converter_has_block(void);
// Takes the oldest block. Returns 0 when there is none.
int converter_take(converter_block *b);
// Whether that block's words can be relied on: 0 when the DMA has come round to them since, or samples
// were lost before it.
int converter_was_whole(void);
// Rows lost since the start because the processor came too late or the FIFO overflowed. Sets the
// converter going again when it was thrown off, at a row boundary, index and tick in step.
uint32_t converter_rows_lost(void);

uint64_t converter_next_index(void);
uint64_t converter_row_after(uint64_t tick);
// First row that began at or after an edge, from what the trigger's chain latched: where both
// channels would write next, and the converter's control register.
uint64_t converter_row_at_edge(uint64_t tick, const uint32_t write_address[2], uint32_t cs);

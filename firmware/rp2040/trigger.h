// The trigger input: every edge is counted by PIO and stamped by a chain of DMA channels, with no
// processor in the path and no debouncing (RP2040 datasheet, 3, 2.5.2). Out: edges with number,
// level, tick and row. Holds: 64 edges until the main loop comes; more are told by a break in their
// numbers.
#pragma once
#include <stdint.h>

#include "records.h"

enum { TRIGGER_PIN = 15, TRIGGER_BATCH = 32 };

void trigger_set_up(void);
// Counts from 1 again; the converter is started after this.
void trigger_start(void);
void trigger_stop(void);
// Edges since the last call, at most TRIGGER_BATCH. Returns how many.
uint32_t trigger_take(tj_edge *edges);
// Edges that were counted but whose stamps were overwritten.
uint32_t trigger_edges_lost(void);
// Level at the beginning of a row. Asked with rising indices, for rows whose edges were taken.
uint32_t trigger_level_at(uint64_t row);

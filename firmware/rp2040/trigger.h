// The trigger input: every edge is counted by PIO and stamped by a chain of DMA channels, with no
// processor in the path and no debouncing (RP2040 datasheet, 3, 2.5.2). Out: edges with number,
// level, tick and row. Holds: the newest 254 edges wait for the main loop; what the chain wrote over
// is told by a break in the numbers; no stamp is put together from two edges, at any rate.
#pragma once
#include <stdint.h>

#include "records.h"

enum { TRIGGER_PIN = 15, TRIGGER_BATCH = 32 };

void trigger_set_up(void);
// Counts from 1 again; the converter is started after this.
void trigger_start(void);
void trigger_stop(void);
// The oldest edges since the last call that are still there, at most TRIGGER_BATCH. Returns how many.
uint32_t trigger_take(tj_edge *edges);
// Edges of this run that were counted but whose stamps are gone, since the last call.
uint32_t trigger_edges_lost(void);
// Level at the beginning of a row. Asked with rising indices, for rows whose edges were taken.
uint32_t trigger_level_at(uint64_t row);

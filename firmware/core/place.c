#include "place.h"

// How far the latched count may lie from the tick's: 1 µs of truncation and the DMA's latency are
// 2 samples at most; the rest is margin, still far below the ring's length.
enum { SEARCH = 8 };

void tj_write_offsets(tj_double_buffer b, uint64_t samples, uint32_t offsets[2]) {
  uint32_t blocks = (uint32_t)(samples / b.block), in_block = (uint32_t)(samples % b.block);
  uint32_t turn = blocks & 1, each = blocks >> 1;
  offsets[turn] = (each * b.block + in_block) & (b.ring - 1);
  offsets[!turn] = ((each + turn) * b.block) & (b.ring - 1);
}

static int explains(tj_double_buffer b, uint64_t samples, const uint32_t offsets[2]) {
  uint32_t expected[2];
  tj_write_offsets(b, samples, expected);
  return expected[0] == offsets[0] && expected[1] == offsets[1];
}

int tj_samples_at(const tj_timing *t, tj_double_buffer b, uint64_t tick, const uint32_t offsets[2],
                  uint64_t *samples) {
  uint64_t since = tick > t->start_tick ? tick - t->start_tick : 0;
  uint64_t guess = since * t->counts_a_tick / t->sample_counts;
  for (uint32_t far = 0; far <= SEARCH; far++) {
    if (far <= guess && explains(b, guess - far, offsets)) {
      *samples = guess - far;
      return 1;
    }
    if (explains(b, guess + far, offsets)) {
      *samples = guess + far;
      return 1;
    }
  }
  *samples = guess;
  return 0;
}

// Index of the first row that begins at or after the beginning of tick `tick`.
static uint64_t row_from(const tj_timing *t, uint64_t tick) {
  uint64_t row_counts = (uint64_t)t->sample_counts * t->channels;
  uint64_t since = tick > t->start_tick ? tick - t->start_tick : 0;
  return (since * t->counts_a_tick + row_counts - 1) / row_counts;
}

uint64_t tj_row_at_edge(const tj_timing *t, uint64_t samples, int converting, uint64_t tick) {
  // Rows begin within a tick after their nominal time, since row 0 does.
  uint64_t earliest = row_from(t, tick ? tick - 1 : 0), latest = row_from(t, tick + 1);
  uint64_t row = samples / t->channels;
  // Its first sample is complete, or being taken: that row began before.
  if (samples % t->channels || converting) row++;
  return row < earliest ? earliest : row > latest ? latest : row;
}

uint64_t tj_row_before(const tj_timing *t, uint64_t first_row, uint64_t tick) {
  uint64_t row_counts = (uint64_t)t->sample_counts * t->channels;
  uint64_t back = (t->start_tick - tick) * t->counts_a_tick / row_counts;
  return back < first_row ? first_row - back : 0;
}

uint64_t tj_row_after(const tj_timing *t, uint64_t tick) {
  if (tick < t->start_tick) return 0;
  uint64_t counts = (tick - t->start_tick) * t->counts_a_tick;
  return counts / ((uint64_t)t->sample_counts * t->channels) + 1;
}

uint64_t tj_tick_of_row(const tj_timing *t, uint64_t row) {
  return t->start_tick + row * t->sample_counts * t->channels / t->counts_a_tick;
}

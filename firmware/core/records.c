#include "records.h"

#include "bytes.h"
#include "frame.h"
#include "pack.h"

enum { ENTRY = 24 };

static uint32_t run_flags(uint32_t run) { return (run & 15) << 4; }

uint32_t tj_channels_of(uint32_t mask) {
  uint32_t n = 0;
  for (; mask; mask &= mask - 1) n++;
  return n;
}

uint32_t tj_samples_frame(uint8_t *frame, const tj_samples *s, const uint32_t *bitmap,
                          uint32_t words, uint32_t sequence) {
  uint32_t bytes = s->rows * tj_row_bytes(tj_channels_of(s->mask), s->bits);
  uint8_t *end = frame + TJ_ROWS_AT + bytes;
  for (; bytes % 4; bytes++) *end++ = 0;
  for (uint32_t i = 0; i < words; i++, end += 4) tj_put32(end, bitmap[i]);
  tj_put16(frame + 12, s->rows);
  frame[14] = (uint8_t)s->mask;
  frame[15] = (uint8_t)s->lines;
  tj_put64(frame + 16, s->index);
  tj_put64(frame + 24, s->tick);
  uint32_t flags = run_flags(s->run) | (s->bits == 16 ? 1 : 0) | (words ? 2 : 0);
  return tj_seal(frame, TJ_SAMPLES, flags, sequence, (uint32_t)(end - frame) - TJ_HEAD);
}

uint32_t tj_edges_frame(uint8_t *frame, const tj_edge *edges, uint32_t n, uint32_t run,
                        uint32_t sequence) {
  tj_put16(frame + 12, n);
  tj_put16(frame + 14, 0);
  for (uint32_t i = 0; i < n; i++) {
    uint8_t *p = frame + 16 + ENTRY * i;
    tj_put64(p, edges[i].index);
    tj_put64(p + 8, edges[i].tick);
    tj_put32(p + 16, edges[i].count);
    p[20] = edges[i].line;
    p[21] = edges[i].level;
    tj_put16(p + 22, 0);
  }
  return tj_seal(frame, TJ_EDGES, run_flags(run), sequence, 4 + ENTRY * n);
}

uint32_t tj_readings_frame(uint8_t *frame, const tj_reading *readings, uint32_t n, uint32_t run,
                           uint32_t sequence) {
  tj_put16(frame + 12, n);
  frame[14] = 1;  // kind: INA226
  frame[15] = 0;
  for (uint32_t i = 0; i < n; i++) {
    const tj_reading *r = &readings[i];
    uint8_t *p = frame + 16 + ENTRY * i;
    tj_put64(p, r->end_tick);
    tj_put32(p + 8, r->duration_ticks);
    tj_put32(p + 12, r->number);
    tj_put16(p + 16, (uint16_t)r->shunt);
    tj_put16(p + 18, r->bus);
    tj_put16(p + 20, r->config);
    p[22] = r->address;
    p[23] = r->status;
  }
  return tj_seal(frame, TJ_READINGS, run_flags(run), sequence, 4 + ENTRY * n);
}

uint32_t tj_status_frame(uint8_t *frame, const tj_status *s, uint32_t run, uint32_t sequence) {
  tj_put32(frame + 12, s->state);
  tj_put64(frame + 16, s->tick);
  tj_put64(frame + 24, s->next_index);
  tj_put32(frame + 32, s->frames_dropped);
  tj_put32(frame + 36, s->rows_overrun);
  tj_put32(frame + 40, s->stalls);
  tj_put32(frame + 44, s->longest_stall);
  tj_put32(frame + 48, s->edges_dropped);
  tj_put32(frame + 52, s->commands_refused);
  return tj_seal(frame, TJ_STATUS, run_flags(run), sequence, 44);
}

// Stream records (docs/wire.md): fields in, whole frames out. Pure. `frame` must have room for
// TJ_OVERHEAD and the payload, and begins at a multiple of 4. Each returns the frame's length.
#pragma once
#include <stdint.h>

enum { TJ_SAMPLES = 0x01, TJ_EDGES = 0x02, TJ_READINGS = 0x03, TJ_STATUS = 0x04 };
enum { TJ_ROWS_AT = 32 };  // where a samples frame's rows begin

typedef struct {
  uint32_t run, rows, mask, bits, lines;  // lines: byte 15 of the record
  uint64_t index, tick;                   // of the first row
} tj_samples;

typedef struct {
  uint64_t index, tick;
  uint32_t count;
  uint8_t line, level;
} tj_edge;

typedef struct {
  uint64_t end_tick;
  uint32_t duration_ticks, number;
  int16_t shunt;
  uint16_t bus, config;
  uint8_t address, status;
} tj_reading;

typedef struct {
  uint32_t state;
  uint64_t tick, next_index;
  uint32_t frames_dropped, rows_overrun, stalls, longest_stall, edges_dropped, commands_refused;
} tj_status;

// The rows stand at TJ_ROWS_AT already. `bitmap`: `words` words after the rows, or none.
uint32_t tj_samples_frame(uint8_t *frame, const tj_samples *s, const uint32_t *bitmap,
                          uint32_t words, uint32_t sequence);
uint32_t tj_edges_frame(uint8_t *frame, const tj_edge *edges, uint32_t n, uint32_t run,
                        uint32_t sequence);
uint32_t tj_readings_frame(uint8_t *frame, const tj_reading *readings, uint32_t n, uint32_t run,
                           uint32_t sequence);
uint32_t tj_status_frame(uint8_t *frame, const tj_status *s, uint32_t run, uint32_t sequence);

uint32_t tj_channels_of(uint32_t mask);

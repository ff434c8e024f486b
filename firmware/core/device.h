// The device's half of the conversation (docs/wire.md): command bytes in, replies and stream
// records out, all numbered by one counter whether or not there is room for them. Holds: run,
// counters, calibration under way. What touches hardware is behind tj_port. Not re-entrant: one
// loop calls all of it.
#pragma once
#include <stdint.h>

#include "frame.h"
#include "pack.h"
#include "records.h"

enum { TJ_MAX_CHANNELS = 8, TJ_PAGE = 256, TJ_MAX_CALIBRATION = 4096 };

typedef enum { TJ_SILICON = 0, TJ_EMULATOR = 1, TJ_PROGRAM = 2 } tj_platform;

typedef struct {
  tj_platform platform;
  const char *model, *serial, *firmware;  // cut at 20, 16, 16 bytes
} tj_identity;

typedef struct {
  uint8_t channel, converter_bits, flags, quantity;
  int32_t skew_ns;
  uint32_t full_scale_uv, bandwidth_hz;
  const char *name;
} tj_channel;

typedef struct {
  uint32_t tick_hz, tick_tolerance_ppb, row_mhz, max_samples_hz;
  uint8_t mask, bits, edge_lines, sampled_lines;
  uint16_t rows_per_block;
  uint8_t channels;
  tj_channel channel[TJ_MAX_CHANNELS];
} tj_capabilities;

// The hardware, or what stands for it.
typedef struct {
  uint64_t (*now)(void);                          // ticks
  int (*send)(const uint8_t *frame, uint32_t n);  // copies; 0: no room, nothing taken
  int (*configure)(tj_capabilities *c, uint32_t row_mhz, uint32_t mask,
                   uint32_t bits);  // 0: cannot
  void (*start)(void);              // row 0 begins now; stops what was running
  void (*stop)(void);
  uint64_t (*row_after)(uint64_t tick);           // index of the first row that begins after it
  int (*store)(const uint8_t *text, uint32_t n);  // keeps the calibration; 0: failed, old one kept
  void (*bootloader)(void);                       // leaves the bus; the reply is on its way
} tj_port;

typedef struct {
  const tj_port *port;
  tj_identity identity;
  tj_capabilities capabilities;
  const uint8_t *calibration;  // as stored
  uint32_t calibration_bytes;
  uint8_t *frame;  // scratch for one frame of any kind, at a multiple of 4
  uint32_t sequence, run;
  uint8_t running, in_stall;
  tj_status counters;  // state, tick and next_index unused
  uint32_t bad_before_run;
  uint64_t taken;  // tick at which the bytes being read came
  uint32_t page_bytes;
  uint8_t pages[TJ_MAX_CALIBRATION];
  tj_splitter splitter;
} tj_device;

// Bytes the host sent, and the tick at which the last of them was taken.
void tj_device_take(tj_device *d, const uint8_t *bytes, uint32_t n, uint64_t tick);

// The same in two steps, so that a loop is not held up by whatever the host sends (frame.h): a piece of
// at most a USB packet is put, and looked at until 1 comes back; only then the next is put.
void tj_device_put(tj_device *d, const uint8_t *bytes, uint32_t n, uint64_t tick);
int tj_device_scan(tj_device *d, uint32_t limit);

// Packs a block of rows into the scratch frame, where tj_device_samples finds it: between the two
// the caller sees whether the ring was left alone meanwhile.
void tj_device_pack(tj_device *d, tj_ring ring, uint32_t rows);

// Stream records of the present run. Each returns 0 when there was no room: number used, loss
// counted.
int tj_device_samples(tj_device *d, uint32_t rows, uint64_t index, uint64_t tick, uint32_t levels);
int tj_device_edges(tj_device *d, const tj_edge *edges, uint32_t n);
int tj_device_reading(tj_device *d, const tj_reading *r);
int tj_device_status(tj_device *d, uint64_t next_index);

// Watches the transport: `waiting` data, of which the last was taken at tick `last_taken`.
void tj_device_transport(tj_device *d, uint64_t now, int waiting, uint64_t last_taken);

// The run ends without a command: DTR fell, the bus was reset.
void tj_device_halt(tj_device *d);

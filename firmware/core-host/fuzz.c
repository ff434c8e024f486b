// Fuzzes the command side of the core: random, mutated and cut command bytes, as many as asked,
// into one device, while it also makes records and the transport comes and goes. Every frame it
// sends is checked by a second splitter. Beside it the parts that listen to hardware meet its
// faults (faults.c). Run under ASan and UBSan: core-fuzz BYTES [SEED]. Prints
// one JSON line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/bytes.h"
#include "../core/commands.h"
#include "check.h"

static uint64_t state;
static uint32_t next_random(void) {  // xorshift64*, S. Vigna 2016
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 0x2545f4914f6cdd1d) >> 32);
}
uint32_t below(uint32_t n) { return (uint32_t)((uint64_t)next_random() * n >> 32); }

static uint64_t now;
static uint32_t frames_sent, replies_sent, frames_refused, next_sequence, checked, stores, starts,
    leaves;
static int has_room = 1, running;
static tj_splitter outgoing;
static uint8_t kept[TJ_MAX_CALIBRATION];
static _Alignas(4) uint8_t scratch[4096];
static tj_device device;

static void on_sent(void *context, const uint8_t *frame, uint32_t size) {
  (void)context;
  CHECK(size <= sizeof scratch);
  CHECK(tj_get32(frame + 8) == next_sequence);
  if (frame[4] >= 0xc0) CHECK(tj_get16(frame + 18) == (uint32_t)running);
  checked++;
}

static uint64_t get_now(void) { return now += below(50); }
static int send(const uint8_t *frame, uint32_t n) {
  next_sequence = device.sequence - 1;
  if (!has_room) {
    frames_refused++;
    return 0;
  }
  frames_sent++;
  if (frame[4] >= 0xc0) replies_sent++;
  uint32_t before = checked;
  tj_split(&outgoing, frame, n, on_sent, 0);
  CHECK(checked == before + 1);
  return 1;
}
static int configure(tj_capabilities *c, uint32_t row_mhz, uint32_t mask, uint32_t bits) {
  CHECK(!running);
  if (mask == 0 || mask > 15 || bits != 12) return 0;
  c->row_mhz = row_mhz;
  c->mask = (uint8_t)mask;
  return 1;
}
static void start(void) {
  running = 1;
  starts++;
}
static void stop(void) { running = 0; }
static uint64_t row_after(uint64_t tick) { return tick / 10; }
static int store(const uint8_t *text, uint32_t n) {
  CHECK(!running && n <= sizeof kept);
  if (below(4) == 0) return 0;
  memcpy(kept, text, n);
  stores++;
  return 1;
}
static void bootloader(void) { leaves++; }
static const tj_port port = {get_now, send, configure, start, stop, row_after, store, bootloader};

static uint32_t page_offset, page_total;

// A command that is at least sealed right; its arguments are good about half the time.
static uint32_t make_command(uint8_t *f) {
  static uint8_t text[TJ_MAX_CALIBRATION];
  uint32_t type = below(8) ? 0x40 + below(10) : below(256), n = 4 * below(below(16) ? 5 : 80);
  for (uint32_t i = 0; i < n; i++) f[12 + i] = (uint8_t)next_random();
  if (type == TJ_BOOTLOADER && below(2)) tj_put32(f + 12, 0x544f4f42), n = 4;
  if (type == TJ_READ_CALIBRATION && below(2)) tj_put32(f + 12, below(5000)), n = 4;
  if (type == TJ_CONFIGURE && below(4))
    tj_put32(f + 12, next_random()), f[16] = (uint8_t)below(17), f[17] = below(4) ? 12 : 16, n = 8;
  if (type == TJ_WRITE_CALIBRATION && below(8)) {  // pages in their order, now and then not
    if (page_offset >= page_total || below(50) == 0) page_offset = 0, page_total = 4 * below(1030);
    uint32_t left = page_total - page_offset, page = left < TJ_PAGE ? left : TJ_PAGE;
    tj_put32(f + 12, page_offset);
    tj_put32(f + 16, page_total);
    extern uint32_t tj_crc32(const uint8_t *, uint32_t);
    if (page_total <= sizeof text) tj_put32(f + 20, tj_crc32(text, page_total));
    memset(f + 24, 0, page);
    page_offset += page;
    n = 12 + page;
  }
  return tj_seal(f, type, below(256), next_random(), n);
}

static uint32_t make_bytes(uint8_t *out) {
  uint32_t n = 0;
  switch (below(8)) {
    case 0:  // noise
      for (n = below(200); n > 0 && n < 200; n++) out[n] = (uint8_t)next_random();
      return n;
    case 1:  // a false sync with a long length
      n = tj_seal(out, below(256), 0, next_random(), 0);
      tj_put16(out + 6, below(2) ? 4 * below(4097) : next_random());
      return 12;
    default: break;
  }
  n = make_command(out);
  if (below(4) == 0) out[below(n)] ^= (uint8_t)(1 << below(8));
  if (below(16) == 0) n = below(n);
  return n;
}

static void make_records(void) {
  static uint16_t words[2048];
  static const tj_edge edge = {1, 2, 3, 0, 1};
  static const tj_reading reading = {.address = 0x40};
  uint32_t channels = tj_channels_of(device.capabilities.mask);
  for (uint32_t i = 0; i < 16; i++) words[below(2048)] = (uint16_t)next_random();
  uint32_t rows = 1 + below(512);
  tj_device_pack(&device, (tj_ring){words, 2047, below(2048)}, rows);
  tj_device_samples(&device, rows, now, now, 0);
  tj_device_edges(&device, &edge, 1);
  tj_device_reading(&device, &reading);
  tj_device_status(&device, now / 10);
  CHECK(channels >= 1 && channels <= 4);
}

int main(int argc, char **argv) {
  uint64_t wanted = argc > 1 ? strtoull(argv[1], 0, 10) : 1000000, fed = 0;
  state = argc > 2 ? strtoull(argv[2], 0, 10) : 1;
  state = state * 0x9e3779b97f4a7c15 + 1;
  device.port = &port;
  device.frame = scratch;
  device.identity = (tj_identity){TJ_PROGRAM, "fuzzed", "0", "0"};
  device.calibration = kept;
  device.capabilities.tick_hz = 1000000;
  device.capabilities.mask = 15;
  device.capabilities.bits = 12;
  device.capabilities.channels = 4;
  for (int i = 0; i < 4; i++) device.capabilities.channel[i].name = "adc";
  uint8_t bytes[TJ_MAX_FRAME];
  fault_counts faults = {0};
  while (fed < wanted) {
    uint32_t n = make_bytes(bytes);
    for (uint32_t at = 0; at < n;) {  // as USB brings it: cut anywhere
      uint32_t piece = 1 + below(64);
      if (piece > n - at) piece = n - at;
      tj_device_take(&device, bytes + at, piece, now += below(100));
      at += piece;
    }
    fed += n;
    if (below(64) == 0) has_room = !has_room;
    if (below(32) == 0 && device.running) make_records();
    tj_device_transport(&device, now, (int)below(2), now - below(50000));
    if (below(1000) == 0) tj_device_halt(&device);
    if (below(256) == 0) inject_faults(&faults);
    CHECK(device.running == running);
    CHECK(device.calibration_bytes <= TJ_MAX_CALIBRATION &&
          device.page_bytes <= TJ_MAX_CALIBRATION);
  }
  const tj_split_counts *c = &device.splitter.counts;
  CHECK(device.sequence == frames_sent + frames_refused);
  printf(
      "{\"bytes\":%llu,\"frames\":%u,\"bad\":%u,\"other_version\":%u,\"skipped\":%u,\"replies\":%u,"
      "\"sent\":%u,\"without_room\":%u,\"runs\":%u,\"stores\":%u,\"bootloader\":%u,"
      "\"ina226_readings\":%u,\"ina226_not_read\":%u,\"edges\":%u,\"latches_refused\":%u}\n",
      (unsigned long long)fed, c->frames, c->bad, c->other_version, c->skipped, replies_sent,
      frames_sent, frames_refused, starts, stores, leaves, faults.readings, faults.not_read,
      faults.placed, faults.refused);
  return 0;
}

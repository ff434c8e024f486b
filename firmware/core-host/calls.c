#include "calls.h"

#include "../core/bytes.h"
#include "../core/device.h"
#include "../core/ina_bus.h"
#include "../core/place.h"

enum { SAMPLES = 1, EDGES, READINGS, STATUS, CONVERSE, FEED, PLACE, INA };

typedef struct {
  const uint8_t *p;
} reader;

static uint32_t u32(reader *r) {
  r->p += 4;
  return tj_get32(r->p - 4);
}
static uint64_t u64(reader *r) {
  r->p += 8;
  return tj_get64(r->p - 8);
}
static const uint8_t *bytes(reader *r, uint32_t n) {
  r->p += n;
  return r->p - n;
}

static _Alignas(4) uint8_t frame[TJ_CALL_BYTES];

static uint32_t put_frame(uint8_t *answer, uint32_t n) {
  tj_copy(answer, frame, n);
  return n;
}

static uint32_t samples(reader r, uint8_t *answer) {
  static uint16_t values[TJ_CALL_BYTES / 2];
  static uint32_t words[512];
  uint32_t sequence = u32(&r);
  tj_samples s;
  s.run = u32(&r);
  s.rows = u32(&r);
  s.mask = u32(&r);
  s.bits = u32(&r);
  s.lines = u32(&r);
  s.index = u64(&r);
  s.tick = u64(&r);
  uint32_t n_words = u32(&r), start = u32(&r), ring = u32(&r), channels = tj_channels_of(s.mask);
  for (uint32_t i = 0; i < n_words; i++) words[i] = u32(&r);
  for (uint32_t i = 0; i < s.rows * channels; i++, r.p += 2)
    values[(start + i) & (ring - 1)] = (uint16_t)tj_get16(r.p);
  tj_pack(frame + TJ_ROWS_AT, (tj_ring){values, ring - 1, start}, s.rows, channels, s.bits);
  return put_frame(answer, tj_samples_frame(frame, &s, words, n_words, sequence));
}

static uint32_t edges(reader r, uint8_t *answer) {
  static tj_edge list[64];
  uint32_t sequence = u32(&r), run = u32(&r), n = u32(&r);
  for (uint32_t i = 0; i < n; i++) {
    tj_edge *e = &list[i];
    e->index = u64(&r);
    e->tick = u64(&r);
    e->count = u32(&r);
    e->line = (uint8_t)u32(&r);
    e->level = (uint8_t)u32(&r);
  }
  return put_frame(answer, tj_edges_frame(frame, list, n, run, sequence));
}

static uint32_t readings(reader r, uint8_t *answer) {
  static tj_reading list[64];
  uint32_t sequence = u32(&r), run = u32(&r), n = u32(&r);
  for (uint32_t i = 0; i < n; i++) {
    tj_reading *x = &list[i];
    x->end_tick = u64(&r);
    x->duration_ticks = u32(&r);
    x->number = u32(&r);
    x->shunt = (int16_t)u32(&r);
    x->bus = (uint16_t)u32(&r);
    x->config = (uint16_t)u32(&r);
    x->address = (uint8_t)u32(&r);
    x->status = (uint8_t)u32(&r);
  }
  return put_frame(answer, tj_readings_frame(frame, list, n, run, sequence));
}

static uint32_t status(reader r, uint8_t *answer) {
  uint32_t sequence = u32(&r), run = u32(&r);
  tj_status s = {.state = u32(&r)};
  s.tick = u64(&r);
  s.next_index = u64(&r);
  uint32_t *counters[] = {&s.frames_dropped, &s.rows_overrun,  &s.stalls,
                          &s.longest_stall,  &s.edges_dropped, &s.commands_refused};
  for (uint32_t i = 0; i < 6; i++) *counters[i] = u32(&r);
  return put_frame(answer, tj_status_frame(frame, &s, run, sequence));
}

// A device on a bench of variables: what it sends is collected, what it asks is answered from here.
static struct {
  uint64_t now, row;
  uint8_t *out;
  uint32_t sent, stores;
  uint8_t stored[TJ_MAX_CALIBRATION];
} bench;

static uint64_t bench_now(void) { return bench.now; }
static int bench_send(const uint8_t *f, uint32_t n) {
  tj_copy(bench.out + bench.sent, f, n);
  bench.sent += n;
  return 1;
}
static int bench_configure(tj_capabilities *c, uint32_t row_mhz, uint32_t mask, uint32_t bits) {
  if (mask == 0 || mask > 15 || bits != 12) return 0;
  c->row_mhz = row_mhz;
  c->mask = (uint8_t)mask;
  return 1;
}
static void bench_nothing(void) {}
static uint64_t bench_row(uint64_t tick) { return tick ? bench.row : 0; }
static int bench_store(const uint8_t *text, uint32_t n) {
  tj_copy(bench.stored, text, n);
  bench.stores++;
  return 1;
}

static const tj_port port = {bench_now,     bench_send, bench_configure, bench_nothing,
                             bench_nothing, bench_row,  bench_store,     bench_nothing};
static tj_device device;

static void capabilities(reader *r, tj_capabilities *c) {
  c->tick_hz = u32(r);
  c->tick_tolerance_ppb = u32(r);
  c->row_mhz = u32(r);
  c->max_samples_hz = u32(r);
  const uint8_t *p = bytes(r, 8);
  c->mask = p[0];
  c->bits = p[1];
  c->edge_lines = p[2];
  c->sampled_lines = p[3];
  c->rows_per_block = (uint16_t)tj_get16(p + 4);
  c->channels = p[6];
  for (uint32_t i = 0; i < c->channels; i++) {
    p = bytes(r, 4);
    c->channel[i] = (tj_channel){p[0], p[1], p[2], p[3], 0, 0, 0, 0};
    c->channel[i].skew_ns = (int32_t)u32(r);
    c->channel[i].full_scale_uv = u32(r);
    c->channel[i].bandwidth_hz = u32(r);
    c->channel[i].name = (const char *)bytes(r, 20);
  }
}

static void new_device(void) {
  device = (tj_device){0};
  device.port = &port;
  device.frame = frame;
  device.identity = (tj_identity){TJ_PROGRAM, "core", "0123", "1.0.0"};
  device.capabilities.tick_hz = 1000000;
  device.calibration = bench.stored;
}

// One command to a device in a stated condition; answers with what it sent.
static uint32_t converse(reader r, uint8_t *answer, const uint8_t *end) {
  new_device();
  device.sequence = u32(&r);
  device.run = u32(&r);
  device.running = (uint8_t)u32(&r);
  uint64_t taken = u64(&r);
  bench.now = u64(&r);
  bench.row = u64(&r);
  device.identity.platform = (tj_platform)u32(&r);
  device.identity.model = (const char *)bytes(&r, 24);
  device.identity.serial = (const char *)bytes(&r, 20);
  device.identity.firmware = (const char *)bytes(&r, 20);
  capabilities(&r, &device.capabilities);
  device.calibration_bytes = u32(&r);
  device.calibration = bytes(&r, device.calibration_bytes);
  bench.out = answer;
  bench.sent = 0;
  tj_device_take(&device, r.p, (uint32_t)(end - r.p), taken);
  return bench.sent;
}

// Bytes to one and the same device; answers with the splitter's counts, then what was sent.
static uint32_t feed(reader r, uint8_t *answer, const uint8_t *end) {
  if (u32(&r)) new_device();
  bench.out = answer + 16;
  bench.sent = 0;
  tj_device_take(&device, r.p, (uint32_t)(end - r.p), 1);
  const tj_split_counts *c = &device.splitter.counts;
  tj_put32(answer, c->frames);
  tj_put32(answer + 4, c->bad);
  tj_put32(answer + 8, c->other_version);
  tj_put32(answer + 12, c->skipped);
  return 16 + bench.sent;
}

// An edge: tick and the double buffer's offsets → samples complete, row, whether the offsets
// fitted.
static uint32_t place(reader r, uint8_t *answer) {
  tj_timing t = {.start_tick = u64(&r)};
  t.counts_a_tick = u32(&r);
  t.sample_counts = u32(&r);
  t.channels = u32(&r);
  tj_double_buffer b = {.block = u32(&r)};
  b.ring = u32(&r);
  uint64_t tick = u64(&r), count;
  uint32_t offsets[2] = {u32(&r), 0};
  offsets[1] = u32(&r);
  int converting = (int)u32(&r);
  int fits = tj_samples_at(&t, b, tick, offsets, &count);
  tj_put64(answer, count);
  tj_put64(answer + 8, tj_row_at_edge(&t, count, converting, tick));
  tj_put64(answer + 16, tj_row_after(&t, tick));
  tj_put64(answer + 24, tj_tick_of_row(&t, tj_row_after(&t, tick)));
  tj_put32(answer + 32, (uint32_t)fits);
  return 36;
}

// The INA226s of a bus, call by call: begin another chip, the line fell, next, done; bit 31 of `call`:
// the line is low.
static uint32_t ina(reader r, uint8_t *answer) {
  static tj_ina_bus bus;
  static uint32_t chips;
  tj_i2c op = {0};
  uint32_t call = u32(&r), is_low = call >> 31;
  call &= 0x7fffffff;
  uint64_t now = u64(&r);
  uint32_t a = u32(&r), b = u32(&r);
  if (call == 0) {
    if (now == 0) {
      static const uint8_t none[TJ_INA_CHIPS] = {0};
      tj_ina_bus_begin(&bus, none, 0);
      for (uint32_t i = 0; i < TJ_INA_CHIPS; i++) bus.chip[i].state = TJ_INA_ABSENT;
      chips = 0;
    }
    tj_ina_begin(&bus.chip[chips++ % TJ_INA_CHIPS], (uint8_t)a, (uint16_t)b);
  }
  if (call == 1) tj_ina_bus_fell(&bus, now);
  if (call == 2) {
    answer[0] = (uint8_t)tj_ina_bus_next(&bus, now, (int)is_low, &op);
    answer[1] = op.address;
    answer[2] = op.written;
    answer[3] = op.reading;
    tj_copy(answer + 4, op.bytes, 3);
    return 7;
  }
  if (call != 3) return 0;
  const tj_reading *made = tj_ina_bus_done(&bus, now, (int)is_low, (int)a, (uint16_t)b);
  return made ? put_frame(answer, tj_readings_frame(frame, made, 1, 1, 0)) : 0;
}

uint32_t tj_call(const uint8_t *request, uint32_t n, uint8_t *answer) {
  reader r = {request + 4};
  switch (request[0]) {
    case SAMPLES: return samples(r, answer);
    case EDGES: return edges(r, answer);
    case READINGS: return readings(r, answer);
    case STATUS: return status(r, answer);
    case CONVERSE: return converse(r, answer, request + n);
    case FEED: return feed(r, answer, request + n);
    case PLACE: return place(r, answer);
    case INA: return ina(r, answer);
    default: return 0;
  }
}

// Fault injection into the two parts of the core that listen to hardware: an INA226 that answers
// late, wrongly, not at all, or has lost its supply, on a bus whose alert line falls when it likes;
// and latches of the trigger's DMA chain that fit no count of samples. Part of the fuzzer, under its
// sanitizers.
#include "../core/ina226.h"
#include "../core/place.h"
#include "check.h"

enum { ADDRESS = 0x40, RESET_CONFIG = 0x4127, STEPS = 64, CALM_US = 200000 };
enum { CVRF = 1 << 3 };

static tj_ina driver = {.state = TJ_INA_ABSENT};  // until it is told of its chip
static uint64_t now, last_end;
static uint32_t next_number;
// The chip: what it averages, and when its conversion is ready.
static uint16_t chip_config;
static uint64_t ready;

static uint16_t answer(uint8_t reg) {
  switch (reg) {
    case 0x00: return chip_config;
    case 0x06: return (uint16_t)((now >= ready ? CVRF : 0) | (below(8) ? 0 : 4) | 0x400);
    case 0xfe: return 0x5449;
    case 0xff: return (uint16_t)(0x2260 | below(16));
    default: return (uint16_t)below(65536);
  }
}

static void take_write(const tj_i2c *op) {
  if (op->written != 3 || op->bytes[0] != 0) return;
  chip_config = (uint16_t)(op->bytes[1] << 8 | op->bytes[2]);
  ready = now + tj_ina_conversion_us(chip_config);
}

static void check_reading(const tj_reading *r, fault_counts *c) {
  CHECK(r->address == ADDRESS && r->number == next_number++);
  CHECK(r->end_tick <= now && r->end_tick >= last_end);
  CHECK(r->status <= 3);
  last_end = r->end_tick;
  if (r->status & 1) {
    CHECK(r->shunt == 0 && r->bus == 0 && r->config == 0);
    c->not_read++;
    return;
  }
  CHECK(r->duration_ticks == tj_ina_conversion_us(r->config));
  c->readings++;
}

// One transaction, if the driver wants one. In a fault of `one in`, 0 for none.
static void transact(uint32_t one_in, fault_counts *c) {
  tj_i2c op, other;
  if (!tj_ina_next(&driver, now, &op)) return;
  CHECK(op.address == ADDRESS && op.reading == (op.written == 1));
  CHECK(!tj_ina_next(&driver, now, &other));
  now += 20 + below(200);
  int fails = one_in && below(one_in) == 0;
  uint16_t value = answer(op.bytes[0]);
  if (!fails && !op.reading) take_write(&op);
  if (one_in && below(one_in) == 0) value ^= (uint16_t)(1u << below(16));
  if (op.reading && op.bytes[0] == 2 && !fails) ready = now + tj_ina_conversion_us(chip_config);
  if (tj_ina_done(&driver, now, !fails, value)) check_reading(&driver.reading, c);
}

static void step_bus(uint32_t one_in, fault_counts *c) {
  now += below(below(16) ? 400 : 20000);
  if (one_in && below(64 * one_in) == 0) chip_config = RESET_CONFIG;
  if (now >= ready && below(4) == 0) tj_ina_alert(&driver, now);
  if (one_in && below(16) == 0) tj_ina_alert(&driver, now);
  transact(one_in, c);
}

// Faults for a while; then a chip that was found must be read again, set up as asked.
static void shake_bus(fault_counts *c) {
  if (driver.state == TJ_INA_ABSENT || below(32) == 0) {
    tj_ina_begin(&driver, ADDRESS, TJ_INA_CONFIG);
    next_number = 0;
  }
  uint32_t one_in = 2 + below(30);
  for (uint32_t i = 0; i < STEPS; i++) step_bus(one_in, c);
  if (!driver.found) return;
  uint32_t before = c->readings;
  for (uint64_t end = now + CALM_US; now < end;) step_bus(0, c);
  CHECK(c->readings > before && driver.state != TJ_INA_ABSENT);
  CHECK(driver.reading.status != 1 && driver.reading.config == TJ_INA_CONFIG);
}

static void check_row(const tj_timing *t, uint64_t samples, uint64_t tick) {
  uint64_t row = tj_row_at_edge(t, samples, (int)below(2), tick);
  // Known to the tick: it begins no earlier than the tick before, the row before it no later than
  // the tick after.
  CHECK(tj_tick_of_row(t, row) + 2 >= tick);
  CHECK(row == 0 || tj_tick_of_row(t, row - 1) <= tick + 1);
}

static void place_edge(fault_counts *c) {
  tj_timing t = {below(1u << 30), 48, 96 + below(below(2) ? 100 : 65441), 1 + below(4)};
  tj_double_buffer b = {512 * t.channels, 2048};
  uint64_t n = (uint64_t)below(1u << 31) * (1 + below(1000)), found;
  uint64_t tick = t.start_tick + (n * t.sample_counts + below(t.sample_counts)) / 48;
  uint32_t offsets[2];
  tj_write_offsets(b, n, offsets);
  CHECK(tj_samples_at(&t, b, tick, offsets, &found) && found == n);
  check_row(&t, n, tick);
  c->placed++;
  for (int i = 0; i < 2; i++)
    if (below(2)) offsets[i] = below(4096);
  if (!tj_samples_at(&t, b, tick, offsets, &found)) c->refused++;
  check_row(&t, found, tick);
}

void inject_faults(fault_counts *c) {
  shake_bus(c);
  for (int i = 0; i < 16; i++) place_edge(c);
}

// Fault injection into the two parts of the core that listen to hardware: one to four INA226s of unequal
// clocks, with and without an alert line, that answer late, wrongly, not at all, or have lost their
// supply; and latches of the trigger's DMA chain that fit no count of samples. Without faults every
// conversion's end must lie inside its stated bound. Part of the fuzzer, under its sanitizers.
#include "../core/ina_bus.h"
#include "../core/place.h"
#include "check.h"

enum { CHIPS = TJ_INA_CHIPS, RESET_CONFIG = 0x4127, STEPS = 64, CALM_US = 200000, ENDS = 8 };
enum { CVRF = 1 << 3, CNVR = 1 << 10 };

// A chip as it is: its conversions end by its own clock.
static struct {
  uint16_t config, mask;
  uint8_t is_there, is_wired, is_ready;
  uint32_t per_mille;     // its time over nominal
  uint64_t next, end[ENDS];  // when the conversion under way ends, and the last ones ended
  uint32_t ends;
  // As the host sees it.
  uint32_t number;
  uint64_t last_end;
} chip[CHIPS];

static const uint8_t address[CHIPS] = {0x40, 0x41, 0x44, 0x45};
static tj_ina_bus bus;
static uint64_t now, fell;
static int has_fallen;

static int line_is_low(void) {
  for (int i = 0; i < CHIPS; i++)
    if (chip[i].is_there && chip[i].is_wired && chip[i].is_ready && chip[i].mask & CNVR) return 1;
  return 0;
}

static void restart(int i) {
  chip[i].is_ready = 0;
  chip[i].next =
      now + (uint64_t)tj_ina_conversion_us(chip[i].config) * chip[i].per_mille / 1000 + below(2);
}

// Conversions end in their order until `to`; the line's falls are stamped a little later.
static void advance(uint64_t to) {
  for (;;) {
    int first = 0;
    for (int i = 1; i < CHIPS; i++)
      if (chip[i].next < chip[first].next) first = i;
    if (chip[first].next > to) break;
    int was_low = line_is_low();
    now = chip[first].next;
    restart(first);
    chip[first].is_ready = 1;
    chip[first].end[chip[first].ends++ % ENDS] = now;
    if (!was_low && line_is_low()) {
      fell = now + below(40);
      has_fallen = 1;
    }
  }
  now = to;
}

static void tell_fall(void) {
  if (!has_fallen) return;
  if (now < fell) advance(fell);  // the interrupt comes before the loop goes on
  has_fallen = 0;
  tj_ina_bus_fell(&bus, fell);
}

static uint16_t answer(int i, uint8_t reg) {
  uint16_t flags = (uint16_t)(chip[i].mask | (chip[i].is_ready ? CVRF : 0) | (below(8) ? 0 : 4));
  switch (reg) {
    case 0x00: return chip[i].config;
    case 0x06: chip[i].is_ready = 0; return flags;
    case 0xfe: return 0x5449;
    case 0xff: return (uint16_t)(0x2260 | below(16));
    default: return (uint16_t)below(65536);
  }
}

static void take_write(int i, const tj_i2c *op) {
  uint16_t value = (uint16_t)(op->bytes[1] << 8 | op->bytes[2]);
  if (op->bytes[0] == 6) chip[i].mask = value & CNVR;
  if (op->bytes[0] != 0) return;
  chip[i].config = value;
  restart(i);
}

static int of_address(uint8_t a) {
  for (int i = 0; i < CHIPS; i++)
    if (address[i] == a) return i;
  return -1;
}

static int is_inside(int i, const tj_reading *r) {
  uint64_t bound = r->status & TJ_INA_UNCERTAIN ? 1ull << (r->status >> TJ_INA_BOUND_AT) : TJ_INA_EXACT_US;
  for (uint32_t k = 0; k < ENDS && k < chip[i].ends; k++) {
    uint64_t end = chip[i].end[k];
    if ((end > r->end_tick ? end - r->end_tick : r->end_tick - end) <= bound) return 1;
  }
  return 0;
}

static void check_reading(const tj_reading *r, int is_faulty, fault_counts *c) {
  int i = of_address(r->address);
  CHECK(i >= 0 && r->number == chip[i].number++);
  CHECK(r->end_tick <= now);
  if (r->status & TJ_INA_NOT_READ) {
    CHECK(r->status == TJ_INA_NOT_READ && r->shunt == 0 && r->bus == 0 && r->config == 0);
    c->not_read++;
    return;
  }
  CHECK(r->duration_ticks == tj_ina_conversion_us(r->config));
  CHECK(r->status & TJ_INA_UNCERTAIN || r->status >> TJ_INA_BOUND_AT == 0);
  if (!is_faulty) CHECK(is_inside(i, r) && r->end_tick > chip[i].last_end);
  chip[i].last_end = r->end_tick;
  c->readings++;
}

// One transaction, if one is wanted. A fault one time in `one_in`, 0 for none.
static void transact(uint32_t one_in, fault_counts *c) {
  tj_i2c op, other;
  tell_fall();
  uint64_t began = now;
  advance(now + below(3));
  int is_low = line_is_low();
  tell_fall();
  if (!tj_ina_bus_next(&bus, began, is_low, &op)) return;
  int i = of_address(op.address);
  CHECK(i >= 0 && op.reading == (op.written == 1));
  CHECK(!tj_ina_bus_next(&bus, now, is_low, &other));
  advance(now + 40 + below(40));
  int fails = !chip[i].is_there || (one_in && below(one_in) == 0);
  uint16_t value = fails ? 0 : answer(i, op.bytes[0]);
  if (!fails && !op.reading) take_write(i, &op);
  if (one_in && below(one_in) == 0) value ^= (uint16_t)(1u << below(16));
  advance(now + 40 + below(40));
  uint64_t over = now;
  advance(now + (below(16) ? below(200) : below(1500)));  // until the loop comes round
  tell_fall();
  const tj_reading *r = tj_ina_bus_done(&bus, over, line_is_low(), !fails, value);
  if (r) check_reading(r, one_in != 0, c);
}

static void step_bus(uint32_t one_in, fault_counts *c) {
  advance(now + below(below(16) ? 250 : 1500));
  if (one_in && below(64 * one_in) == 0) {  // a supply that blinks
    int i = (int)below(CHIPS);
    chip[i].config = RESET_CONFIG;
    chip[i].mask = 0;
    restart(i);
  }
  if (one_in && below(16) == 0) tj_ina_bus_fell(&bus, now);
  transact(one_in, c);
}

static void begin_bus(void) {
  int all_wired = (int)below(3);  // none, some, all
  for (int i = 0; i < CHIPS; i++) {
    chip[i].is_there = i == 0 || below(3) > 0;
    chip[i].is_wired = (uint8_t)(all_wired == 1 ? below(2) : (uint32_t)all_wired / 2);
    chip[i].config = RESET_CONFIG;
    chip[i].mask = 0;
    chip[i].per_mille = below(4) ? 900 + below(201) : 1000;
    chip[i].ends = chip[i].number = 0;
    chip[i].last_end = 0;
    restart(i);
  }
  tj_ina_bus_begin(&bus, address, TJ_INA_CONFIG);
  has_fallen = 0;
}

// Without faults: found, set up, each conversion read inside its bound. Then faults for a while; then a
// chip that was found must be read again, set up as asked.
static void shake_bus(fault_counts *c) {
  begin_bus();
  uint32_t before = c->readings;
  for (uint64_t end = now + CALM_US; now < end;) step_bus(0, c);
  CHECK(c->readings > before + CALM_US / 9700 - 3);
  uint32_t one_in = 2 + below(30);
  for (uint32_t i = 0; i < STEPS; i++) step_bus(one_in, c);
  if (!bus.chip[0].found) return;
  before = chip[0].number;
  for (uint64_t end = now + CALM_US; now < end;) step_bus(1000000, c);
  CHECK(chip[0].number > before && bus.chip[0].state != TJ_INA_ABSENT);
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

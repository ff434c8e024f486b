#include "ina226.h"

// Registers, and the bits of Mask/Enable (SBOS547, register details).
enum { CONFIG = 0x00, SHUNT = 0x01, BUS = 0x02, MASK = 0x06, MAKER = 0xfe, DIE = 0xff };
enum { CNVR = 1 << 10, CVRF = 1 << 3, OVF = 1 << 2 };
enum { TEXAS = 0x5449, INA226_DIE = 0x226 };  // the die register's low four bits are the revision

// The chip's clock is within 10 % (SBOS547, electrical characteristics): shares of the nominal time
// before which no conversion ends, and after which one has ended and the alert was missed.
static uint64_t soonest(uint32_t nominal) { return nominal * 22u / 25; }  // 0.88
static uint64_t overdue(uint32_t nominal) { return nominal * 23u / 20; }  // 1.15

uint32_t tj_ina_conversion_us(uint16_t config) {
  static const uint16_t time_us[8] = {140, 204, 332, 588, 1100, 2116, 4156, 8244};
  static const uint16_t averages[8] = {1, 4, 16, 64, 128, 256, 512, 1024};
  uint32_t once = time_us[config >> 3 & 7] + time_us[config >> 6 & 7];
  return once * averages[config >> 9 & 7];
}

void tj_ina_begin(tj_ina *s, uint8_t address, uint16_t config) {
  *s = (tj_ina){.state = TJ_INA_MAKER, .config = config};
  s->reading.address = address;
  s->reading.duration_ticks = tj_ina_conversion_us(config);
}

void tj_ina_ask(tj_ina *s, uint64_t now) {
  if (s->state != TJ_INA_WAIT && s->state != TJ_INA_FLAGS) return;
  if (now < s->possible) return;
  s->state = TJ_INA_FLAGS;
  s->urgent = 1;
}

static int read_register(const tj_ina *s, tj_i2c *op, uint8_t reg) {
  *op = (tj_i2c){s->reading.address, {reg, 0, 0}, 1, 1};
  return 1;
}

static int write_register(const tj_ina *s, tj_i2c *op, uint8_t reg, uint32_t value) {
  *op = (tj_i2c){s->reading.address, {reg, (uint8_t)(value >> 8), (uint8_t)value}, 3, 0};
  return 1;
}

static int wanted(tj_ina *s, uint64_t now, tj_i2c *op) {
  if (s->state == TJ_INA_WAIT && now >= s->due) s->state = TJ_INA_FLAGS;
  switch (s->state) {
    case TJ_INA_MAKER: return read_register(s, op, MAKER);
    case TJ_INA_DIE: return read_register(s, op, DIE);
    case TJ_INA_CONFIGURE: return now >= s->due && write_register(s, op, CONFIG, s->config);
    case TJ_INA_ALERT: return write_register(s, op, MASK, CNVR);
    case TJ_INA_FLAGS: return read_register(s, op, MASK);
    case TJ_INA_SHUNT: return read_register(s, op, SHUNT);
    case TJ_INA_BUS: return read_register(s, op, BUS);
    case TJ_INA_CHECK: return read_register(s, op, CONFIG);
    case TJ_INA_WAIT:
    case TJ_INA_ABSENT: return 0;
  }
  return 0;
}

int tj_ina_next(tj_ina *s, uint64_t now, tj_i2c *op) {
  if (s->in_flight || !wanted(s, now, op)) return 0;
  s->in_flight = 1;
  return 1;
}

// The flag is clear from `tick` on, and a conversion began no earlier. A chip that pulls the line is
// asked when it does; another from the moment that it can be ready, again and again.
static void await(tj_ina *s, uint64_t tick) {
  uint32_t nominal = s->reading.duration_ticks;
  s->possible = tick + soonest(nominal);
  s->due = s->wired ? tick + overdue(nominal) : s->possible;
  s->state = TJ_INA_WAIT;
}

static int report(tj_ina *s, uint64_t end_tick, uint32_t status) {
  s->reading.end_tick = end_tick;
  s->reading.status = (uint8_t)status;
  s->reading.number = s->readings++;
  return 1;
}

// A chip that answered before and is silent now: said once a conversion, and set up again, since it
// may have lost its supply.
static int not_read(tj_ina *s, uint64_t now) {
  if (!s->found) {
    s->state = TJ_INA_ABSENT;
    return 0;
  }
  s->reading.duration_ticks = tj_ina_conversion_us(s->config);
  s->due = now + s->reading.duration_ticks;
  s->state = TJ_INA_CONFIGURE;
  s->reading.shunt = 0;
  s->reading.bus = s->reading.config = 0;
  return report(s, now, TJ_INA_NOT_READ);
}

// Status of an end in the middle of [low, high].
static uint32_t bound(uint64_t low, uint64_t high) {
  uint64_t half = (high - low + 1) / 2;
  if (half <= TJ_INA_EXACT_US) return 0;
  uint32_t n = 0;
  while (n < 31 && half > 1ull << n) n++;
  return TJ_INA_UNCERTAIN | n << TJ_INA_BOUND_AT;
}

static int report_end(tj_ina *s) {
  uint32_t overflow = s->reading.status & TJ_INA_OVERFLOW;
  if (s->sole) return report(s, s->fall, overflow);
  return report(s, s->low + (s->high - s->low) / 2, overflow | bound(s->low, s->high));
}

static int complete(tj_ina *s, uint16_t config) {
  s->reading.config = config;
  s->reading.duration_ticks = tj_ina_conversion_us(config);
  if (config == s->config) {
    await(s, s->low);
    return report_end(s);
  }
  // A chip that was reset in between averaged something else and pulled no line: say what it was, and
  // set it up again.
  s->sole = 0;
  s->low = s->floor;
  s->due = 0;
  s->state = TJ_INA_CONFIGURE;
  return report_end(s);
}

// Only this read can have made the line rise; and a line that was high and did not fall is not pulled
// by a chip that is ready.
static void see_wire(tj_ina *s, const tj_ina_sight *x) {
  if (x->was_low && !x->is_low) s->wired = 1;
  if (!x->was_low && x->fell < x->began) s->wired = 0;
}

static void is_ready(tj_ina *s, const tj_ina_sight *x) {
  see_wire(s, x);
  s->floor = s->clear_from;
  s->low = s->possible > s->floor && s->possible < x->over ? s->possible : s->floor;
  s->high = x->over;
  s->fall = 0;
  s->sole = 0;
  // While the line was high, when the read began or before it last fell, this chip's flag was clear.
  uint64_t clear = 0;
  if (s->wired && !x->was_low) clear = x->began;
  int fell_before = x->was_low || x->fell_then >= x->began;  // also just after the look at the line
  if (s->wired && fell_before && x->fell_then >= s->clear_from) {
    s->fall = x->fell_then;
    clear = x->fell_then - TJ_INA_EXACT_US;
  }
  if (clear > s->low) s->low = clear;
  s->possible = s->low + soonest(s->reading.duration_ticks);
  s->clear_from = x->began;
  s->state = TJ_INA_SHUNT;
}

static void is_not_ready(tj_ina *s, const tj_ina_sight *x) {
  s->clear_from = x->began;
  s->state = TJ_INA_WAIT;
}

static void set_up(tj_ina *s, uint64_t began) {
  s->reading.duration_ticks = tj_ina_conversion_us(s->config);
  s->clear_from = began;  // writing the configuration clears the flag and begins a conversion
  s->state = TJ_INA_ALERT;
}

int tj_ina_done(tj_ina *s, const tj_ina_sight *x, int acknowledged, uint16_t value) {
  s->in_flight = s->urgent = 0;
  if (!acknowledged) return not_read(s, x->over);
  switch (s->state) {
    case TJ_INA_MAKER: s->state = value == TEXAS ? TJ_INA_DIE : TJ_INA_ABSENT; return 0;
    case TJ_INA_DIE:
      s->found = value >> 4 == INA226_DIE;
      s->state = s->found ? TJ_INA_CONFIGURE : TJ_INA_ABSENT;
      return 0;
    case TJ_INA_CONFIGURE: set_up(s, x->began); return 0;
    case TJ_INA_ALERT: await(s, s->clear_from); return 0;
    case TJ_INA_FLAGS:
      s->reading.status = value & OVF ? TJ_INA_OVERFLOW : 0;
      if (value & CVRF) is_ready(s, x);
      else is_not_ready(s, x);  // another chip's alert, or too early
      return 0;
    case TJ_INA_SHUNT:
      s->reading.shunt = (int16_t)value;
      s->state = TJ_INA_BUS;
      return 0;
    case TJ_INA_BUS:
      s->reading.bus = value;
      s->state = TJ_INA_CHECK;
      return 0;
    case TJ_INA_CHECK: return complete(s, value);
    case TJ_INA_WAIT:
    case TJ_INA_ABSENT: return 0;
  }
  return 0;
}

#include "ina226.h"

// Registers, and the bits of Mask/Enable (SBOS547, register details).
enum { CONFIG = 0x00, SHUNT = 0x01, BUS = 0x02, MASK = 0x06, MAKER = 0xfe, DIE = 0xff };
enum { CNVR = 1 << 10, CVRF = 1 << 3, OVF = 1 << 2 };
enum { TEXAS = 0x5449, INA226_DIE = 0x226 };  // the die register's low four bits are the revision
enum { NOT_READ = 1, OVERFLOW = 2 };          // status in docs/wire.md, 03

// Without an alert the chip is asked this often around the end of a conversion, µs. It bounds how
// far `ended` may be late then; with the alert it is the latency of an interrupt.
enum { POLL_US = 250 };

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

void tj_ina_alert(tj_ina *s, uint64_t tick) {
  if (s->state != TJ_INA_WAIT && s->state != TJ_INA_FLAGS) return;
  s->ended = tick;
  s->state = TJ_INA_FLAGS;
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
  if (s->state == TJ_INA_WAIT && now >= s->due) {
    s->ended = now;
    s->state = TJ_INA_FLAGS;
  }
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

static void await(tj_ina *s, uint64_t due) {
  s->due = due;
  s->state = TJ_INA_WAIT;
}

static int report(tj_ina *s, uint64_t end_tick) {
  s->reading.end_tick = end_tick;
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
  s->reading.status = NOT_READ;
  s->reading.shunt = 0;
  s->reading.bus = s->reading.config = 0;
  return report(s, now);
}

static int complete(tj_ina *s, uint16_t config) {
  s->reading.config = config;
  s->reading.duration_ticks = tj_ina_conversion_us(config);
  await(s, s->ended + s->reading.duration_ticks + POLL_US);
  // A chip that was reset in between averaged something else: say what it was, and set it up again.
  if (config != s->config) {
    s->due = 0;
    s->state = TJ_INA_CONFIGURE;
  }
  return report(s, s->ended);
}

int tj_ina_done(tj_ina *s, uint64_t now, int acknowledged, uint16_t value) {
  s->in_flight = 0;
  if (!acknowledged) return not_read(s, now);
  switch (s->state) {
    case TJ_INA_MAKER: s->state = value == TEXAS ? TJ_INA_DIE : TJ_INA_ABSENT; return 0;
    case TJ_INA_DIE:
      s->found = value >> 4 == INA226_DIE;
      s->state = s->found ? TJ_INA_CONFIGURE : TJ_INA_ABSENT;
      return 0;
    case TJ_INA_CONFIGURE:
      s->reading.duration_ticks = tj_ina_conversion_us(s->config);
      s->state = TJ_INA_ALERT;
      return 0;
    case TJ_INA_ALERT: await(s, now + s->reading.duration_ticks + POLL_US); return 0;
    case TJ_INA_FLAGS:
      s->reading.status = value & OVF ? OVERFLOW : 0;
      if (value & CVRF) s->state = TJ_INA_SHUNT;
      else await(s, s->due > now ? s->due : now + POLL_US);  // another chip's alert, or too early
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

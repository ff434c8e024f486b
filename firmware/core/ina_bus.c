#include "ina_bus.h"

void tj_ina_bus_begin(tj_ina_bus *b, const uint8_t address[TJ_INA_CHIPS], uint16_t config) {
  *b = (tj_ina_bus){0};
  for (uint32_t i = 0; i < TJ_INA_CHIPS; i++) tj_ina_begin(&b->chip[i], address[i], config);
}

static void ask_all(tj_ina_bus *b, uint64_t now) {
  for (uint32_t i = 0; i < TJ_INA_CHIPS; i++) tj_ina_ask(&b->chip[i], now);
}

void tj_ina_bus_fell(tj_ina_bus *b, uint64_t tick) {
  b->fell = tick;
  b->suspects = b->pullers = 0;
  for (uint32_t i = 0; i < TJ_INA_CHIPS; i++)
    if (b->chip[i].state != TJ_INA_ABSENT && tick >= b->chip[i].possible) b->suspects |= (uint8_t)(1u << i);
  ask_all(b, tick);
}

// While a chip holds the line another's end makes no fall: a line that is still low when all is read
// says so. Readings under way go first, or a line that is stuck would keep them from the bus.
static int is_at_rest(const tj_ina_bus *b) {
  for (uint32_t i = 0; i < TJ_INA_CHIPS; i++)
    if (b->chip[i].state >= TJ_INA_FLAGS && b->chip[i].state <= TJ_INA_CHECK) return 0;
  return 1;
}

// In turn; those that the line called for before the others, since their bound grows with every wait.
static int next_of(tj_ina_bus *b, uint64_t now, int urgent, tj_i2c *op) {
  for (uint32_t k = 1; k <= TJ_INA_CHIPS; k++) {
    uint32_t i = (b->asked + k) % TJ_INA_CHIPS;
    if (urgent && !b->chip[i].urgent) continue;
    if (!tj_ina_next(&b->chip[i], now, op)) continue;
    b->asked = i;
    return 1;
  }
  return 0;
}

int tj_ina_bus_next(tj_ina_bus *b, uint64_t now, int is_low, tj_i2c *op) {
  if (b->is_busy) return 0;
  if (is_low && is_at_rest(b)) ask_all(b, now);
  if (!next_of(b, now, 1, op) && !next_of(b, now, 0, op)) return 0;
  b->is_busy = 1;
  b->began = now;
  b->fell_then = b->fell;
  b->was_low = (uint8_t)is_low;
  return 1;
}

// A chip that was read after the fall and is not ready did not make it; one that was being read when the
// line fell may have become ready just before its flag was looked at, or just after.
static void judge(tj_ina_bus *b, const tj_ina *s) {
  uint8_t bit = (uint8_t)(1u << b->asked);
  if (!(b->suspects & bit)) return;
  int is_ready = s->state == TJ_INA_SHUNT;
  if (!is_ready && b->began < b->fell) return;
  b->suspects &= (uint8_t)~bit;
  if (is_ready) b->pullers |= bit;
}

static void convict(tj_ina_bus *b) {
  if (b->suspects || b->fell == 0) return;
  for (uint32_t i = 0; i < TJ_INA_CHIPS; i++)
    if (b->pullers == 1u << i && b->chip[i].fall == b->fell) b->chip[i].sole = 1;
}

const tj_reading *tj_ina_bus_done(tj_ina_bus *b, uint64_t over, int is_low, int acknowledged,
                                  uint16_t value) {
  tj_ina *s = &b->chip[b->asked];
  int was_flags = s->state == TJ_INA_FLAGS;
  tj_ina_sight sight = {b->began, over, b->fell, b->fell_then, b->was_low, (uint8_t)is_low};
  b->is_busy = 0;
  int is_complete = tj_ina_done(s, &sight, acknowledged, value);
  if (was_flags && acknowledged) {
    judge(b, s);
    convict(b);
  }
  return is_complete ? &s->reading : 0;
}

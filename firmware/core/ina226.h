// INA226 (TI SBOS547): one chip's register sequences as a state machine over an abstract I²C bus, and
// when its conversions ended. Out: the next transaction wanted; in: its outcome, and what was seen of
// the alert line meanwhile. Out at last: readings, each with the tick at which its conversion ended,
// and how far that may be wrong. Pure; ina_bus.c joins the chips of one bus.
#pragma once
#include <stdint.h>

#include "records.h"

// One transaction: `written` bytes to the chip, then, if `reading`, a repeated start and two bytes
// back.
typedef struct {
  uint8_t address, bytes[3], written, reading;
} tj_i2c;

typedef enum {
  // Who are you?
  TJ_INA_MAKER,
  TJ_INA_DIE,
  // Averages and times; alert on conversion ready.
  TJ_INA_CONFIGURE,
  TJ_INA_ALERT,
  // For the alert, or for its time.
  TJ_INA_WAIT,
  // A reading, and what produced it.
  TJ_INA_FLAGS,
  TJ_INA_SHUNT,
  TJ_INA_BUS,
  TJ_INA_CHECK,
  TJ_INA_ABSENT,
} tj_ina_state;

// What was seen while a transaction ran.
typedef struct {
  uint64_t began, over;     // ticks
  uint64_t fell, fell_then;  // when the alert line last fell, and as of the beginning; 0: never
  uint8_t was_low, is_low;  // the alert line, when it began and after it was over
} tj_ina_sight;

// The chip's conversion-ready flag is set by a conversion's end and cleared by reading it; while it is
// set the chip pulls the alert line, which others may share. So an end lies after a moment at which the
// flag was clear (read so, or the line was high), and before the read that found it set.
typedef struct {
  tj_ina_state state;
  uint16_t config;
  uint8_t found, in_flight;
  uint8_t urgent;         // FLAGS: the line fell, others may wait
  uint8_t wired;          // it was seen to hold the alert line
  uint32_t readings;      // made; the caller sets it to 0 when a run begins
  uint64_t due;           // WAIT: when to ask without an alert; CONFIGURE: not before
  uint64_t clear_from;    // the flag was clear at this tick
  uint64_t possible;      // no conversion ends before this tick: predicted from the end before
  // The conversion being read: it ended between `low` and `high`; `floor`: `low` without the alert line's
  // word; `fall`: the line's fall that may be its own, 0: none; `sole`: it is, since no other's can be.
  uint64_t low, high, floor, fall;
  uint8_t sole;
  tj_reading reading;  // complete when tj_ina_done says so
} tj_ina;

// 4 averages of 1.1 ms each way: 114 readings a second, noise below a count of the shunt register.
enum { TJ_INA_CONFIG = 0x4327 };
// Status in docs/wire.md, 03.
enum { TJ_INA_NOT_READ = 1, TJ_INA_OVERFLOW = 2, TJ_INA_UNCERTAIN = 4, TJ_INA_BOUND_AT = 3 };
// A fall of the alert line is stamped by an interrupt: no later than this, µs. An end without
// TJ_INA_UNCERTAIN is as good.
enum { TJ_INA_EXACT_US = 64 };

void tj_ina_begin(tj_ina *s, uint8_t address, uint16_t config);

// The alert line is low: the chip is asked, if a conversion of its can have ended by `now`.
void tj_ina_ask(tj_ina *s, uint64_t now);

// The next transaction, if one is wanted now. The chip stays busy until tj_ina_done.
int tj_ina_next(tj_ina *s, uint64_t now, tj_i2c *op);

// Its outcome: acknowledged or not, and the register if it was read. Returns 1 when `reading` is
// complete: good, or with TJ_INA_NOT_READ when the chip did not answer.
int tj_ina_done(tj_ina *s, const tj_ina_sight *sight, int acknowledged, uint16_t value);

// (shunt time + bus time) × averages, µs (SBOS547, configuration register).
uint32_t tj_ina_conversion_us(uint16_t config);

// INA226 (TI SBOS547): register sequences as a state machine over an abstract I²C bus. Out: the
// next transaction wanted; in: its outcome, and the moment the chip's alert line fell. Out at last:
// readings, each with the tick at which its conversion ended. Pure; the caller owns the bus and the
// clock (1 µs).
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

typedef struct {
  tj_ina_state state;
  uint16_t config;
  uint8_t found, in_flight;
  uint32_t readings;   // made; the caller sets it to 0 when a run begins
  uint64_t due;        // WAIT: when to ask without an alert; CONFIGURE: not before
  uint64_t ended;      // tick at which the conversion being read ended
  tj_reading reading;  // complete when tj_ina_done says so
} tj_ina;

// 4 averages of 1.1 ms each way: 114 readings a second, noise below a count of the shunt register.
enum { TJ_INA_CONFIG = 0x4327 };

void tj_ina_begin(tj_ina *s, uint8_t address, uint16_t config);

// The alert line fell at `tick`: a conversion is ready on some chip of this bus.
void tj_ina_alert(tj_ina *s, uint64_t tick);

// The next transaction, if one is wanted now. The chip stays busy until tj_ina_done.
int tj_ina_next(tj_ina *s, uint64_t now, tj_i2c *op);

// Its outcome: acknowledged or not, and the register if it was read. Returns 1 when `reading` is
// complete: good, or with status bit 0 when the chip did not answer.
int tj_ina_done(tj_ina *s, uint64_t now, int acknowledged, uint16_t value);

// (shunt time + bus time) × averages, µs (SBOS547, configuration register).
uint32_t tj_ina_conversion_us(uint16_t config);

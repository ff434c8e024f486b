// Up to four INA226 on one I²C bus, their alert outputs on one line, on none, or some on it and some
// not: who is asked next, and whose the fall of the line was. In: transactions' outcomes, falls and
// levels of the line, the time. Out: the next transaction, readings. Pure.
#pragma once
#include <stdint.h>

#include "ina226.h"

enum { TJ_INA_CHIPS = 4 };

typedef struct {
  tj_ina chip[TJ_INA_CHIPS];
  uint64_t fell, fell_then;  // when the line last fell; and as of the transaction's beginning; 0: never
  uint64_t began;  // the transaction under way
  uint32_t asked;  // the chip that it is with
  uint8_t is_busy, was_low;
  // Chips, a bit each, that may have made the last fall and were not read since; that may and were found
  // ready. When the first are none and the second are one, it did.
  uint8_t suspects, pullers;
} tj_ina_bus;

// A chip with state TJ_INA_ABSENT is not there.
void tj_ina_bus_begin(tj_ina_bus *b, const uint8_t address[TJ_INA_CHIPS], uint16_t config);

// The alert line fell; stamped no later than TJ_INA_EXACT_US after.
void tj_ina_bus_fell(tj_ina_bus *b, uint64_t tick);

// The next transaction, to be begun now, if one is wanted. `is_low`: the alert line's level, looked at
// no earlier than at `now`; falls up to that look were told of.
int tj_ina_bus_next(tj_ina_bus *b, uint64_t now, int is_low, tj_i2c *op);

// It was over at `over`; falls up to then were told of. Returns a reading when one is complete, else 0.
const tj_reading *tj_ina_bus_done(tj_ina_bus *b, uint64_t over, int is_low, int acknowledged,
                                  uint16_t value);

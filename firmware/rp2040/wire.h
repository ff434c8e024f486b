// I²C0 as a master at 400 kHz on GPIO 4 and 5, one transaction at a time, polled (RP2040
// datasheet, 4.3); and the alert line of the sensors on GPIO 6, whose fall is stamped by an
// interrupt.
#pragma once
#include <stdint.h>

#include "ina226.h"

enum { SDA_PIN = 4, SCL_PIN = 5, ALERT_PIN = 6 };

void wire_set_up(void);
void wire_begin(const tj_i2c *op);
// Whether a transaction ended, or the alert line fell, that the calls below have not told of yet.
int wire_has_news(void);
// 0: still under way; 1: over, no later than at `*at`. `acknowledged` and, after a read, `value` are
// then set.
int wire_over(uint64_t *at, int *acknowledged, uint16_t *value);
// Whether the alert line fell since the last call, and when.
int wire_alert(uint64_t *tick);
int wire_alert_is_low(void);

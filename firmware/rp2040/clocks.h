// Clocks (RP2040 datasheet, 2.15–2.18, 4.6, 4.7): crystal 12 MHz → system 125 MHz, USB and
// converter 48 MHz, timer 1 MHz. All come from one crystal, so a converter period is an exact
// number of ticks.
#pragma once
#include <stdint.h>

enum { TICK_HZ = 1000000, CONVERTER_HZ = 48000000 };

void clocks_start(void);

// Ticks since power-up.
uint64_t clock_now(void);

// Wakes the processor this often from now on, so that the main loop sees what has no interrupt of
// its own.
void clock_wake_every(uint32_t us);
// Whether it did since the last call.
int clock_woke(void);

// The watchdog resets the chip when it is not fed for a second, once the clocks run; before that, from
// the first instruction of main, for the time that LOAD can hold.
void watchdog_start(void);
void watchdog_feed(void);

void watchdog_reset(void);

// A counter that survives a reset of the chip, though not of its supply.
uint32_t lasting_count(void);
void set_lasting_count(uint32_t n);

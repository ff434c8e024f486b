#include "clocks.h"

#include "handlers.h"
#include "regs.h"

enum { PLL_CS = 0, PLL_PWR = 4, PLL_FBDIV = 8, PLL_PRIM = 12 };
// RESETS bits that the running program stands on: the flash's pins, the PLLs, SYSCFG (2.14.3).
enum { KEEP_QSPI = 1 << 6 | 1 << 9 | 1 << 18, PLLS = 1 << 12 | 1 << 13, ALL_BLOCKS = 0x01ffffff };
// The RTC's clock never runs here, and a block without a clock never says that its reset is done: it
// stays in reset (2.14, 2.15.1; the SDK and embassy-rp wait for the RTC only after starting clk_rtc).
enum { RTC = 1 << 15, CLOCKED_BLOCKS = ALL_BLOCKS & ~RTC };

static void await(uint32_t address, uint32_t mask, uint32_t value) {
  while ((REG(address) & mask) != value) continue;
}

// VCO = 12 MHz × fb, output = VCO / (post1 × post2) (2.18.2).
static void start_pll(uint32_t pll, uint32_t fb, uint32_t post1, uint32_t post2) {
  REG(pll + PLL_CS) = 1;
  REG(pll + PLL_FBDIV) = fb;
  CLR(pll + PLL_PWR) = 0x21;  // PD, VCOPD
  await(pll + PLL_CS, 1u << 31, 1u << 31);
  REG(pll + PLL_PRIM) = post1 << 16 | post2 << 12;
  CLR(pll + PLL_PWR) = 8;  // POSTDIVPD
}

void clocks_start(void) {
  SET(RESETS) = ALL_BLOCKS & ~(KEEP_QSPI | PLLS);
  REG(XOSC + 0x0c) = 47 * 6;  // STARTUP: 6 ms, for crystals slower than the Pico's (2.16.3)
  REG(XOSC) = 0xaa0;          // 1–15 MHz
  SET(XOSC) = 0xfabu << 12;
  await(XOSC + 4, 1u << 31, 1u << 31);
  // Off the PLLs before they are reset: a second start, after a watchdog reset, finds them in use.
  CLR(CLK_SYS) = 1;
  await(CLK_SYS + 8, 3, 1);
  CLR(CLK_REF) = 3;
  await(CLK_REF + 8, 7, 1);
  SET(RESETS) = PLLS;
  CLR(RESETS) = PLLS;
  await(RESET_DONE, PLLS, PLLS);
  start_pll(PLL_SYS, 125, 6, 2);  // 1500 MHz / 12 = 125 MHz
  start_pll(PLL_USB, 100, 5, 5);  // 1200 MHz / 25 = 48 MHz
  REG(CLK_REF) = 2;               // crystal
  await(CLK_REF + 8, 7, 4);
  REG(CLK_SYS) = 0;  // aux source PLL_SYS, then the glitchless switch to it
  SET(CLK_SYS) = 1;
  await(CLK_SYS + 8, 3, 2);
  REG(CLK_PERI) = 1u << 11;
  REG(CLK_USB) = 1u << 11;  // from PLL_USB
  REG(CLK_ADC) = 1u << 11;
  CLR(RESETS) = CLOCKED_BLOCKS;
  await(RESET_DONE, CLOCKED_BLOCKS, CLOCKED_BLOCKS);
  REG(WATCHDOG_TICK) = 12 | 1u << 9;  // 12 MHz / 12: a tick of 1 µs
}

uint64_t clock_now(void) {
  for (;;) {
    uint32_t high = REG(TIMER_RAWH), low = REG(TIMER_RAWL);
    if (high == REG(TIMER_RAWH)) return (uint64_t)high << 32 | low;
  }
}

static volatile uint8_t woke;
static volatile uint32_t wake_us;

int clock_woke(void) {
  int did = woke;
  woke = 0;
  return did;
}

void on_timer(void) {
  woke = 1;
  REG(TIMER_INTR) = 1;
  REG(TIMER_ALARM0) = REG(TIMER_RAWL) + wake_us;
}

void clock_wake_every(uint32_t us) {
  wake_us = us;
  REG(TIMER_INTE) = 1;
  REG(TIMER_ALARM0) = REG(TIMER_RAWL) + us;
  REG(NVIC_ISER) = 1u << IRQ_TIMER_0;
}

enum { WATCHDOG_US = 1000000, LOAD_MOST = 0xffffff };
enum { RESET_ALL = 0x1ffff & ~3u };  // all but the oscillators (2.13.5)

// Before the crystal runs the tick comes from the ring oscillator, about 6 MHz over 12: LOAD lasts some
// 15 s, far longer than the start takes. A crystal that does not start is tried again then.
void watchdog_start(void) {
  REG(PSM_WDSEL) = RESET_ALL;
  REG(WATCHDOG_TICK) = 12 | 1u << 9;
  REG(WATCHDOG_LOAD) = LOAD_MOST;
  SET(WATCHDOG) = 1u << 30;  // its pause under a debugger stays as it is: on (4.7.6)
}

void watchdog_reset(void) {
  REG(PSM_WDSEL) = RESET_ALL;
  SET(WATCHDOG) = 1u << 31;
  for (;;) continue;
}

// Counts down twice a tick (erratum RP2040-E1).
void watchdog_feed(void) { REG(WATCHDOG_LOAD) = 2 * WATCHDOG_US; }

// The ROM's USB bootloader takes its arguments from scratch 0 and 1, and a watchdog start looks at 4 to 7
// (2.8.1.1, 2.8.3.1): 2 and 3 are nobody's.
uint32_t lasting_count(void) {
  uint32_t n = REG(WATCHDOG_SCRATCH(2));
  return REG(WATCHDOG_SCRATCH(3)) == ~n ? n : 0;
}

void set_lasting_count(uint32_t n) {
  REG(WATCHDOG_SCRATCH(2)) = n;
  REG(WATCHDOG_SCRATCH(3)) = ~n;
}

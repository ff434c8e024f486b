// RP2040 registers in use, by the names of the RP2040 datasheet; its section stands beside each.
// Writes through SET() and CLR() are atomic (2.1.2).
#pragma once
#include <stdint.h>

#define REG(a) (*(volatile uint32_t *)(uintptr_t)(a))
#define SET(a) REG((a) + 0x2000)
#define CLR(a) REG((a) + 0x3000)

enum {
  // 2.3.2 interrupts
  IRQ_TIMER_0 = 0,
  IRQ_USBCTRL = 5,
  IRQ_DMA_0 = 11,
  IRQ_IO_BANK0 = 13,
  IRQ_I2C0 = 23,
  // 2.5.3.1 DREQ
  DREQ_PIO0_RX0 = 4,
  DREQ_ADC = 36,
  DREQ_NONE = 63,
  // 2.19.2 pin functions
  FUNC_I2C = 3,
  FUNC_SIO = 5,
  FUNC_NULL = 31,
};

#define SYSINFO 0x40000000u  // 2.20
#define SYSINFO_CHIP_ID (SYSINFO + 0x00)
#define SYSINFO_PLATFORM (SYSINFO + 0x04)
#define CLOCKS 0x40008000u  // 2.15
#define CLK_REF (CLOCKS + 0x30)
#define CLK_SYS (CLOCKS + 0x3c)
#define CLK_PERI (CLOCKS + 0x48)
#define CLK_USB (CLOCKS + 0x54)
#define CLK_ADC (CLOCKS + 0x60)
#define RESETS 0x4000c000u  // 2.14
#define RESET_DONE (RESETS + 0x08)
enum { RESET_I2C0 = 1 << 3, RESET_USBCTRL = 1 << 24 };
#define PSM_WDSEL 0x40010008u  // 2.13
#define IO_BANK0 0x40014000u   // 2.19.6.1
#define GPIO_CTRL(n) (IO_BANK0 + 8 * (n) + 4)
#define IO_INTR(n) (IO_BANK0 + 0xf0 + 4 * ((n) / 8))
#define IO_INTE(n) (IO_BANK0 + 0x100 + 4 * ((n) / 8))
#define IO_EDGE_LOW(n) (4u << 4 * ((n) % 8))
#define QSPI_SS_CTRL 0x4001800cu            // 2.19.6.2
#define PAD(n) (0x4001c000u + 4 + 4 * (n))  // 2.19.6.3
enum { PAD_OD = 0x80, PAD_IE = 0x40, PAD_8MA = 0x20, PAD_PUE = 8, PAD_PDE = 4, PAD_SCHMITT = 2 };
#define XOSC 0x40024000u     // 2.16
#define PLL_SYS 0x40028000u  // 2.18
#define PLL_USB 0x4002c000u
#define I2C0 0x40044000u  // 4.3.17
#define ADC 0x4004c000u   // 4.9.6
#define ADC_CS (ADC + 0x00)
#define ADC_FCS (ADC + 0x08)
#define ADC_FIFO (ADC + 0x0c)
#define ADC_DIV (ADC + 0x10)
#define TIMER 0x40054000u  // 4.6.5
#define TIMER_ALARM0 (TIMER + 0x10)
#define TIMER_RAWH (TIMER + 0x24)
#define TIMER_RAWL (TIMER + 0x28)
#define TIMER_INTR (TIMER + 0x34)
#define TIMER_INTE (TIMER + 0x38)
#define WATCHDOG 0x40058000u  // 4.7.6
#define WATCHDOG_LOAD (WATCHDOG + 0x04)
#define WATCHDOG_SCRATCH(n) (WATCHDOG + 0x0c + 4 * (n))
#define WATCHDOG_TICK (WATCHDOG + 0x2c)
#define SSI 0x18000000u  // 4.10.13
#define SSI_SR (SSI + 0x28)
#define SSI_DR0 (SSI + 0x60)

#define DMA 0x50000000u  // 2.5.7
#define DMA_READ(c) (DMA + 0x40 * (c) + 0x00)
#define DMA_WRITE(c) (DMA + 0x40 * (c) + 0x04)
#define DMA_COUNT(c) (DMA + 0x40 * (c) + 0x08)
#define DMA_CTRL(c) (DMA + 0x40 * (c) + 0x10)  // the alias that starts nothing
#define DMA_INTE0 (DMA + 0x404)
#define DMA_INTS0 (DMA + 0x40c)
#define DMA_DREQ_COUNT(c) (DMA + 0x800 + 0x40 * (c))  // any write clears it
#define DMA_TRIGGER (DMA + 0x430)
#define DMA_ABORT (DMA + 0x444)
enum { DMA_EN = 1, DMA_16 = 1 << 2, DMA_32 = 2 << 2, DMA_INCR_WRITE = 1 << 5, DMA_QUIET = 1 << 21 };
#define DMA_WRITE_RING(bits) ((bits) << 6 | 1u << 10)
#define DMA_CHAIN(c) ((uint32_t)(c) << 11)
#define DMA_DREQ(d) ((uint32_t)(d) << 15)

#define USB_DPRAM 0x50100000u    // 4.1.3.2
#define USB 0x50110000u          // 4.1.4
#define PIO0 0x50200000u         // 3.7
#define SIO_GPIO_IN 0xd0000004u  // 2.3.1.7
#define SIO_GPIO_OUT_CLR 0xd0000018u
#define SIO_GPIO_OE_SET 0xd0000024u
#define SIO_GPIO_OE_CLR 0xd0000028u

#define NVIC_ISER 0xe000e100u  // 2.4.8
#define NVIC_ICER 0xe000e180u
#define SCB_VTOR 0xe000ed08u

static inline void irq_off(void) { __asm volatile("cpsid i" ::: "memory"); }
static inline void irq_on(void) { __asm volatile("cpsie i" ::: "memory"); }
// What is pending runs here. Without the barrier a CPSID that follows at once may come first: a change of
// PRIMASK is sure to be seen only after an ISB (ARM DAI0321A, 4.7).
static inline void irq_window(void) { __asm volatile("cpsie i\nisb\ncpsid i" ::: "memory"); }

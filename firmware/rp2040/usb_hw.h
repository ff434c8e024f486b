// The USB controller's registers and its dual-port RAM (RP2040 datasheet, 4.1.3, 4.1.4), and the
// one delicate act: handing a buffer over.
#pragma once
#include "regs.h"

#define USB_ADDR_ENDP (USB + 0x00)
#define USB_MAIN_CTRL (USB + 0x40)
#define USB_SOF_RD (USB + 0x48)
#define USB_SIE_CTRL (USB + 0x4c)
#define USB_SIE_STATUS (USB + 0x50)
#define USB_BUFF_STATUS (USB + 0x58)
#define USB_EP_STALL_ARM (USB + 0x68)
#define USB_STALL_NAK (USB + 0x70)
#define USB_MUXING (USB + 0x74)
#define USB_PWR (USB + 0x78)
#define USB_PHY_DIRECT (USB + 0x7c)
#define USB_PHY_OVERRIDE (USB + 0x80)
#define USB_INTE (USB + 0x90)
#define USB_INTS (USB + 0x98)

enum { MUX_TO_PHY = 1 << 0, MUX_TO_PAD = 1 << 2, MUX_SOFTCON = 1 << 3 };
enum { PHY_DP_PULLUP = 1 << 1, PHY_DP_PULLUP_OVERRIDE = 1 << 2 };
enum {
  SIE_SUSPENDED = 1 << 4,
  SIE_BUS_RESET = 1 << 19,
  SIE_SETUP_REC = 1 << 17,
  SIE_PULLUP_EN = 1 << 16,
  SIE_EP0_INT_1BUF = 1 << 29
};
enum {
  INT_DEV_SOF = 1 << 17,
  INT_SETUP_REQ = 1 << 16,
  INT_BUS_RESET = 1 << 12,
  INT_BUFF_STATUS = 1 << 4
};

// Buffer control: two halves of 16 bits, the upper for the second buffer of a pair (4.1.2.5.3).
enum {
  BUF_FULL = 1 << 15,
  BUF_DATA1 = 1 << 13,
  BUF_SELECT_0 = 1 << 12,
  BUF_STALL = 1 << 11,
  BUF_AVAILABLE = 1 << 10,
  BUF_LENGTH = 0x3ff
};
#define EP_CTRL(ep, in) REG(USB_DPRAM + 8 * (ep) + ((in) ? 0 : 4))
#define EP_ENABLE(type, offset) (1u << 31 | 1u << 29 | (uint32_t)(type) << 26 | (offset))
#define EP_DOUBLE (1u << 30)
#define EP_TELLS_NAK (1u << 16)  // in USB_STALL_NAK
enum { EP_BULK = 2, EP_INTERRUPT = 3 };

// Where buffers lie in the dual-port RAM.
enum { EP0_BUFFER = 0x100, NOTIFY_BUFFER = 0x180, OUT_BUFFER = 0x1c0, IN_BUFFER = 0x200 };

static inline volatile uint16_t *buf_ctrl(uint32_t ep, uint32_t in, uint32_t half) {
  return (volatile uint16_t *)(uintptr_t)(USB_DPRAM + 0x80 + 8 * ep + (in ? 0 : 4) + 2 * half);
}

// AVAILABLE goes last: the controller runs on another clock and may see a write in parts. Twelve
// cycles are three of its own (4.1.2.5.3, warning).
static inline void hand_over(volatile uint16_t *ctrl, uint32_t value) {
  *ctrl = (uint16_t)value;
  __asm volatile("b 1f\n1: b 1f\n1: b 1f\n1: b 1f\n1: b 1f\n1: b 1f\n1:" ::: "memory");
  *ctrl = (uint16_t)(value | BUF_AVAILABLE);
}

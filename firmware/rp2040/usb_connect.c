#include "usb_connect.h"

#include "usb_hw.h"

enum { DP_PIN = 15, REVISION_B1 = 1, FORCED_US = 1000 };
// GPIO_CTRL (2.19.6.1): function 8 routes the pin to the controller; output off, input high.
enum { FUNC_USB = 8, OE_OFF = 2 << 12, INPUT_HIGH = 3 << 16 };
enum { LINE_STATE = 3 << 2, CONNECTED = 1 << 16 };

static volatile enum { IDLE, RESETTING, FORCED } stage;
static uint32_t since, pin_ctrl, pin_pad;

void usb_connect_begin(void) {
  if (REG(SYSINFO_CHIP_ID) >> 28 == REVISION_B1 && stage == IDLE) stage = RESETTING;
}

// The pull-up stays with the PHY while the controller looks at the pin.
static void force_idle_line(void) {
  pin_ctrl = REG(GPIO_CTRL(DP_PIN));
  pin_pad = REG(PAD(DP_PIN));
  SET(PAD(DP_PIN)) = PAD_PUE | PAD_PDE;  // keeps the level it has
  REG(GPIO_CTRL(DP_PIN)) = FUNC_USB | OE_OFF | INPUT_HIGH;
  SET(USB_PHY_DIRECT) = PHY_DP_PULLUP;
  SET(USB_PHY_OVERRIDE) = PHY_DP_PULLUP_OVERRIDE;
  REG(USB_MUXING) = MUX_TO_PAD | MUX_SOFTCON;
  since = REG(TIMER_RAWL);
  stage = FORCED;
}

static void restore(void) {
  REG(USB_MUXING) = MUX_TO_PHY | MUX_SOFTCON;
  CLR(USB_PHY_OVERRIDE) = PHY_DP_PULLUP_OVERRIDE;
  REG(GPIO_CTRL(DP_PIN)) = pin_ctrl;
  REG(PAD(DP_PIN)) = pin_pad;
  stage = IDLE;
}

void usb_connect_step(void) {
  if (stage == RESETTING && REG(USB_SIE_STATUS) & LINE_STATE) force_idle_line();
  if (stage == FORCED && REG(TIMER_RAWL) - since >= FORCED_US && REG(USB_SIE_STATUS) & CONNECTED)
    restore();
}

// Endpoint 0: standard and CDC requests. In: a setup packet and the ends of transfers. Out: what
// the rest of the device has to know. Called from the USB interrupt only.
#pragma once
#include <stdint.h>

typedef struct {
  const char *serial;
  void (*on_configured)(uint32_t configuration);
  void (*on_line_state)(int dtr);
  void (*on_halt)(int in, int halted);  // of the data endpoint
} usb_control;

void usb_control_reset(const usb_control *c);
void usb_control_setup(void);
void usb_control_in_done(void);
void usb_control_out_done(void);

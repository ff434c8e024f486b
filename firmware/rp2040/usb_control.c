#include "usb_control.h"

#include "usb_descriptors.h"
#include "usb_hw.h"

// bmRequestType (USB 2.0, 9.3) and bRequest (9.4; PSTN 1.2, 6.3).
enum { DATA_INTERFACE = 1 };
enum { TO_HOST = 0x80, TYPE = 0x60, CLASS = 0x20, TO_ENDPOINT = 2 };
enum {
  GET_STATUS = 0,
  CLEAR_FEATURE = 1,
  SET_FEATURE = 3,
  SET_ADDRESS = 5,
  GET_DESCRIPTOR = 6,
  GET_CONFIGURATION = 8,
  SET_CONFIGURATION = 9,
  GET_INTERFACE = 10,
  SET_INTERFACE = 11
};
enum { SET_LINE_CODING = 0x20, GET_LINE_CODING = 0x21, SET_LINE_STATE = 0x22, SEND_BREAK = 0x23 };

typedef enum { IDLE, SENDING, RECEIVING, CONFIRMING } stage;

static struct {
  usb_control to;
  stage stage;
  const uint8_t *data;
  uint32_t left, pid;
  uint8_t short_end, address, configuration, halted[2], answer[2], line_coding[7];
} now;

static uint8_t *buffer(void) { return (uint8_t *)(uintptr_t)(USB_DPRAM + EP0_BUFFER); }

static void send_part(void) {
  uint32_t n = now.left < 64 ? now.left : 64;
  volatile uint8_t *b = buffer();
  for (uint32_t i = 0; i < n; i++) b[i] = *now.data++;
  now.left -= n;
  if (n < 64) now.short_end = 0;
  hand_over(buf_ctrl(0, 1, 0), BUF_FULL | (now.pid ? BUF_DATA1 : 0) | n);
  now.pid ^= 1;
}

// A data stage to the host; one that ends early on a whole packet needs an empty one after it.
static void send(const uint8_t *data, uint32_t n, uint32_t wanted) {
  now.stage = SENDING;
  now.data = data;
  now.left = n < wanted ? n : wanted;
  now.short_end = n < wanted;
  send_part();
}

static void confirm(void) {
  now.stage = CONFIRMING;
  hand_over(buf_ctrl(0, 1, 0), BUF_FULL | BUF_DATA1);
}

static void stall(void) {
  now.stage = IDLE;
  REG(USB_EP_STALL_ARM) = 3;
  *buf_ctrl(0, 1, 0) = BUF_STALL;
  *buf_ctrl(0, 0, 0) = BUF_STALL;
}

static void answer(uint32_t n, uint32_t value, uint32_t wanted) {
  now.answer[0] = (uint8_t)value;
  now.answer[1] = 0;
  send(now.answer, n, wanted);
}

static void descriptor(uint32_t value, uint32_t wanted) {
  uint32_t n = 0;
  const uint8_t *d = usb_descriptor(value >> 8, value & 255, now.to.serial, &n);
  if (d) send(d, n, wanted);
  else stall();
}

static int data_endpoint(uint32_t index) { return (index & 0x7f) == EP_DATA; }

static void halt_endpoint(uint32_t index, int halted) {
  int in = index >> 7 & 1;
  if (data_endpoint(index)) {
    now.halted[in] = (uint8_t)halted;
    now.to.on_halt(in, halted);
  }
  confirm();
}

static void standard_in(uint32_t type, uint32_t request, uint32_t value, uint32_t index,
                        uint32_t n) {
  int of_data = (type & 0x1f) == TO_ENDPOINT && data_endpoint(index);
  switch (request) {
    case GET_DESCRIPTOR: descriptor(value, n); break;
    case GET_CONFIGURATION: answer(1, now.configuration, n); break;
    case GET_INTERFACE: answer(1, 0, n); break;
    case GET_STATUS: answer(2, of_data ? now.halted[index >> 7 & 1] : 0, n); break;
    default: stall();
  }
}

static void configure(uint32_t configuration) {
  now.configuration = (uint8_t)configuration;
  now.halted[0] = now.halted[1] = 0;
  now.to.on_configured(configuration);
  confirm();
}

static void standard_out(uint32_t type, uint32_t request, uint32_t value, uint32_t index) {
  // Feature 0 is ENDPOINT_HALT; the device has no other (USB 2.0, table 9-6).
  int halt_feature = (type & 0x1f) == TO_ENDPOINT && value == 0;
  if (request == SET_ADDRESS) {
    now.address = value & 0x7f;
    confirm();
  } else if (request == SET_CONFIGURATION && value <= 1) {
    configure(value);
  } else if (request == SET_INTERFACE && value == 0 && index < 2) {
    // Its endpoints begin anew, with DATA0 (USB 2.0, 9.1.1.5).
    for (int in = 0; in < 2 && index == DATA_INTERFACE; in++) {
      now.halted[in] = 0;
      now.to.on_halt(in, 0);
    }
    confirm();
  } else if (halt_feature && (request == CLEAR_FEATURE || request == SET_FEATURE)) {
    halt_endpoint(index, request == SET_FEATURE);
  } else {
    stall();
  }
}

static void cdc(uint32_t request, uint32_t value, uint32_t n) {
  switch (request) {
    case SET_LINE_CODING:
      now.stage = RECEIVING;
      hand_over(buf_ctrl(0, 0, 0), BUF_DATA1 | 64);
      break;
    case GET_LINE_CODING: send(now.line_coding, 7, n); break;
    case SET_LINE_STATE:
      now.to.on_line_state(value & 1);
      confirm();
      break;
    case SEND_BREAK: confirm(); break;
    default: stall();
  }
}

void usb_control_reset(const usb_control *c) {
  now.to = *c;
  now.stage = IDLE;
  now.address = now.configuration = 0;
  REG(USB_ADDR_ENDP) = 0;
}

void usb_control_setup(void) {
  const volatile uint8_t *s = (const volatile uint8_t *)(uintptr_t)USB_DPRAM;
  // A setup packet ends whatever transfer was under way (USB 2.0, 8.5.3).
  *buf_ctrl(0, 1, 0) = 0;
  *buf_ctrl(0, 0, 0) = 0;
  now.pid = 1;
  now.address = 0;
  uint32_t value = s[2] | (uint32_t)s[3] << 8, index = s[4] | (uint32_t)s[5] << 8,
           n = s[6] | (uint32_t)s[7] << 8;
  if ((s[0] & TYPE) == 0 && s[0] & TO_HOST) standard_in(s[0], s[1], value, index, n);
  else if ((s[0] & TYPE) == 0) standard_out(s[0], s[1], value, index);
  else if ((s[0] & TYPE) == CLASS) cdc(s[1], value, n);
  else stall();
}

void usb_control_in_done(void) {
  if (now.stage == CONFIRMING) {
    if (now.address)
      REG(USB_ADDR_ENDP) = now.address;  // only now: the answer went from the old one
    now.address = 0;
    now.stage = IDLE;
  } else if (now.stage == SENDING) {
    if (now.left || now.short_end) {
      send_part();
    } else {
      now.stage = IDLE;
      hand_over(buf_ctrl(0, 0, 0), BUF_DATA1 | 64);  // the host's empty packet ends the transfer
    }
  }
}

void usb_control_out_done(void) {
  if (now.stage != RECEIVING) return;
  const volatile uint8_t *b = buffer();
  uint32_t n = *buf_ctrl(0, 0, 0) & BUF_LENGTH;
  for (uint32_t i = 0; i < n && i < 7; i++) now.line_coding[i] = b[i];
  confirm();
}

#include "usb.h"

#include "clocks.h"
#include "handlers.h"
#include "usb_connect.h"
#include "usb_control.h"
#include "usb_descriptors.h"
#include "usb_hw.h"

// Two IN buffers let the controller send one while the other is filled; with one, the host's next asking
// comes before it is full again and is told to wait (NAK). TinyUSB streams with two on silicon since 2021
// (hathach/tinyusb#891). -DUSB_IN_BUFFERS=1 takes one.
#ifndef USB_IN_BUFFERS
#define USB_IN_BUFFERS 2
#endif
enum { RX_PACKETS = 16 };
// Erratum RP2040-E15: an IN transaction late in a frame can end in babble behind a hub, and the
// controller may hang for good. So no IN buffer is handed over in a frame's last fifth, as in the SDK
// (PICO_RP2040_USB_DEVICE_UFRAME_FIX); the next frame's beginning makes up for it. A start of frame that
// was seen late says nothing of where the frame is: only one that came a frame after the last counts.
enum { FRAME_US = 1000, FRAME_SLACK_US = 50, LAST_HAND_OVER_US = 800 };
// A controller that hangs takes no token, not even SETUP, and only its reset helps (RP2040-E15;
// hathach/tinyusb#1779). A host that merely does not read goes on polling the notification endpoint.
enum { HUNG_US = 2000000, OFF_BUS_US = 100000 };

static uint8_t ring[USB_RING_BYTES] __attribute__((aligned(4)));
static volatile uint32_t written, sent;  // counts of bytes; their difference waits
static volatile uint64_t last_taken;
static uint32_t in_pid, in_half, in_select, out_pid;
static uint8_t
    ended_whole;  // the last packet was full: the host's read goes on until a shorter one
static volatile uint8_t configured, dtr, closed;
static volatile uint8_t halted[2];  // out, in
static uint32_t frame_began;  // tick of the last start of frame
static uint8_t frame_is_known;
static volatile uint64_t heard;       // when the controller last did something for the host
static volatile uint8_t is_unanswered;  // the bus was reset, and no request came since
static uint64_t back_at;              // off the bus until then; 0: on it

static usb_packet packets[RX_PACKETS];
static volatile uint32_t received, released;
static volatile uint32_t left_behind;  // packets before this count came from a listener that is gone
static volatile uint8_t out_waits;  // a packet would have no place: the host is made to wait

static const char *serial_number;

// Words, four at a time where there are as many: frames and packets are multiples of 4 bytes.
static void copy_words(volatile uint32_t *to, const uint32_t *from, uint32_t n) {
  for (; n >= 4; n -= 4, to += 4, from += 4) {
    uint32_t a = from[0], b = from[1], c = from[2], d = from[3];
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
  }
  while (n--) *to++ = *from++;
}

static uint32_t words_to_end(uint32_t at, uint32_t n) {
  uint32_t left = (USB_RING_BYTES - (at & (USB_RING_BYTES - 1))) / 4;
  return n < left ? n : left;
}

static uint32_t *in_ring(uint32_t at) {
  return (uint32_t *)(void *)&ring[at & (USB_RING_BYTES - 1)];
}

static void fill(volatile uint32_t *to, uint32_t from, uint32_t bytes) {
  uint32_t n = bytes / 4, first = words_to_end(from, n);
  copy_words(to, in_ring(from), first);
  copy_words(to + first, in_ring(0), n - first);
}

static int may_hand_over(void) {
  return frame_is_known && REG(TIMER_RAWL) - frame_began < LAST_HAND_OVER_US;
}

static void on_frame(void) {
  (void)REG(USB_SOF_RD);  // clears the interrupt
  uint32_t now = REG(TIMER_RAWL), off = now - frame_began - (FRAME_US - FRAME_SLACK_US);
  frame_is_known = off < 2 * FRAME_SLACK_US;
  frame_began = now;
}

// Hands over as much as there is and there are buffers for. Interrupts are off or this is one.
static void feed_in(void) {
  if (!configured || halted[1]) return;
  while (may_hand_over()) {
    volatile uint16_t *ctrl = buf_ctrl(EP_DATA, 1, in_half);
    if (*ctrl & BUF_AVAILABLE) return;
    uint32_t n = written - sent;
    if (n == 0 && !ended_whole) return;
    if (n > USB_PACKET) n = USB_PACKET;
    fill((volatile uint32_t *)(uintptr_t)(USB_DPRAM + IN_BUFFER + USB_PACKET * in_half), sent, n);
    sent += n;
    ended_whole = n == USB_PACKET;
    hand_over(ctrl, BUF_FULL | (in_pid ? BUF_DATA1 : 0) | in_select | n);
    in_pid ^= 1;
    in_select = 0;
    if (USB_IN_BUFFERS == 2) in_half ^= 1;
    else return;
  }
}

static void feed_out(void) {
  out_waits = received - released == RX_PACKETS;
  if (out_waits || !configured || halted[0]) return;
  hand_over(buf_ctrl(EP_DATA, 0, 0), (out_pid ? BUF_DATA1 : 0) | USB_PACKET);
  out_pid ^= 1;
}

static void take_out(void) {
  usb_packet *p = &packets[received % RX_PACKETS];
  const volatile uint8_t *b = (const volatile uint8_t *)(uintptr_t)(USB_DPRAM + OUT_BUFFER);
  p->tick = clock_now();
  p->n = *buf_ctrl(EP_DATA, 0, 0) & BUF_LENGTH;
  for (uint32_t i = 0; i < p->n; i++) p->bytes[i] = b[i];
  received++;
  feed_out();
}

// Nobody listens any more: what waits in either direction is dropped, and the next listener begins
// with whole frames, but for the packets that the controller has already.
static void close(void) {
  sent = written;
  left_behind = received;
  ended_whole = 0;
  dtr = 0;
  closed = 1;
}

// Takes a data endpoint's buffers back, or has it stall: both of a pair, since which one the
// controller looks at next is its own affair. Toggles begin with DATA0 again (USB 2.0, 9.4.5).
static void begin_endpoint(int in, uint16_t ctrl) {
  *buf_ctrl(EP_DATA, (uint32_t)in, 0) = ctrl;
  if (!in) {
    out_pid = 0;
    return;
  }
  *buf_ctrl(EP_DATA, 1, 1) = ctrl;
  in_pid = in_half = ended_whole = 0;
  in_select = BUF_SELECT_0;
}

static void on_configured(uint32_t configuration) {
  configured = (uint8_t)configuration;
  close();
  halted[0] = halted[1] = 0;
  begin_endpoint(0, 0);
  begin_endpoint(1, 0);
  if (!configured) return;
  EP_CTRL(EP_NOTIFY, 1) = EP_ENABLE(EP_INTERRUPT, NOTIFY_BUFFER) | EP_TELLS_NAK;
  EP_CTRL(EP_DATA, 1) = EP_ENABLE(EP_BULK, IN_BUFFER) | (USB_IN_BUFFERS == 2 ? EP_DOUBLE : 0);
  EP_CTRL(EP_DATA, 0) = EP_ENABLE(EP_BULK, OUT_BUFFER);
  feed_out();
}

static void on_line_state(int on) {
  if (dtr && !on) close();
  dtr = (uint8_t)on;
}

static void on_halt(int in, int on) {
  halted[in] = (uint8_t)on;
  begin_endpoint(in, on ? BUF_STALL : 0);
  if (in) feed_in();
  else feed_out();
}

static void reset_bus(void) {
  static const usb_control control = {0, on_configured, on_line_state, on_halt};
  usb_control c = control;
  c.serial = serial_number;
  usb_control_reset(&c);
  REG(USB_BUFF_STATUS) = REG(USB_BUFF_STATUS);  // what ended before the reset is nobody's any more
  on_configured(0);
}

static void buffers_done(void) {
  uint32_t status = REG(USB_BUFF_STATUS);
  REG(USB_BUFF_STATUS) = status;
  if (status & 1) usb_control_in_done();
  if (status & 2) usb_control_out_done();
  if (status & 1u << 2 * EP_DATA) {
    last_taken = heard = clock_now();
    feed_in();
  }
  if (status & 2u << 2 * EP_DATA) {
    heard = clock_now();
    take_out();
  }
}

void on_usb(void) {
  uint32_t s = REG(USB_INTS);
  if (s & INT_BUS_RESET) {
    REG(USB_SIE_STATUS) = SIE_BUS_RESET;
    reset_bus();
    heard = clock_now();
    is_unanswered = 1;
    usb_connect_begin();
  }
  if (s & INT_DEV_SOF) {
    on_frame();
    feed_in();
  }
  if (s & INT_BUFF_STATUS) buffers_done();  // before a setup packet: they ended before it came
  if (s & INT_SETUP_REQ) {
    REG(USB_SIE_STATUS) = SIE_SETUP_REC;
    heard = clock_now();
    is_unanswered = 0;
    usb_control_setup();
  }
}

void usb_start(const char *serial) {
  serial_number = serial;
  for (uint32_t i = 0; i < 4096; i += 4) REG(USB_DPRAM + i) = 0;
  is_unanswered = 0;
  reset_bus();
  REG(USB_MUXING) = MUX_TO_PHY | MUX_SOFTCON;
  REG(USB_PWR) = 1 << 2 | 1 << 3;  // the board's VBUS is taken for granted
  REG(USB_MAIN_CTRL) = 1;
  REG(USB_SIE_CTRL) = SIE_EP0_INT_1BUF;
  REG(USB_INTE) = INT_DEV_SOF | INT_SETUP_REQ | INT_BUS_RESET | INT_BUFF_STATUS;
  REG(NVIC_ISER) = 1u << IRQ_USBCTRL;
  SET(USB_SIE_CTRL) = SIE_PULLUP_EN;
}

void usb_stop(void) {
  CLR(USB_SIE_CTRL) = SIE_PULLUP_EN;
  REG(NVIC_ICER) = 1u << IRQ_USBCTRL;
}

// Something is due from the host and nothing came for so long. Asleep is not hung.
static int is_hung(uint64_t now) {
  uint64_t since;
  int waits = usb_is_waiting(&since);
  irq_off();
  int alive = REG(USB_STALL_NAK) & 1u << 2 * EP_NOTIFY || REG(USB_SIE_STATUS) & SIE_SUSPENDED;
  REG(USB_STALL_NAK) = 1u << 2 * EP_NOTIFY;
  if (alive || !(is_unanswered || (configured && dtr && waits))) heard = now;
  int hung = now > heard + HUNG_US;
  irq_on();
  return hung;
}

// The controller is reset, and off the bus for long enough that the host takes it for unplugged.
void usb_tend(uint64_t now) {
  if (back_at == 0) {
    usb_connect_step();
    if (!is_hung(now)) return;
    usb_stop();
    reset_bus();
    SET(RESETS) = RESET_USBCTRL;
    CLR(RESETS) = RESET_USBCTRL;
    while (!(REG(RESET_DONE) & RESET_USBCTRL)) continue;
    back_at = now + OFF_BUS_US;
  } else if (now >= back_at) {
    back_at = 0;
    usb_start(serial_number);
  }
}

int usb_was_closed(void) {
  irq_off();
  int was = closed;
  if (was) {
    sent = written;  // also what was written while it closed
    released = left_behind;
    if (out_waits) feed_out();
  }
  closed = 0;
  irq_on();
  return was;
}

uint32_t usb_room(void) { return USB_RING_BYTES - (written - sent); }

void usb_write(const uint8_t *frame, uint32_t bytes) {
  const uint32_t *from = (const uint32_t *)(const void *)frame;
  uint32_t n = bytes / 4, first = words_to_end(written, n);
  copy_words(in_ring(written), from, first);
  copy_words(in_ring(0), from + first, n - first);
  irq_off();
  if (written == sent) last_taken = clock_now();
  written += bytes;
  feed_in();
  irq_on();
}

int usb_is_waiting(uint64_t *at) {
  irq_off();
  *at = last_taken;
  uint32_t ctrl = *buf_ctrl(EP_DATA, 1, 0) | (USB_IN_BUFFERS == 2 ? *buf_ctrl(EP_DATA, 1, 1) : 0u);
  int waits = written != sent || (ctrl & BUF_AVAILABLE);
  irq_on();
  return waits;
}

const usb_packet *usb_received(void) {
  return received == released ? 0 : &packets[released % RX_PACKETS];
}

void usb_release(void) {
  irq_off();
  released++;
  if (out_waits) feed_out();
  irq_on();
}
